"""The tools, and the border where a call's arguments are checked once."""

from __future__ import annotations

import contextlib
import json
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from tools.ask import Ask
from tools.base import Tool, ToolCall, ToolError, ToolSchema
from tools.check import Check
from tools.edit import Edit
from tools.fetch import Fetch
from tools.git import Git
from tools.plan import Plan
from tools.read import Read
from tools.search import Search
from tools.shell import Shell
from tools.show import Show
from tools.write import Write

TOOLS: tuple[Tool[Any], ...] = (
    Read(),
    Edit(),
    Write(),
    Search(),
    Shell(),
    Git(),
    Check(),
    Plan(),
    Ask(),
    Fetch(),
    Show(),
)

# what other agents call these tools; models have learned the names
OTHER_NAMES = {
    "bash": "shell",
    "browse": "fetch",
    "cat": "read",
    "chart": "show",
    "create": "write",
    "curl": "fetch",
    "diagram": "show",
    "exec": "shell",
    "execute": "shell",
    "find": "search",
    "get": "fetch",
    "glob": "search",
    "grep": "search",
    "list": "read",
    "ls": "read",
    "open": "read",
    "patch": "edit",
    "plot": "show",
    "pytest": "check",
    "replace": "edit",
    "run": "shell",
    "str_replace": "edit",
    "table": "show",
    "terminal": "shell",
    "test": "check",
    "tests": "check",
    "todo": "plan",
    "url": "fetch",
    "web": "fetch",
    "webfetch": "fetch",
}
# names of arguments, and what they certainly mean where the tool has no such argument
OTHER_ARGUMENTS = {
    "file": "path",
    "file_path": "path",
    "filename": "path",
    "filepath": "path",
    "folder": "path",
    "directory": "path",
    "cmd": "command",
    "script": "command",
    "query": "pattern",
    "regex": "pattern",
    "text": "content",
    "contents": "content",
    "old_string": "old",
    "old_str": "old",
    "old_text": "old",
    "new_string": "new",
    "new_str": "new",
    "new_text": "new",
    "code": "new",
    "function": "symbol",
    "replace_all": "all",
    "start_line": "start",
    "end_line": "end",
    "destination": "move_to",
    "options": "choices",
    "todos": "items",
    "include": "glob",
    "case_insensitive": "ignore_case",
    "max_results": "limit",
}
_WRAPPERS = ("arguments", "args", "parameters", "input")
_FILE_TOOLS = ("read", "edit", "write")
# the arguments of theirs that are paths, in all their spellings
_PATHS = {"path", "move_to"} | {
    other for other, name in OTHER_ARGUMENTS.items() if name in ("path", "move_to")
}


def schemas(without: frozenset[str] = frozenset(), small: bool = False) -> tuple[ToolSchema, ...]:
    """Return every tool as a model is told of it, but those that are named.

    A `small` model is told of fewer, and of less of each: see `Brief`.
    """
    told = [tool for tool in TOOLS if tool.name not in without]
    if small:
        return tuple(tool.schema(tool.brief) for tool in told if tool.brief is not None)
    return tuple(tool.schema() for tool in told)


def find(name: str) -> Tool[Any]:
    """Return the tool of this name; raises ToolError, naming the nearest."""
    for tool in TOOLS:
        if tool.name == name:
            return tool
    names = [tool.name for tool in TOOLS]
    plain = name.strip().lower().replace("-", "_")
    words = plain.removesuffix("_tool").split("_")
    near = [word for word in words if word in names]
    near += [OTHER_NAMES[key] for key in (plain, *reversed(words)) if key in OTHER_NAMES]
    near += get_close_matches(plain, names, 1, 0.6)
    hint = f"use {near[0]}" if near else f"there are: {', '.join(names)}"
    raise ToolError(f"no tool named `{name}`; {hint}")


def files_named(call: ToolCall) -> list[str]:
    """Return the files that a call reads or changes, as they were given."""
    with contextlib.suppress(ToolError):
        if find(call.name).name in _FILE_TOOLS:
            given = (value for name, value in call.arguments.items() if name in _PATHS)
            return [value for value in given if isinstance(value, str) and value]
    return []


def parse(call: ToolCall) -> tuple[Tool[Any], Any]:
    """Return the tool and its checked arguments; raises ToolError, showing the right shape."""
    tool = find(call.name)
    given = _repaired(tool, call.arguments)
    try:
        return tool, tool.args.model_validate(given)
    except ValidationError as error:
        said = "; ".join(dict.fromkeys(_said(each, tool) for each in error.errors()))
        raise ToolError(f"{tool.name}: {said}. Expected: {shape(tool)}") from None


def shape(tool: Tool[Any]) -> str:
    """Return the call in one line, such as `read(path: string, start?: integer)`."""
    schema = tool.schema().parameters
    required = schema.get("required", [])
    parts = [
        f"{name}{'' if name in required else '?'}: {_type(inner)}"
        for name, inner in schema.get("properties", {}).items()
    ]
    return f"{tool.name}({', '.join(parts)})"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"[{_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        required = schema.get("required", [])
        inner = (
            f"{name}{'' if name in required else '?'}: {_type(value)}"
            for name, value in schema.get("properties", {}).items()
        )
        return "{" + ", ".join(inner) + "}"
    return str(schema.get("type", "any"))


def _repaired(tool: Tool[Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with what is certainly meant put right."""
    fields = tool.args.model_fields
    if len(arguments) == 1:
        ((name, value),) = arguments.items()
        value = _loaded(value)
        if name in _WRAPPERS and name not in fields and isinstance(value, dict):
            arguments = value
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        meant = OTHER_ARGUMENTS.get(name, name)
        if name not in fields and meant in fields and meant not in arguments:
            name = meant
        given[name] = value
    properties = tool.schema().parameters.get("properties", {})
    for name, value in list(given.items()):
        if name not in fields:
            continue
        kind = properties[name].get("type")
        empty = value is None or (value == "" and kind != "string")
        if empty and not fields[name].is_required():
            del given[name]
        elif kind == "array":
            given[name] = _as_list(value, properties[name].get("items", {}))
    return given


def _loaded(value: Any) -> Any:
    """Return what a JSON text of a list or an object says, and anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value, strict=False)
        except ValueError:
            return value
    return value


def _as_list(value: Any, items: dict[str, Any]) -> Any:
    """Return a list where one was meant: its JSON, or its only item."""
    value = _loaded(value)
    if isinstance(value, dict) or (isinstance(value, str) and items.get("type") == "string"):
        value = [value]
    if not isinstance(value, list) or items.get("type") != "object":
        return value
    required = items.get("required", [])
    loaded = [_loaded(each) for each in value]
    if len(required) == 1:  # a plain text stands for its one necessary part
        return [{required[0]: each} if isinstance(each, str) else each for each in loaded]
    return loaded


def _said(error: Any, tool: Tool[Any]) -> str:
    """Return one of pydantic's complaints in our words."""
    place = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"`{place}` is missing"
        case "extra_forbidden":
            names = list(_fields_at(tool.args, error["loc"]))
            near = get_close_matches(str(error["loc"][-1]), names, 1, 0.6)
            return f"no argument `{place}`" + (f", did you mean `{near[0]}`?" if near else "")
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            got = json.dumps(error["input"], default=str)
            what = error["msg"].removeprefix("Input should be ")
            return f"`{place}` should be {what}, not {got[:60]}"


def _fields_at(args: type[BaseModel], place: tuple[Any, ...]) -> list[str]:
    return list(args.model_fields) if len(place) == 1 else []

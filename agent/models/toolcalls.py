"""How tools are shown to a model that is served as text, and how its calls are read.

Models write calls in the form they know, whatever they are told. `dialects.table` has the forms;
all are read in every reply. What is certain is repaired; the rest becomes a `problem` that tells
the model the exact shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.models import blocks
from agent.models.dialects.base import Amiss, Dialect, Found, Place
from agent.models.dialects.channels import separate
from agent.models.dialects.repair import is_sound
from agent.models.dialects.schema import settled
from agent.models.dialects.table import after, openings, unwrapped
from tools.base import ToolCall, ToolSchema

STOP = ("<tool_response>",)  # a model that writes results itself has stopped asking for them
SHAPE = '```json\n{"name": <tool-name>, "arguments": <args-json-object>}\n```'

# measured: the default model begins a call for a question about the project with p = 0.46 to 0.71
# after these words, and with 0.12 to 0.61 after "For each tool use, return a JSON object…"
_USE = (
    "Your reply starts with a tool use, until the results show the answer. "
    "For each, return a JSON object with the tool name and its arguments:"
)
_HEAD = r'\{\s*"name"\s*:\s*"'
_NO_BLOCK = Amiss("has no whole block of code behind it")
_TYPES = {"integer": "int", "number": "number", "boolean": "bool", "object": "object"}


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """A reply taken apart. `problem` is for the model: what it wrote amiss, and the shape."""

    text: str
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    problem: str = ""


# -- showing


def render(tools: Sequence[ToolSchema]) -> str:
    """Return the tools as lines of a system message: a signature and a sentence each."""
    lines = [f"{_shapes(tool)} {tool.description}" for tool in tools]
    shapes = (
        [SHAPE, blocks.SHAPE] if any(way.body for tool in tools for way in tool.ways) else [SHAPE]
    )
    return "\n".join(["# Tools", *lines, "", _USE, *shapes])


def _shapes(tool: ToolSchema) -> str:
    ways = [way.parameters for way in tool.ways] or [tool.parameters]
    return " or ".join(f"{tool.name}({_signature(way)})" for way in ways)


def _signature(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    parts = []
    for name, about in schema.get("properties", {}).items():
        kind = _kind(about)
        parts.append(f"{name}{'' if name in required else '?'}{f': {kind}' if kind else ''}")
    return ", ".join(parts)


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of an argument in a word; empty for text, which most are."""
    if "enum" in schema:
        each = (one if isinstance(one, str) else json.dumps(one) for one in schema["enum"])
        return "|".join(each)
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _kind(choice)
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"[{_kind(items) or 'text'}]"
    if "properties" in schema:
        return f"{{{_signature(schema)}}}"
    return _TYPES.get(schema.get("type", ""), "")


def trigger(names: Sequence[str]) -> str:
    """Return a regular expression for where a call begins, as far as that is certain.

    The grammar starts at its group `call`. In an object without tags that is after the name of one
    of the tools: an example of JSON in an answer must stay free. At the start of a reply nothing
    else begins so, whatever tool the model has in mind.
    """
    known = "|".join(map(re.escape, names))
    return rf'(?P<first>\A\s*(?:```\w*\s*)?)?(?P<call>{_HEAD}(?(first)|(?:{known})"))'


def calling(names: Sequence[str]) -> str:
    """Return a regular expression for the beginning of a call of one of these tools."""
    known = "|".join(map(re.escape, names))
    return rf'{_HEAD}(?:{known})"'


def render_call(call: ToolCall, tools: Sequence[ToolSchema] = ()) -> str:
    """Return a call as the model is told to write it."""
    arguments, block = dict(call.arguments), ""
    for way in (way for tool in tools if tool.name == call.name for way in tool.ways if way.body):
        rest = arguments.keys() - {way.body}
        if way.body in arguments and rest == {*way.parameters["required"]}:
            path, text = arguments.get("path", ""), arguments.pop(way.body)
            block = f"\n{blocks.write(str(text), str(path))}"
    written = json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)
    return f"```json\n{written}\n```{block}"


# -- reading


def parse(
    reply: str,
    tools: Sequence[ToolSchema | str],
    *,
    first: int = 1,
    cut: bool = False,
    opened: bool = False,
) -> ParsedReply:
    """Take a reply apart; its calls are numbered `c1`, `c2`… from `first`.

    Without `tools` nothing is a call; of a tool that is given by its name alone the types of
    arguments are not known. What only resembles a call (a `package.json`) stays text:
    without marks of its own a call is one only by the name of one of the tools, and an unknown
    name in quoted code is an example. `cut` says that the reply ended at a limit: then a call
    without its end is not completed, since what was cut off cannot be known. `opened` says that
    the prompt ended inside of a thought.
    """
    thinking, answer = separate(reply, cut=cut, opened=opened)
    if not tools:
        return ParsedReply(answer.strip(), thinking)
    schemas = dict(map(_known, tools))
    followed = {tool.name: tool for tool in tools if isinstance(tool, ToolSchema)}
    table = openings(tuple(schemas))
    calls: list[ToolCall] = []
    problem = ""
    kept: list[str] = []
    at = 0
    fences = 0  # in the text so far
    search_from = 0
    while match := table.whole.search(answer, search_from):
        dialect = table.dialect(match)
        before = answer[at : match.start()]
        lead = unwrapped(before)
        # the opening of a fence, or a quote, before what may be an example
        quoted = (fences + before.count("```")) % 2 == 1 or before.endswith("`")
        read = dialect.read(Place(answer, match.start(), match.end(), cut, quoted, schemas))
        if isinstance(read, Found) and not all(is_sound(each) for _, each in read.calls):
            read = Amiss("has an argument that is no JSON value", readable=True)
        if isinstance(read, Found) and _is_meant(read, dialect, quoted, schemas):
            kept.append(lead)
            fences += lead.count("```")
            for name, arguments in read.calls:
                arguments = settled(arguments, schemas.get(name, {}))
                calls.append(ToolCall(id=f"c{first + len(calls)}", name=name, arguments=arguments))
            opening = answer[at + len(lead) : match.end()]
            at, fenced = read.end, "```" in opening
            tool = followed.get(calls[-1].name)
            if tool is not None and (body := blocks.follows(tool, calls[-1].arguments)):
                if found := blocks.read(answer, at):
                    calls[-1].arguments[body], at = found
                    fenced = False
                elif cut:
                    problem = problem or _problem(answer[match.start() :], _NO_BLOCK, dialect, cut)
                    calls.pop()
            at = search_from = after(answer, at, fenced=fenced)
            continue
        if isinstance(read, Amiss) and not (quoted and not _names_a_tool(match, schemas)):
            problem = problem or _problem(answer[match.start() :], read, dialect, cut)
            if not read.readable:
                # the rest of the reply is inside of the call that cannot be read
                kept.append(lead)
                at = len(answer)
                break
        search_from = max(match.end(), match.start() + 1)
    rest = answer[at:]
    if cut and (held := table.begun.search(rest)):
        rest = rest[: held.start()]  # the beginning of a call is no text
    text = "".join([*kept, rest]).strip()
    return ParsedReply(text, thinking, tuple(calls), "" if calls else problem)


def _known(tool: ToolSchema | str) -> tuple[str, dict[str, Any]]:
    return (tool, {}) if isinstance(tool, str) else (tool.name, tool.parameters)


def _is_meant(read: Found, dialect: Dialect, quoted: bool, tools: dict[str, Any]) -> bool:
    return all(name in tools or (dialect.marked and not quoted) for name, _ in read.calls)


def _names_a_tool(match: re.Match[str], tools: dict[str, Any]) -> bool:
    written = match.string[match.start() : match.end() + 60]
    return any(word in tools for word in re.findall(r"[\w-]+", written))


def _problem(written: str, amiss: Amiss, dialect: Dialect, cut: bool) -> str:
    line = " ".join(written.split())[:80]
    what = "was cut off before its end" if cut and not amiss.readable else amiss.what
    shape = dialect.shape or SHAPE
    return f"Your call {what}: {line}\nWrite it again in exactly this shape:\n{shape}"

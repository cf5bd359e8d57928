"""What a call is about, in a few words: a path, a command, a pattern."""

from __future__ import annotations

from typing import Any

from tools.base import ToolCall
from tui.cards.lines import one_line


def target(call: ToolCall) -> tuple[str, str]:
    """Return what a call is about, and what more is said of it; both on one inert line."""
    given = call.arguments
    match call.name:
        case "read":
            found = _text(given, "path") + _range(given), ""
        case "edit":
            found = _text(given, "path"), ", ".join(_symbols(given))
        case "write" if given.get("delete"):
            found = _text(given, "path"), "delete"
        case "write":
            goal = _text(given, "move_to")
            found = _text(given, "path"), f"to {goal}" if goal else ""
        case "search":
            where = " ".join(filter(None, (_text(given, "path"), _text(given, "glob"))))
            found = _text(given, "pattern"), f"in {where}" if where not in ("", ".") else ""
        case "shell" if not _text(given, "command"):
            found = _text(given, "job"), "stop" if given.get("stop") else ""
        case "shell":
            first, _, others = _text(given, "command").strip().partition("\n")
            after = "in the background" if given.get("background") else ""
            found = first + (" …" if others else ""), after
        case "git":
            words = [_text(given, "action"), _text(given, "rev"), *_texts(given, "paths")]
            found = " ".join(filter(None, words)), _text(given, "message")
        case "check":
            found = " ".join(_texts(given, "targets")) or "all tests", ""
        case "show":
            words = [_text(given, "kind"), _text(given, "path"), *_texts(given, "names")]
            found = " ".join(filter(None, words)), ""
        case "fetch":
            found = _text(given, "url"), ""
        case _:
            found = " ".join(f"{name}={value}" for name, value in given.items()), ""
    return one_line(found[0][:2000]), one_line(found[1][:500])


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else str(value)


def _texts(given: dict[str, Any], name: str) -> list[str]:
    value = given.get(name, [])
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def _range(given: dict[str, Any]) -> str:
    start, end = given.get("start") or 1, given.get("end") or 0
    if (start, end) == (1, 0):
        return ""
    return f":{start}-{end}" if end else f":{start}-"


def _symbols(given: dict[str, Any]) -> list[str]:
    edits = given.get("edits")
    parts = [given, *(edits if isinstance(edits, list | tuple) else ())]
    names = [each.get("symbol") for each in parts if isinstance(each, dict)]
    return [f"{name}()" if str(name).isidentifier() else str(name) for name in names if name]

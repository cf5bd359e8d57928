"""JSON, and what comes close to it: read where only one reading is possible."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from dataclasses import dataclass
from typing import Any

_CLOSING = {"{": "}", "[": "]", "(": ")"}
# outside of strings these end whatever was left open
_STOP = re.compile(r"</|<\||<\uff5c|```|<end_function_call>|\[TOOL_CALLS\]")


@dataclass(frozen=True, slots=True)
class Value:
    """What was read, and where it ends in the text."""

    value: Any
    end: int


def value_at(text: str, start: int, *, cut: bool = False) -> Value | None:
    """Read the object or the list at `start`; None where that is not certain.

    With `cut`, missing brackets are not among the repairs.
    """
    if not text.startswith(("{", "["), start):
        return None
    try:
        # not strict: a line break inside of a string can only be meant as one
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        return Value(value, end)
    except (ValueError, RecursionError):
        pass
    end, missing = extent(text, start)
    if missing is None or (cut and missing):
        return None
    body = _TRIPLE.sub(_single, text[start:end].rstrip() + missing)
    try:
        return Value(json.loads(_repaired(body), strict=False), end)
    except (ValueError, RecursionError):
        pass
    try:
        # as JSON has it: no tuples, and keys are text
        value = json.loads(json.dumps(ast.literal_eval(body)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return Value(value, end) if isinstance(value, dict | list) else None


def is_sound(value: Any) -> bool:
    """Whether a value can be written as JSON and as UTF-8: no NaN, no half of a character."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def extent(text: str, start: int) -> tuple[int, str | None]:
    """Return where the brackets at `start` close, and those that are missing at the end.

    None for the missing ones when a string was left open: what else it held is not certain.
    """
    open_brackets: list[str] = []
    at = start
    while at < len(text):
        char = text[at]
        if char in "\"'":
            after = _string_end(text, at)
            if after is None:
                return len(text), None
            at = after
            continue
        if char in _CLOSING:
            open_brackets.append(_CLOSING[char])
        elif char in "}])":
            if not open_brackets or open_brackets.pop() != char:
                return at, ""
            if not open_brackets:
                return at + 1, ""
        elif _STOP.match(text, at):
            break
        at += 1
    return at, "".join(reversed(open_brackets))


# what closes a long string is followed by what closes or goes on
_LONG_ENDS = {quote: re.compile(rf"{quote * 3}(?=\s*[,}}\])])") for quote in "\"'"}
_SHORT_ENDS = {quote: re.compile(rf"(?:[^{quote}\\]|\\.)*{quote}", re.DOTALL) for quote in "\"'"}


def _string_end(text: str, at: int) -> int | None:
    quote = text[at]
    if text.startswith(quote * 3, at):
        match = _LONG_ENDS[quote].search(text, at + 3)
    else:
        match = _SHORT_ENDS[quote].match(text, at + 1)
    return match.end() if match else None


# a small model writes Python's long strings into JSON
_TRIPLE = re.compile(r'(?<=[:\[,])(\s*)"""(.*?)"""(?=\s*[,}\]])', re.DOTALL)


def _single(match: re.Match[str]) -> str:
    """Return a long string as JSON; its lines are indented like the object around it."""
    text = match[2]
    if text.startswith("\n"):
        lines = textwrap.dedent(text[1:])
        text = lines.rstrip(" \t") if lines.strip() else ""
    return match[1] + json.dumps(text)


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BAD_ESCAPE = re.compile(r'(\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})|\\')
_WORDS = {"True": "true", "False": "false", "None": "null"}


def _repaired(body: str) -> str:
    """Return the object with what is certainly meant, outside and inside of strings."""
    parts: list[str] = []
    at = 0
    for match in _STRING.finditer(body):
        parts.append(_plain(body[at : match.start()]))
        parts.append(_BAD_ESCAPE.sub(lambda found: found[1] or r"\\", match[0]))
        at = match.end()
    return "".join([*parts, _plain(body[at:])])


def _plain(text: str) -> str:
    """Mend what stands between strings: Python's words, a comma before a closing bracket."""
    words = re.sub(r"\b(True|False|None)\b", lambda match: _WORDS[match[1]], text)
    return re.sub(r",(\s*[}\]])", r"\1", words)

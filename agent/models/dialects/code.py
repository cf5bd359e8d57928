"""Dialects that write a call as code: Python, and the notation of Gemma's own."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from agent.models.dialects.base import (
    GAP,
    KNOWN,
    NAME,
    Amiss,
    Dialect,
    Found,
    Look,
    Opening,
    Place,
    one_of,
    past,
)
from agent.models.dialects.repair import extent
from tools.base import ToolCall

_OPEN = Amiss("is not closed as it should be")
_ODD = Amiss("is not a call with plain values as arguments", readable=True)
_HEAD = re.compile(r"(?P<print>print\s*\(\s*)?(?:default_api\.)?(?P<name>[\w.-]+?)(?:\.call)?\(")
_BETWEEN = re.compile(r"[\s,;]*")
_SPACE = re.compile(r"\s*")
_COMMA = re.compile(r"\s*,?\s*")
_PRINTED = re.compile(r"\s*\)")
_WORDS = {"true": True, "false": False, "null": None}


Call = tuple[str, dict[str, Any]]


class _NotPlain(Exception):
    """An argument is an expression, not a value."""


def _python(place: Place) -> Found | Amiss | None:
    """Read calls that follow each other after the opening's marks, in brackets or not."""
    at = past(_MARKS, place.text, place.start)
    return _listed(place, at) if place.text.startswith("[", at) else _in_turn(place, at)


_MARKS = re.compile(r"(?:<\|\w+\|>|<function_calls>|```\w*)?\s*")


def _in_turn(place: Place, at: int) -> Found | Amiss:
    """Read calls until there are no more; one that is amiss ends them."""
    calls: list[Call] = []
    while head := _HEAD.match(place.text, at):
        if calls and calls[0][0] in place.tools and head["name"] not in place.tools:
            break
        one = _one(place, at)
        if isinstance(one, Amiss):
            # what follows is inside of the call that cannot be read
            return Found(tuple(calls), at if one.readable else len(place.text)) if calls else one
        calls += one.calls
        at = past(_BETWEEN, place.text, one.end)
    return Found(tuple(calls), at) if calls else _ODD


def _listed(place: Place, at: int) -> Found | Amiss:
    """Read calls in brackets: all of them, or none."""
    text = place.text
    at = past(_SPACE, text, at + 1)
    calls: list[Call] = []
    while not text.startswith("]", at):
        if not _HEAD.match(text, at):
            # at the very end only the bracket is missing
            closed = calls and not place.cut and not text[at:].strip()
            return Found(tuple(calls), len(text)) if closed else _ODD if text[at:] else _OPEN
        one = _one(place, at)
        if isinstance(one, Amiss):
            return one
        calls += one.calls
        at = past(_COMMA, text, one.end)
        if at == past(_SPACE, text, one.end) and text[at:] and text[at] != "]":
            return _ODD  # a comprehension, a sum: code, but no call of ours
    return Found(tuple(calls), at + 1) if calls else _ODD


def _one(place: Place, at: int) -> Found | Amiss:
    """Read the call that begins at a place."""
    head = _HEAD.match(place.text, at)
    if head is None:
        return _ODD
    start, name = head.end() - 1, head["name"]
    end, missing = extent(place.text, start)
    if missing is None or (missing and (place.cut or place.text[end:].strip())):
        return _OPEN
    try:
        arguments = _arguments(place.text[start:end] + missing, name, place.tools)
    except (_NotPlain, SyntaxError, ValueError, MemoryError, RecursionError):
        return _ODD
    return Found(((name, arguments),), past(_PRINTED, place.text, end) if head["print"] else end)


def _bare(place: Place) -> Found | Amiss | None:
    """Read a list that stands alone on its line; anything else is code in an answer."""
    read = _listed(place, place.start)
    if isinstance(read, Amiss):
        return None if read.readable else read
    rest = place.text[read.end :].partition("\n")
    alone = not re.sub(r"<\|\w+\|>", "", rest[0]).strip()
    if place.cut and not rest[1]:
        return _OPEN  # its line may go on
    if place.quoted and not _OUR_FENCE.search(place.text[: place.start]):
        return None
    return read if alone else None


_OUR_FENCE = re.compile(r"```(?:json|text|tool_\w+)?\s*\Z")


def _arguments(written: str, name: str, tools: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the arguments of `(…)`; raises for what is not a plain value."""
    try:
        node = ast.parse(f"f{written}", mode="eval").body
    except SyntaxError:
        node = ast.parse(f"f{_one_line(written)}", mode="eval").body
    if not isinstance(node, ast.Call):
        raise _NotPlain
    order = list(tools.get(name, {}).get("properties", ()))
    if len(node.args) > len(order):
        raise _NotPlain
    arguments = {key: _plain(value) for key, value in zip(order, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in arguments:
            raise _NotPlain
        arguments[keyword.arg] = _plain(keyword.value)
    return arguments


_STRINGS = re.compile(
    r'("""|\'\'\')(?:\\.|.)*?\1|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL
)


def _one_line(code: str) -> str:
    """Write line breaks inside of plain strings as Python wants them: nothing else can be meant."""

    def mend(match: re.Match[str]) -> str:
        return match[0] if match[1] else match[0].replace("\n", "\\n").replace("\r", "\\r")

    return _STRINGS.sub(mend, code)


def _plain(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.Name(id=name) if name in _WORDS:
            return _WORDS[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_plain(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                str(_plain(key)) if key else _refuse(): _plain(value)
                for key, value in zip(keys, values, strict=True)
            }
    return _refuse()


def _refuse() -> Any:
    raise _NotPlain


def _code(call: ToolCall) -> str:
    return f"{call.name}({', '.join(f'{key}={value!r}' for key, value in call.arguments.items())})"


def _after(*marks: str) -> tuple[Opening, ...]:
    return tuple(
        opening
        for mark in marks
        for opening in ((mark, GAP, "[", GAP, NAME, "("), (mark, GAP, NAME, "("))
    )


PYTHONIC = Dialect(
    # Llama 4 and 3.2: vLLM pythonic_tool_parser.py, llama4_pythonic_tool_parser.py
    name="pythonic",
    opens=((Look(r"(?<![^\n])"), "[", GAP, KNOWN, "("),),
    read=_bare,
    marked=False,
    after=("<|python_end|>", "<|eom_id|>", "<|eot_id|>"),
    shape="[<tool-name>(<argument-name>=<value>)]",
    write=lambda call: f"[{_code(call)}]",
)
MARKED_PYTHON = Dialect(
    # Llama 3.1 and 4 with their tags, LFM2 (sglang lfm2_detector.py), Olmo 3 (vLLM olmo3)
    name="python-marked",
    opens=_after("<|python_tag|>", "<|python_start|>", "<|tool_call_start|>", "<function_calls>"),
    read=_python,
    after=("<|tool_call_end|>", "<|python_end|>", "</function_calls>"),
    shape="[<tool-name>(<argument-name>=<value>)]",
    write=lambda call: f"<|tool_call_start|>[{_code(call)}]<|tool_call_end|>",
)
TOOL_CODE = Dialect(
    # Gemma 2 and 3, as Google's prompts for function calling have it
    name="tool_code",
    opens=(
        (
            one_of("```tool_code", "```tool_call", "```tool_calls"),
            GAP,
            one_of("", "["),
            one_of("", "print(", "default_api.", "print(default_api."),
            KNOWN,
            "(",
        ),
    ),
    read=_python,
    marked=False,
    shape="```tool_code\n<tool-name>(<argument-name>=<value>)\n```",
    write=lambda call: f"```tool_code\n{_code(call)}\n```",
)


# -- Gemma's own: call:name{key:value}, with strings between marks


_QUOTES = ("<escape>", '<|"|>')
_KEY = re.compile(r"\s*(?:(?P<quote>[\"'])(?P<quoted>.+?)(?P=quote)|(?P<key>[\w.-]+))\s*:\s*")
_SCALAR = re.compile(r"[^,}\]<]*")


class _Cut(Exception):
    """The text ends inside of a value."""


def _value(text: str, at: int) -> tuple[Any, int]:
    for quote in _QUOTES:
        if text.startswith(quote, at):
            end = text.find(quote, at + len(quote))
            if end < 0:
                raise _Cut
            return text[at + len(quote) : end], end + len(quote)
    if text.startswith("{", at):
        return _object(text, at)
    if text.startswith("[", at):
        items: list[Any] = []
        at = past(_COMMA, text, at + 1)
        while not text.startswith("]", at):
            item, at = _value(text, at)
            items.append(item)
            at = past(_COMMA, text, at)
        return items, at + 1
    if text.startswith(('"', "'"), at):
        return _quoted(text, at)
    match = _SCALAR.match(text, at)
    if match is None or not match[0].strip() or match.end() == len(text):
        raise _Cut
    word = match[0].strip()
    try:
        return json.loads(word), match.end()
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(word, word), match.end()


def _quoted(text: str, at: int) -> tuple[str, int]:
    match = _STRINGS.match(text, at)
    if match is None:
        raise _Cut
    try:
        return str(ast.literal_eval(_one_line(match[0]))), match.end()
    except (ValueError, SyntaxError):
        return match[0][1:-1], match.end()


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    at = past(_COMMA, text, at + 1)
    while not text.startswith("}", at):
        key = _KEY.match(text, at)
        if key is None:
            raise _Cut
        values[key["quoted"] or key["key"]], at = _value(text, key.end())
        at = past(_COMMA, text, at)
    return values, at + 1


_GEMMA_HEAD = re.compile(r"(?:<start_function_call>|<\|tool_call>)\s*call:\s*(?P<name>[\w.-]+)\s*")


def _gemma(place: Place) -> Found | Amiss:
    head = _GEMMA_HEAD.match(place.text, place.start)
    if head is None or not place.text.startswith("{", head.end()):
        return _OPEN
    try:
        arguments, end = _object(place.text, head.end())
    except (_Cut, RecursionError):
        return _OPEN
    return Found(((head["name"], arguments),), end)


def _noted(value: Any, quote: str) -> str:
    match value:
        case str():
            return f"{quote}{value}{quote}"
        case dict():
            return "{" + ",".join(f"{k}:{_noted(v, quote)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(_noted(each, quote) for each in value) + "]"
        case _:
            return json.dumps(value)


def _gemma_dialect(name: str, mark: str, end: str, quote: str) -> Dialect:
    return Dialect(
        name=name,
        opens=((mark, GAP, "call:", GAP, NAME),),
        read=_gemma,
        after=(end, "<start_function_response>", "<|tool_response>"),
        shape=f"{mark}call:<tool-name>{{<argument-name>:{quote}<text>{quote}}}{end}",
        write=lambda call: f"{mark}call:{call.name}{_noted(call.arguments, quote)}{end}",
    )


# google/functiongemma-270m-it; Gemma 4: sglang gemma4_detector.py
FUNCTION_GEMMA = _gemma_dialect(
    "function-gemma", "<start_function_call>", "<end_function_call>", "<escape>"
)
GEMMA_4 = _gemma_dialect("gemma-4", "<|tool_call>", "<tool_call|>", '<|"|>')
CODE: tuple[Dialect, ...] = (MARKED_PYTHON, TOOL_CODE, FUNCTION_GEMMA, GEMMA_4)

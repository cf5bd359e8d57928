"""Dialects whose arguments are a JSON object: with the name inside of it, or before it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.models.dialects.base import (
    BAR,
    GAP,
    KNOWN,
    NAME,
    Amiss,
    Dialect,
    Found,
    Look,
    Opening,
    Piece,
    Place,
    Reader,
    one_of,
    past,
)
from agent.models.dialects.repair import value_at
from tools.base import ToolCall

_NAME_KEYS = ("name", "tool", "function", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
_LIST_KEYS = ("tool_calls", "tool_call")
_BESIDE = {*_NAME_KEYS, "id", "type", "tool_call_id"}
INVALID = Amiss("is not valid JSON")
_OTHER = "has no tool name and arguments"

Call = tuple[str, dict[str, Any]]


def plain_name(name: str, tools: Mapping[str, Any]) -> str:
    """Return a name without the namespace that some families write before it."""
    name = name.strip()
    short = name.removeprefix("functions.")
    return name if name in tools else short


def _calls(value: Any, tools: Mapping[str, Any]) -> tuple[Call, ...]:
    """Return the calls that a JSON value describes; none when one of them is none."""
    if isinstance(value, dict):
        for key in _LIST_KEYS:
            if isinstance(value.get(key), dict | list):
                return _calls(value[key], tools)
    items = value if isinstance(value, list) else [value]
    calls = [_call(item, tools) for item in items]
    return tuple(call for call in calls if call) if all(calls) else ()


def _call(value: Any, tools: Mapping[str, Any]) -> Call | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):  # {"function": {"name": …}}, as servers write it
        value = value["function"]
    if len(value) == 1 and (name := next(iter(value))) in tools:  # {"read": {"path": …}}
        value = {"name": name, "arguments": value[name]}
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), "")
    if not name.strip():
        return None
    keys = [key for key in _ARGUMENT_KEYS if key in value]
    arguments = value[keys[0]] if keys else {k: v for k, v in value.items() if k not in _BESIDE}
    if isinstance(arguments, str):
        found = value_at(arguments.strip(), 0)
        arguments = found.value if found else None if arguments.strip() else {}
        if found is None and arguments is None:
            return None
    if arguments in (None, []):
        arguments = {}
    return (plain_name(name, tools), arguments) if isinstance(arguments, dict) else None


# -- the name inside


def _inside(place: Place, start: int) -> Found | Amiss:
    found = value_at(place.text, start, cut=place.cut)
    if found is None:
        return INVALID
    calls = _calls(found.value, place.tools)
    return Found(calls, found.end) if calls else Amiss(_OTHER, readable=True)


def _bare(place: Place) -> Found | Amiss:
    return _inside(place, place.start)


OBJECT = Look(r"(?=\{)")
_SHAPE = '{"name": <tool-name>, "arguments": <args-json-object>}'


def _dump(call: ToolCall, arguments: str = "arguments") -> str:
    return json.dumps({"name": call.name, arguments: call.arguments}, ensure_ascii=False)


def _body(mark: str) -> tuple[Opening, ...]:
    """Return the openings of a mark before an object or a list of them."""
    return ((mark, GAP, "[", GAP, OBJECT), (mark, GAP, OBJECT))


def _from_mark(mark: str) -> Reader:
    def read(place: Place) -> Found | Amiss:
        return _inside(place, past(_SPACE, place.text, place.start + len(mark)))

    return read


_SPACE = re.compile(r"\s*")


def _around(
    name: str, mark: str, end: str, *, listed: bool = True, before: tuple[str, ...] = ()
) -> Dialect:
    """Return the dialect of a mark, an object or a list of them, and an end."""
    shape = f"{mark}[{_SHAPE}]{end}" if listed else f"{mark}{_SHAPE}{end}"

    def write(call: ToolCall) -> str:
        return f"{mark}[{_dump(call)}]{end}" if listed else f"{mark}{_dump(call)}{end}"

    return Dialect(
        name=name,
        opens=_body(mark),
        read=_from_mark(mark),
        before=before,
        after=(end,) if end else (),
        shape=shape,
        write=write,
    )


_Q = one_of('"', "'")


def _key(*words: str) -> tuple[Piece, ...]:
    return (_Q, one_of(*words), _Q, GAP, ":", GAP)


_NAMED: tuple[Piece, ...] = (*_key(*_NAME_KEYS), _Q, KNOWN, _Q)
_TYPED: tuple[Piece, ...] = (*_key("type", "id"), _Q, NAME, _Q, GAP, ",", GAP)
_INNER: tuple[Piece, ...] = (*_key("function"), "{", GAP, *_NAMED)
_BODIES: tuple[Opening, ...] = (
    ("{", GAP, *_NAMED),
    ("{", GAP, *_INNER),
    ("{", GAP, *_TYPED, *_NAMED),
    ("{", GAP, *_TYPED, *_INNER),
)
_BRACKET = one_of("[", "")
_LISTED: tuple[Piece, ...] = ("{", GAP, *_key(*_LIST_KEYS))

HERMES = Dialect(
    # Nous Hermes 2 Pro, Qwen2.5, Qwen3, Granite 4; lists: Falcon 3, Granite 3.1
    name="hermes",
    opens=_body("<tool_call>"),
    read=_from_mark("<tool_call>"),
    before=("<tool_call>",),
    after=("</tool_call>",),
    write=lambda call: f"<tool_call>\n{_dump(call)}\n</tool_call>",
)
BARE = Dialect(
    # Llama 3.1 writes `parameters`; the tags around it are those of llama.cpp's Hermes reader
    name="json",
    opens=(
        *((Look(r"(?=[\[{])"), _BRACKET, GAP, *body) for body in _BODIES),
        *((*_LISTED, _BRACKET, GAP, *body) for body in _BODIES),
    ),
    read=_bare,
    marked=False,
    before=("<tools>", "<json>", "<JSON>", "<xml>", "<response>", "<function>", "<tool_use>"),
    after=(
        *("</tools>", "</json>", "</JSON>", "</xml>", "</response>", "</function>", "</tool_use>"),
        *("<|eom_id|>", "<|eot_id|>", "<|im_end|>", "</s>"),
    ),
    write=lambda call: _dump(call, "parameters"),
)
MARKED = (
    _around("phi-4", "<|tool_call|>", "<|/tool_call|>"),  # Granite 3.0 too, without an end
    _around("nemotron", "<TOOLCALL>", "</TOOLCALL>"),
    _around("functools", "functools", ""),  # Phi-4-mini, Firefunction
    _around("lfm2", "<|tool_call_start|>", "<|tool_call_end|>"),
    _around("cohere", "<|START_ACTION|>", "<|END_ACTION|>"),
    _around("apertus", "<|tools_prefix|>", "<|tools_suffix|>"),
    _around("llama-tag", "<|python_tag|>", "", listed=False),
    _around("function_call", "<function_call>", "</function_call>", listed=False),
)


# -- the name before


def _before(head: str) -> Callable[[Place], Found | Amiss]:
    """Return a reader: `head` leads from the opening to the object, with the name in a group."""
    pattern = re.compile(head)

    def read(place: Place) -> Found | Amiss:
        match = pattern.match(place.text, place.start)
        if match is None:
            return Amiss("is not complete")
        name = plain_name(match["name"], place.tools)
        if _NOTHING.match(place.text, match.end()):
            return Found(((name, {}),), match.end())
        found = value_at(place.text, match.end(), cut=place.cut)
        if found is None:
            return INVALID
        if not isinstance(found.value, dict):
            return Amiss(_OTHER, readable=True)
        return Found(((name, found.value),), found.end)

    return read


# a call without arguments: what ends it follows at once
_NOTHING = re.compile(rf"\s*(?:<\|(?:tool_call_end|call)\|>|<{BAR}tool.call.end{BAR}>|</function>)")


def _arguments(call: ToolCall) -> str:
    return json.dumps(call.arguments, ensure_ascii=False)


def _harmony(place: Place) -> Found | Amiss:
    """Read one message to a tool; a server that strips the marks glues name and channel."""
    read = _before(_HARMONY)(place)
    if isinstance(read, Found):
        ((name, arguments),) = read.calls
        for channel in ("commentary", "analysis"):
            if name not in place.tools and name.removesuffix(channel) in place.tools:
                name = name.removesuffix(channel)
        return Found(((name, arguments),), read.end)
    return read


_HARMONY = (
    r"(?:<\|channel\|>|assistant)?(?:commentary|analysis)?\s*to=(?P<name>[\w.-]+)\s*"
    r"(?:<\|channel\|>)?\s*(?:commentary|analysis)?\s*(?:<\|constrain\|>)?\s*(?:json|code)?=?\s*"
    r"(?:<\|message\|>)?\s*"
)
_CHANNEL, _WORD = one_of("commentary", "analysis"), Look(r"(?<!\w)")
HARMONY = Dialect(
    # gpt-oss, https://github.com/openai/harmony; then as it is where marks are stripped
    name="harmony",
    opens=(
        ("<|channel|>", GAP, _CHANNEL, GAP, "to=", NAME),
        (_WORD, "to=functions.", NAME, GAP, "<|channel|>"),
        (_WORD, "assistant", _CHANNEL, " to=", NAME),
        (_WORD, "assistant to=functions.", NAME),
        (_WORD, _CHANNEL, " to=functions.", NAME),
    ),
    read=_harmony,
    before=("<|start|>assistant", "<|start|>"),
    after=("<|call|>", "<|end|>", "<|return|>"),
    shape=(
        "<|channel|>commentary to=functions.<tool-name> <|constrain|>json<|message|>"
        "<args-json-object><|call|>"
    ),
    write=lambda call: (
        f"<|start|>assistant<|channel|>commentary to=functions.{call.name} "
        f"<|constrain|>json<|message|>{_arguments(call)}<|call|>"
    ),
)


def _mistral(place: Place) -> Found | Amiss:
    """Read a list of objects, or names with arguments one after the other."""
    body = re.compile(r"\s*(?=[\[{])").match(place.text, place.at)
    if body:
        return _inside(place, body.end())
    calls: list[Call] = []
    end, start = place.at, place.start
    while True:
        one = _MISTRAL(replace(place, start=start, at=end))
        if isinstance(one, Amiss):
            return Found(tuple(calls), end) if calls else one
        calls += one.calls
        end = one.end
        more = _NEXT.match(place.text, end)
        if more is None or more["name"] not in place.tools:
            return Found(tuple(calls), end)
        start = more.start("name")


_MISTRAL = _before(
    r"(?:\[TOOL_CALLS\])?\s*(?P<name>[\w.-]+)\s*(?:\[CALL_ID\]\s*\w+\s*)?(?:\[ARGS\])?\s*"
)
_NEXT = re.compile(r"\s*,?\s*(?P<name>[\w.-]+)\s*(?:\[CALL_ID\]\s*\w+\s*)?(?:\[ARGS\])?\s*\{")
MISTRAL = Dialect(
    # Mistral 7B v0.3 to Nemo: a list; Small 3.1, Devstral, Magistral: names before
    name="mistral",
    opens=(("[TOOL_CALLS]",),),
    read=_mistral,
    after=("[/TOOL_CALLS]", "</s>"),
    shape="[TOOL_CALLS]<tool-name>[ARGS]<args-json-object>",
    write=lambda call: f"[TOOL_CALLS]{call.name}[ARGS]{_arguments(call)}",
)


def _spelt(words: str) -> tuple[str, ...]:
    """Return the spellings of a DeepSeek mark: with its own space, as it is typed, or plain."""
    return tuple(f"<{BAR}{words.replace(' ', space)}{BAR}>" for space in "▁_ ")


_SEP = rf"<{BAR}tool[▁_ ]sep{BAR}>"
_DEEPSEEK_SHAPE = "<|tool▁call▁begin|>{}<|tool▁sep|>{}<|tool▁call▁end|>".replace("|", BAR)
_read_deepseek = _before(
    rf"(?:<{BAR}tool[▁_ ]calls?(?:[▁_ ]begin)?{BAR}>\s*)+(?:function{_SEP})?\s*"
    rf"(?P<name>[\w.-]+)\s*(?:{_SEP})?\s*(?:```(?:json)?\s*)?"
)


def _deepseek(place: Place) -> Found | Amiss | None:
    """Read one call; Step-3 writes tags behind the same marks, which `tags.INVOKE` reads."""
    return None if _STEP.match(place.text, place.start) else _read_deepseek(place)


_STEP = re.compile(rf"(?:<{BAR}\w+{BAR}>\s*)+function{_SEP}\s*<\w+:invoke")
DEEPSEEK = Dialect(
    # R1 and V3 write `function`, a mark, the name and a fence; V3.1 the name, a mark, the object
    name="deepseek",
    opens=(
        (one_of(*_spelt("tool call begin")),),
        (one_of(*_spelt("tool calls begin")),),
        (one_of(*_spelt("tool calls")),),
    ),
    read=_deepseek,
    after=(
        *("\n```" + end for end in _spelt("tool call end")),
        *("```" + end for end in _spelt("tool call end")),
        *_spelt("tool call end"),
        *_spelt("tool calls end"),
        f"<{BAR}end▁of▁sentence{BAR}>",
    ),
    shape=_DEEPSEEK_SHAPE.format("<tool-name>", "<args-json-object>"),
    write=lambda call: _DEEPSEEK_SHAPE.format(call.name, _arguments(call)),
)
_KIMI_SHAPE = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.{}:0<|tool_call_argument_begin|>{}"
    "<|tool_call_end|><|tool_calls_section_end|>"
)
KIMI = Dialect(
    # moonshotai/Kimi-K2-Instruct, docs/tool_call_guidance.md
    name="kimi-k2",
    opens=(("<|tool_call_begin|>", GAP, NAME),),
    read=_before(
        r"<\|tool_call_begin\|>\s*(?P<name>[\w.-]+)(?::\d+)?\s*<\|tool_call_argument_begin\|>\s*"
    ),
    before=("<|tool_calls_section_begin|>",),
    after=("<|tool_call_end|>", "<|tool_calls_section_end|>"),
    shape=_KIMI_SHAPE.format("<tool-name>", "<args-json-object>"),
    write=lambda call: _KIMI_SHAPE.format(call.name, _arguments(call)),
)
LLAMA_FUNCTION = Dialect(
    # Llama 3.1's custom tools, Functionary 3.1; before Qwen3-Coder, which opens in the same way
    name="llama-function",
    opens=(("<function=", NAME, ">", GAP, OBJECT),),
    read=_before(r"<function=(?P<name>[\w.-]+)>\s*"),
    after=("</function>",),
    shape="<function=<tool-name>><args-json-object></function>",
    write=lambda call: f"<function={call.name}>{_arguments(call)}</function>",
)
OBJECTS: tuple[Dialect, ...] = (
    HERMES,
    *MARKED,
    HARMONY,
    MISTRAL,
    DEEPSEEK,
    KIMI,
    LLAMA_FUNCTION,
)

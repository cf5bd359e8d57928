"""Dialects whose arguments stand in tags, as raw text: nothing in them is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.models.dialects.base import (
    BAR,
    GAP,
    NAME,
    Amiss,
    Dialect,
    Found,
    Place,
    Raw,
    Some,
    one_of,
)
from agent.models.dialects.objects import plain_name
from agent.models.dialects.repair import value_at
from tools.base import ToolCall

_OPEN = Amiss("is not closed as it should be")


@dataclass(frozen=True, slots=True)
class Tags:
    """The regular expressions of one form.

    `head` has the group `name`, `argument` opens one and has the group `key`, `value` ends one,
    `end` ends the call. `lines` says that a value stands on lines of its own.
    """

    head: re.Pattern[str]
    argument: re.Pattern[str]
    value: re.Pattern[str]
    end: re.Pattern[str]
    lines: bool = False

    def read(self, place: Place) -> Found | Amiss:
        """Read one call; what is missing at the very end is only the end marks, or it is amiss."""
        text = place.text
        head = self.head.match(text, place.start)
        if head is None:
            return _OPEN
        name = plain_name(head["name"], place.tools)
        arguments: dict[str, Any] = {}
        at = head.end()
        if text.startswith("{", at):  # DeepSeek V3.2 and Llama allow an object there
            found = value_at(text, at, cut=place.cut)
            if found is None or not isinstance(found.value, dict):
                return _OPEN
            arguments, at = found.value, found.end
        while argument := self.argument.match(text, at):
            end = self._value_end(text, argument.end(), place.cut)
            if end is None:
                return _OPEN
            arguments[argument["key"].strip()] = self._value(text, argument, end.start())
            at = end.end()
        if close := self.end.match(text, at):
            return Found(((name, arguments),), close.end())
        if place.cut or text[at:].strip():
            return _OPEN
        return Found(((name, arguments),), len(text))

    def _value_end(self, text: str, start: int, cut: bool) -> re.Match[str] | None:
        """Return the mark that ends a value: the first that something of the form follows."""
        for match in self.value.finditer(text, start):
            at = match.end()
            if self.argument.match(text, at) or self.end.match(text, at):
                return match
            if not cut and not text[at:].strip():
                return match
        return None

    def _value(self, text: str, argument: re.Match[str], end: int) -> Any:
        value = text[argument.end() : end]
        # DSML says of each value whether it is text
        said = argument.groupdict().get("text")
        if said == "true":
            return value
        if said == "false":
            try:
                return json.loads(value)
            except ValueError:
                return Raw(value)
        return Raw(_unlined(text, argument, value) if self.lines else value)


def _unlined(text: str, argument: re.Match[str], value: str) -> str:
    """Drop the line breaks around a value, and the indentation where its tags have one."""
    if not value.startswith("\n"):
        return value.removesuffix("\n")
    value = re.sub(r"\n[ \t]*\Z", "", value[1:])
    start = argument.start("tag")
    indent = start - (text.rfind("\n", 0, start) + 1)
    if 0 < indent == len(text[start - indent : start]) and "\n" not in value:
        margin = len(value) - len(value.lstrip(" \t"))
        if margin > indent or not value.strip():
            return value.strip(" \t")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _writer(head: str, argument: str, end: str) -> Callable[[ToolCall], str]:
    def write(call: ToolCall) -> str:
        parts = [argument.format(key, _text(value)) for key, value in call.arguments.items()]
        return "".join([head.format(call.name), *parts, end])

    return write


_CODER = Tags(
    head=re.compile(r"<function=(?P<name>[\w.-]+)>\s*"),
    argument=re.compile(r"\s*(?P<tag><parameter=)(?P<key>[^>\n]+)>"),
    # a closing tag may be missing between two parameters, but never between a text and nothing
    value=re.compile(r"</parameter>|(?=\n<parameter=)|(?=\n</function>)"),
    end=re.compile(r"\s*</function>"),
    lines=True,
)
_CODER_SHAPE = (
    "<tool_call>\n<function=<tool-name>>\n<parameter=<argument-name>>\n<value>\n</parameter>\n"
    "</function>\n</tool_call>"
)
CODER = Dialect(
    # Qwen3-Coder, Qwen3.5 (vLLM qwen3_coder), Seed-OSS (llama.cpp); the outer tag is often left out
    name="qwen3-coder",
    opens=(("<function=", NAME, ">"),),
    read=_CODER.read,
    before=("<tool_call>", "<seed:tool_call>"),
    after=("</tool_call>", "</seed:tool_call>"),
    shape=_CODER_SHAPE,
    write=_writer(
        "<tool_call>\n<function={}>\n",
        "<parameter={}>\n{}\n</parameter>\n",
        "</function>\n</tool_call>",
    ),
)
_SPACE = rf"[\w:{BAR}|]{{0,24}}"
_INVOKE = Tags(
    head=re.compile(rf"<{_SPACE}invoke\s+name=[\"']?(?P<name>[\w.-]+)[\"']?\s*>\s*"),
    argument=re.compile(
        rf"\s*(?P<tag><){_SPACE}parameter\s+name=[\"']?(?P<key>[^\"'>]+)[\"']?"
        r"(?:\s+string=[\"'](?P<text>true|false)[\"'])?[^>\n]*>"
    ),
    value=re.compile(rf"</{_SPACE}parameter>"),
    end=re.compile(rf"\s*</{_SPACE}invoke>"),
)
_WRAPS = (
    "minimax:tool_call",
    "function_calls",
    "tool_calls",
    f"{BAR}DSML{BAR}function_calls",
    f"{BAR}DSML{BAR}tool_calls",
    "antml:function_calls",
)
_STEP_MARKS = tuple(
    mark.replace("|", BAR)
    for mark in ("<|tool_calls_begin|>", "<|tool_call_begin|>", "function<|tool_sep|>")
)
INVOKE = Dialect(
    # MiniMax-M2, Step-3, DeepSeek V3.2 and V4 (DSML): sglang function_call/*; Claude's own form
    name="invoke",
    opens=(("<", Some(_SPACE), "invoke name="),),
    read=_INVOKE.read,
    before=(*(f"<{name}>" for name in _WRAPS), *_STEP_MARKS),
    after=tuple(f"</{name}>" for name in _WRAPS),
    shape=(
        '<invoke name="<tool-name>">\n<parameter name="<argument-name>"><value></parameter>\n'
        "</invoke>"
    ),
    write=_writer(
        '<minimax:tool_call>\n<invoke name="{}">\n',
        '<parameter name="{}">{}</parameter>\n',
        "</invoke>\n</minimax:tool_call>",
    ),
)
_GLM = Tags(
    head=re.compile(r"<tool_call>\s*(?P<name>[\w.-]+)[ \t]*"),
    argument=re.compile(r"\s*(?P<tag><arg_key>)(?P<key>.*?)</arg_key>\s*<arg_value>", re.DOTALL),
    value=re.compile(r"</arg_value>"),
    end=re.compile(r"\s*</tool_call>"),
)
GLM = Dialect(
    # GLM-4.5, 4.6: lines between; 4.7: none (sglang glm47_moe_detector.py)
    name="glm",
    opens=(("<tool_call>", GAP, NAME, Some(r"[ \t]*"), one_of("\n", "<arg_key>", "</tool_call>")),),
    read=_GLM.read,
    shape=(
        "<tool_call><tool-name>\n<arg_key><argument-name></arg_key>\n"
        "<arg_value><value></arg_value>\n</tool_call>"
    ),
    write=_writer(
        "<tool_call>{}\n",
        "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>\n",
        "</tool_call>",
    ),
)
TAGS: tuple[Dialect, ...] = (CODER, INVOKE, GLM)

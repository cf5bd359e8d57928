"""A reply put together from the fragments that a provider streams.

Pure. A call exists only when the stream said that the reply is whole and its arguments are one
JSON object. What is certain is repaired; the rest becomes a `problem` for the model, and what is
kept of the reply is well-formed, so that no server is sent bad JSON later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.messages import AssistantMessage
from agent.models.base import TextChunk, ThinkingChunk
from agent.models.toolcalls import parse
from tools.base import ToolCall, ToolSchema

LONGEST = 1 << 20  # characters of arguments that a call may have
MOST = 8 << 20  # characters of a whole reply; a model that writes more has lost its way
# characters of arguments that are looked at more closely when they are no JSON
_REPAIRED = 64 << 10

_NESTED = re.compile(r"(?:[\[{]\s*){100}")  # nobody means so many, and they break parsers
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what every provider takes back as a tool's name
_SHAPE = "Make the call again, with one JSON object as its arguments."
_CUT = (
    "Your reply was cut off at its limit of tokens before the call of `{}` was whole, so it was "
    "not made. Write less in one call."
)


@dataclass
class _Slot:
    """One call under way."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    fields: dict[str, Any] | None = None  # of the provider, to be sent back with the call

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def add(self, arguments: str) -> None:
        if arguments:
            self.pieces.append(arguments)
            self.size += len(arguments)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, as the loop takes it."""

    message: AssistantMessage
    stop: Literal["end", "length"]
    problem: str


class Assembly:
    """Takes in the deltas of one reply. `size` counts the characters that have come.

    `tools` are those that may be called, `taken` the ids of the calls before. Calls without an
    id, or with one that is taken, get one of ours. `provider` marks what only it understands.
    """

    def __init__(
        self, tools: Sequence[ToolSchema], taken: Iterable[str] = (), provider: str = ""
    ) -> None:
        self.size = 0
        self._tools = tuple(tools)
        self._taken = set(taken)
        self._number = len(self._taken)
        self._provider = provider
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._slots: list[_Slot] = []
        self._by_index: dict[int, _Slot] = {}
        self._blocks: list[dict[str, Any]] = []

    @property
    def begun(self) -> bool:
        """Whether the model has written anything yet."""
        return self.size > 0

    def feed(self, delta: Mapping[str, Any]) -> Iterator[TextChunk | ThinkingChunk]:
        """Take in one delta and yield what of it can be shown."""
        if thought := delta.get("reasoning"):
            self.size += len(thought)
            self._thinking.append(thought)
            yield ThinkingChunk(thought)
        for block in delta.get("blocks", ()):
            self._block(block)
        if text := delta.get("text"):
            self.size += len(text)
            self._text.append(text)
            yield TextChunk(text)
        for fragment in delta.get("calls", ()):
            self._fragment(fragment)

    def finish(self, reason: str | None) -> Reply | None:
        """Return the reply, or None when the stream ended without saying that it was whole."""
        if reason is None:
            return None
        cut = reason in ("length", "max_tokens")
        text, thinking = "".join(self._text), "".join(self._thinking)
        calls: list[ToolCall] = []
        problems: list[str] = []
        fields: dict[str, Any] = {}
        for slot in self._slots:
            last = slot is self._slots[-1]
            read = _read(slot, cut and last)
            if isinstance(read, str):
                problems.append(read)
                continue
            call_id = self._free(slot.id)
            calls.append(ToolCall(id=call_id, name=slot.name, arguments=read))
            if slot.fields:
                fields[call_id] = slot.fields
        # with native calls what resembles one in the text is an example; thinking is read anyway
        found = parse(text, () if self._slots else self._tools, cut=cut)
        calls += [each.model_copy(update={"id": self._free("")}) for each in found.calls]
        if found.problem:
            problems.append(found.problem)
        message = AssistantMessage(
            text=found.text,
            thinking=thinking or found.thinking,
            calls=tuple(calls),
            replay=self._replay(fields),
        )
        return Reply(message, "length" if cut else "end", "\n".join(problems))

    # -- within

    def _fragment(self, fragment: Mapping[str, Any]) -> None:
        index = fragment.get("index") or 0
        name, arguments = fragment.get("name") or "", fragment.get("arguments") or ""
        call_id = fragment.get("id") or ""
        slot = self._by_index.get(index)
        # some servers give every call the same index: a new id, or a name after arguments that
        # are whole, begins another
        if slot is None or (
            name
            and (
                (call_id and slot.id and call_id != slot.id)
                or (not call_id and slot.pieces and _is_whole(slot.arguments))
            )
        ):
            slot = self._by_index[index] = _Slot()
            self._slots.append(slot)
        slot.id = slot.id or call_id
        if name and name != slot.name:  # a few repeat it, a few send it in pieces
            slot.name = name if name.startswith(slot.name) else slot.name + name
        slot.add(arguments)
        slot.fields = fragment.get("fields") or slot.fields
        self.size += len(name) + len(arguments)

    def _block(self, block: dict[str, Any]) -> None:
        """Join a signed block of thinking, which comes in pieces and ends with its signature."""
        last = self._blocks[-1] if self._blocks else None
        if (
            last is None
            or block.get("type") != "thinking"
            or last.get("type") != "thinking"
            or last.get("signature")
        ):
            self._blocks.append(dict(block))
            return
        last["thinking"] = last.get("thinking", "") + (block.get("thinking") or "")
        if block.get("signature"):
            last["signature"] = block["signature"]

    def _replay(self, fields: dict[str, Any]) -> dict[str, Any]:
        # without its signature a block would be refused
        blocks = [each for each in self._blocks if each.get("signature") or each.get("data")]
        kept = {"blocks": blocks, "calls": fields}
        kept = {name: value for name, value in kept.items() if value}
        return {"provider": self._provider, **kept} if kept else {}

    def _free(self, call_id: str) -> str:
        while not call_id or call_id in self._taken:
            self._number += 1
            call_id = f"call{self._number:05}"  # nine letters and digits: Mistral takes no other
        self._taken.add(call_id)
        return call_id


def _read(slot: _Slot, cut: bool) -> dict[str, Any] | str:
    """Return the arguments of a call, or what to tell the model."""
    if not _NAME.fullmatch(slot.name):
        return f"Your call has no tool's name: {slot.name[:80]!r}. {_SHAPE}"
    if slot.size > LONGEST:
        size = f"{slot.size / 1e6:.1f} MB"
        return f"Your call of `{slot.name}` has {size} of arguments; make it in smaller parts."
    read = arguments(slot.arguments, slot.name)
    # cut before its arguments began, a call looks as one that has none
    if cut and (isinstance(read, str) or not read):
        return _CUT.format(slot.name)
    return read


def arguments(text: str, name: str) -> dict[str, Any] | str:
    """Return the arguments that a text holds, or what to tell the model; nothing means none."""
    if _NESTED.search(text):
        return _amiss(name, "too deeply nested", text)
    try:
        values = _values(text)
    except ValueError:
        found = _closer(text, name) if len(text) <= _REPAIRED else None
        return _amiss(name, "not valid JSON", text) if found is None else found
    values = [_inner(value) for value in values]
    if not all(isinstance(value, dict) for value in values):
        return _amiss(name, "no JSON object", text)
    distinct: list[dict[str, Any]] = []
    for value in values:  # some send an empty object first, some the same one twice
        if value and value not in distinct:
            distinct.append(value)
    if len(distinct) > 1:
        return _amiss(name, f"{len(distinct)} JSON objects, where one call takes one", text)
    return distinct[0] if distinct else {}


def _values(text: str) -> list[Any]:
    """Return the JSON values that stand in a text, one behind the other; raises ValueError."""
    # not strict: a line break inside of a string can only be meant as one
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_constant)
    values, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    return values


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")  # NaN and its like, which no server takes back


def _inner(value: Any) -> Any:
    """Undo one layer of a JSON text in a JSON string; null and an empty list are no arguments."""
    if isinstance(value, str):
        try:
            (value,) = _values(value) or [{}]
        except ValueError:
            return value
    return {} if value is None or value == [] else value


def _closer(text: str, name: str) -> dict[str, Any] | None:
    """Read arguments that are nearly JSON as calls in a text are read; None when not certain."""
    tool = ToolSchema(name=name, description="", parameters={})
    found = parse(f'{{"name": {json.dumps(name)}, "arguments": {text}}}', [tool], cut=True)
    if len(found.calls) != 1 or found.text or found.problem:
        return None
    try:
        json.dumps(found.calls[0].arguments, allow_nan=False)
    except (TypeError, ValueError):
        return None
    return found.calls[0].arguments


def _is_whole(text: str) -> bool:
    try:
        return isinstance(json.loads(text, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _amiss(name: str, what: str, text: str) -> str:
    line = " ".join(text[:400].split())[:80]
    return f"Your call of `{name}` has arguments that are {what}: {line}\n{_SHAPE}"

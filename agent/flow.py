"""Text that comes in pieces: what may be the start of a secret waits until the rest is there.

What waits is the last word, and only where something in it, or before it on the same line, begins
like a secret; so what people watch still moves word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent import secret_forms
from agent.events import (
    Base,
    MessageFinished,
    ModelRetried,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    TurnFinished,
)
from agent.redaction import Redaction, mark

BEFORE = 512  # characters that went out already and are still looked at, for what leads to a secret
LONGEST = 1 << 16  # characters that wait at most
_BLOCK = "-----BEGIN "
_BLOCK_END = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")


class Flow:
    """One text in pieces; `feed` and `end` return what may go out, redacted."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._before = ""
        self._waiting = ""

    def feed(self, text: str) -> str:
        """Take in the next piece."""
        self._waiting += text
        return self._let_go(self._safe())

    def end(self) -> str:
        """Return what still waits: nothing more comes."""
        return self._let_go(len(self._waiting))

    def _safe(self) -> int:
        """Return how much of what waits is certainly no unfinished secret."""
        whole, known = self._before + self._waiting, len(self._before)
        if len(self._waiting) > LONGEST:
            return len(self._waiting)
        safe = self._redaction.begun(whole)
        line = whole.rfind("\n") + 1
        word = max((whole.rfind(space) for space in " \t\r\n"), default=-1) + 1
        last = whole[line:]
        if any(each in last for each in secret_forms.ANCHORS):
            safe = min(safe, word)
        block = whole.rfind(_BLOCK)
        if block >= 0 and not _BLOCK_END.search(whole, block):
            safe = min(safe, block)
        return max(safe - known, 0)

    def _let_go(self, count: int) -> str:
        """Take so much out of what waits; a secret that is longer than that goes with it."""
        if not count:
            return ""
        known = len(self._before)
        whole, end = self._before + self._waiting, known + count
        parts, at = [], known
        for start, last, name in self._redaction.spans(whole):
            if last <= known or start >= end:
                continue
            parts += [whole[at : max(start, at)], mark(name)]
            self._redaction.names.add(name)
            at = end = max(end, last)
        parts.append(whole[at:end])
        self._before, self._waiting = whole[:end][-BEFORE:], whole[end:]
        return "".join(parts)


class Live:
    """What people watch of one session as it comes: the model's words, the output of calls."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._flows: dict[Base, Flow] = {}  # by an event of their kind without its text

    def passing(self, event: Base) -> Iterator[Base]:
        """Yield what may be told in place of an event: its text redacted, as far as it is safe."""
        match event:
            case TextDelta(text=text) | ThinkingDelta(text=text) | ToolOutput(text=text):
                kind = self._redaction.clean(event.model_copy(update={"text": ""}))
                if not isinstance(event, ToolOutput):
                    # the model's thoughts end where its words begin
                    yield from self._ended((TextDelta, ThinkingDelta), kind)
                flow = self._flows.setdefault(kind, Flow(self._redaction))
                if told := flow.feed(text):
                    yield kind.model_copy(update={"text": told})
                return
            case MessageFinished():
                yield from self._ended((TextDelta, ThinkingDelta))
            case ToolFinished():
                yield from self._ended((ToolOutput,))
            case ModelRetried() | TurnFinished():
                self._flows.clear()  # what was said so far is void
            case _:
                pass
        yield self._redaction.clean(event)

    def _ended(self, kinds: tuple[type[Base], ...], but: Base | None = None) -> Iterator[Base]:
        for kind in [each for each in self._flows if isinstance(each, kinds) and each != but]:
            if rest := self._flows.pop(kind).end():
                yield kind.model_copy(update={"text": rest})

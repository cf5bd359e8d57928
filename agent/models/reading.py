"""What of a reply may be shown while it is being written.

A call is not text for a person, and thinking is not the answer. Neither can be known from a first
character, so text that may still become one is held back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.models.toolcalls import OPENS, ParsedReply, unwrapped

# the end of what is written, where it may be the beginning of a call
_MAYBE = re.compile(
    r"(?:(?:`{3}[a-z_]*\s*|<tool_call>\s*)*"
    r"(?:`{1,3}[a-z_]*|<(?:t(?:o(?:o(?:l(?:_[a-z]*)?)?)?)?)?|\{\s*(?:[\"'][a-z]*[\"']?\s*)?)?)\Z"
)
_OPEN, _CLOSE = "<think>", "</think>"


class Reading:
    """Follows one reply as it comes in, and says what is certain: `(thinking, text)` pairs."""

    def __init__(self, names: Sequence[str]) -> None:
        self._tools = bool(names)
        self._text = ""
        self._shown = 0  # of the text
        self._answer = 0  # of what `finish` compares with: characters of the answer shown
        self._thinking: bool | None = None  # None: not known yet
        self._held = False  # a call may have begun; nothing is shown after it

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Take more of the reply and yield what can be shown of it."""
        self._text += text
        if self._thinking is None:
            start = self._text.lstrip()
            if _OPEN.startswith(start[: len(_OPEN)]) and len(start) < len(_OPEN):
                return
            self._thinking = start.startswith(_OPEN)
            if self._thinking:
                self._shown = self._text.index(_OPEN) + len(_OPEN)
        if self._thinking:
            end = self._text.find(_CLOSE, self._shown)
            until = end if end >= 0 else max(self._shown, len(self._text) - len(_CLOSE))
            if until > self._shown:
                yield True, self._text[self._shown : until]
            self._shown = until
            if end < 0:
                return
            self._thinking = False
            self._shown = end + len(_CLOSE)
        yield from self._show()

    def _show(self) -> Iterator[tuple[bool, str]]:
        if self._held:
            return
        rest = self._text[self._shown :]
        if not self._answer:
            stripped = rest.lstrip()
            self._shown += len(rest) - len(stripped)
            rest = stripped
        size = len(rest)
        if self._tools:
            if call := OPENS.search(rest):
                self._held = True
                size = len(unwrapped(rest[: call.start()]))
            elif maybe := _MAYBE.search(rest):
                size = maybe.start()
        # a space at the end may turn out to be the end of the answer
        size = min(size, len(rest[:size].rstrip()))
        if size:
            yield False, rest[:size]
            self._shown += size
            self._answer += size

    def finish(self, reply: ParsedReply) -> Iterator[tuple[bool, str]]:
        """Yield what of the answer was held back and turned out to be text."""
        if len(reply.text) > self._answer:
            yield False, reply.text[self._answer :]

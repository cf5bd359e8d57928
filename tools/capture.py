"""Keeps what a command prints within bounds: its head and its tail, decoded as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Callable

_LIVE_BYTES = 1 << 20  # beyond this a person reads the end, not the stream


def _ignore(text: str) -> None:
    """Nobody watches."""


class Capture:
    """A sink for output that may never end: call it with bytes, ask it for text.

    Holds `head` bytes from the start and `tail` bytes from the end. `live` gets the text as it
    comes, a character split between two chunks put together, up to a mebibyte.
    """

    def __init__(
        self, live: Callable[[str], None] | None = None, *, head: int = 16_384, tail: int = 32_768
    ) -> None:
        self._live = live or _ignore
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head_bytes, self._tail_bytes = head, tail
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def __call__(self, data: bytes) -> None:
        """Take the next bytes."""
        if self.total < _LIVE_BYTES:
            if text := self._decoder.decode(data):
                self._live(text)
            if self.total + len(data) >= _LIVE_BYTES:
                self._live("\n… more output is kept, but not shown live\n")
        self.total += len(data)
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * self._tail_bytes:  # cut now and then, not at each chunk
            del self._tail[: -self._tail_bytes]

    @property
    def cut(self) -> int:
        """How many bytes in the middle are gone."""
        return self.total - len(self._head) - min(len(self._tail), self._tail_bytes)

    def text(self, limit: int = 1 << 20) -> str:
        """Return what was printed, as text of about `limit` bytes: a third head, the rest tail."""
        tail = bytes(self._tail[-self._tail_bytes :])
        data = bytes(self._head) + tail
        if self.cut == 0 and len(data) <= limit:
            return _decode(data)
        first, last = data[: limit // 3], data[-(limit - limit // 3) :]
        if self.cut == 0 and len(first) + len(last) >= len(data):
            return _decode(data)
        # whole lines where there are any near the cut
        first = first[: first.rfind(b"\n", len(first) // 2) + 1] or first
        at = last.find(b"\n", 0, len(last) // 2)
        last = last[at + 1 :]
        gone = self.total - len(first) - len(last)
        return f"{_decode(first).rstrip()}\n… {gone} bytes left out …\n{_decode(last)}"

    def end(self, limit: int) -> str:
        """Return the last `limit` bytes as text, from the start of a line."""
        data = bytes(self._head) + bytes(self._tail) if self.cut == 0 else bytes(self._tail)
        if len(data) <= limit and self.cut == 0:
            return _decode(data)
        last = data[-limit:]
        return "… " + _decode(last[last.find(b"\n", 0, limit // 2) + 1 :])


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")

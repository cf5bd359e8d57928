"""The last of what a command printed, bounded however much it prints."""

from __future__ import annotations

import re

_LINES, _CHARACTERS = 400, 64_000
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


class Output:
    """Keeps the last lines, and counts those before."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._dropped = 0

    def __bool__(self) -> bool:
        return self._length > 0

    def add(self, text: str) -> None:
        """Take in more."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length > 2 * _CHARACTERS:
            self._tail()

    @property
    def count(self) -> int:
        """How many lines there were."""
        return self._dropped + self._tail().count("\n") + 1

    def last(self, most: int) -> tuple[str, int]:
        """Return the last lines without colours, and how many there were before them."""
        lines = _COLOURS.sub("", self._tail()).rstrip().split("\n")
        # a bar that is drawn over itself: what stands there in the end
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
        kept = lines[-most:]
        return "\n".join(kept), self._dropped + len(lines) - len(kept)

    def _tail(self) -> str:
        """Return what is kept, as one piece."""
        text = "".join(self._pieces)
        if len(text) > _CHARACTERS or text.count("\n") > _LINES:
            lines = text[-_CHARACTERS:].split("\n")[-_LINES:]
            kept = "\n".join(lines)
            self._dropped += text.count("\n", 0, len(text) - len(kept))
            text = kept
        self._pieces, self._length = [text], len(text)
        return text

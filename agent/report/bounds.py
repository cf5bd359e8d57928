"""How much of a session a report has: no text and no list is longer than its bound."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_MOST = 10**15  # nothing that is counted here is more, whatever a log says


@dataclass(frozen=True, slots=True)
class Names:
    """The first of many names, and how many more there are."""

    items: tuple[str, ...] = ()
    left_out: int = 0


NO_NAMES = Names()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one drawing: characters of texts, lengths of lists, bytes of pictures in all."""

    text: int  # an answer, an output, a diff
    line: int  # a name, a command, a reason
    names: int
    entries: int  # of the timeline of one turn
    attempts: int  # of one turn
    diffs: int  # of one turn
    turns: int
    pictures: int

    def cut(self, text: str) -> str:
        """Return the text, or its start and end with a note between them."""
        left = len(text) - self.text
        if left <= 0:
            return text
        head = self.text * 2 // 3
        end = text[len(text) - (self.text - head) :]
        return f"{text[:head]}\n[… {left:,} characters left out …]\n{end}"

    def short(self, text: str) -> str:
        """Return the text as one line."""
        # no more of it is looked at than may be needed: it may have megabytes
        line = " ".join(text[: self.line * 4].split())
        if len(line) <= self.line and len(text) <= self.line * 4:
            return line
        return f"{line[: self.line]}…"

    def value(self, value: Any) -> str:
        """Return an argument of a call as text."""
        if not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False, default=str)
        return self.cut(value)

    def listed(self, names: Sequence[str]) -> Names:
        """Return the first of the names, each as one line."""
        shown = tuple(map(self.short, names[: self.names]))
        return Names(shown, len(names) - len(shown))


# from what almost every session fits in to what all do: the worst of all texts, ten characters for
# each of theirs, in every field of the last row is below the limit too
BOUNDS = (
    Bounds(8000, 400, 60, 600, 400, 40, 60, 1 << 20),
    Bounds(4000, 300, 40, 300, 300, 20, 40, 1 << 19),
    Bounds(2000, 200, 30, 120, 200, 10, 30, 1 << 18),
    Bounds(1000, 160, 20, 60, 100, 8, 20, 0),
    Bounds(400, 100, 10, 30, 40, 6, 10, 0),
    Bounds(120, 60, 4, 12, 12, 3, 6, 0),
)


class Ends(Generic[T]):
    """Keeps the first and the last of what is added, up to `most`, and counts what lies between."""

    def __init__(self, most: int) -> None:
        self._first: list[T] = []
        self._head = most // 3
        self._last: deque[T] = deque(maxlen=most - self._head)
        self.added = 0

    def add(self, item: T) -> T:
        """Add one and return it."""
        self.added += 1
        (self._first if len(self._first) < self._head else self._last).append(item)
        return item

    def __iter__(self) -> Iterator[T]:
        yield from self._first
        yield from self._last

    @property
    def gap(self) -> tuple[int, int]:
        """Behind how many of those that are kept some are missing, and how many."""
        return len(self._first), self.added - len(self._first) - len(self._last)


def count(number: int) -> int:
    """Return a count that can be written down; a log may say anything."""
    return max(0, min(number, _MOST))


def amount(number: float) -> float:
    """Return seconds or dollars that can be written down."""
    return max(0.0, min(number, float(_MOST))) if math.isfinite(number) else 0.0

"""A column of cards at one width: their heights, known or guessed, and the lines of a few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from textual.content import Content
from textual.strip import Strip

from tui.cards.base import Card
from tui.widgets.heights import Heights

_KEPT = 600  # cards whose lines are kept


@dataclass(slots=True)
class Drawn:
    """The lines of a card for one state of it, and those of them that have been drawn."""

    key: tuple[int, bool | None]
    lines: list[Content]
    strips: dict[int, Strip] = field(default_factory=dict)


class Column:
    """Where each card begins. What was not measured is a guess, and so is what changed since."""

    def __init__(self, cards: Sequence[Card], width: int) -> None:
        self.width = width
        self._cards = cards
        self._heights = Heights(card.guess(width) for card in cards)
        self._drawn: OrderedDict[int, Drawn] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def total(self) -> int:
        """How many lines there are."""
        return self._heights.total

    def top(self, index: int) -> int:
        """Return at which line a card begins."""
        return self._heights.top(index)

    def height(self, index: int) -> int:
        """Return how many lines a card has, as far as is known; 0 past the end."""
        return self._heights[index] if 0 <= index < len(self._heights) else 0

    def find(self, line: int) -> tuple[int, int]:
        """Return which card a line is in, and at which of its lines."""
        return self._heights.find(line)

    def grow(self) -> None:
        """Take in cards that came since."""
        for index in range(len(self._heights), len(self._cards)):
            self._heights.append(self._cards[index].guess(self.width))

    def guess(self, index: int) -> bool:
        """Guess a changed card anew, unless its lines are kept and will be measured."""
        return index not in self._drawn and self._set(index, self._cards[index].guess(self.width))

    def measure(self, index: int) -> tuple[bool, list[int]]:
        """Make the lines of a card; return whether its height changed, and which lines did."""
        card = self._cards[index]
        key = (card.version, card.open)
        old = self._drawn.get(index)
        if old is not None and old.key == key:
            self._drawn.move_to_end(index)
            return self._set(index, len(old.lines)), []
        new = Drawn(key, card.lines(self.width))
        changed = []
        for at, line in enumerate(new.lines):
            if old and at < len(old.lines) and line.is_same(old.lines[at]):
                if at in old.strips:
                    new.strips[at] = old.strips[at]
            else:
                changed.append(at)
        self._drawn[index] = new
        self._drawn.move_to_end(index)
        while len(self._drawn) > _KEPT:
            self._drawn.popitem(last=False)
        return self._set(index, len(new.lines)), changed

    def around(self, index: int, up: int, down: int) -> Iterator[int]:
        """Yield a card, those below it and those above it, for so many lines of each.

        Heights count as they are when their turn comes, so that they can be measured meanwhile.
        """
        start = min(index, len(self))
        for each in range(start, len(self)):
            if down <= 0:
                break
            yield each
            down -= self._heights[each]
        for each in range(start - 1, -1, -1):
            if up <= 0:
                break
            yield each
            up -= self._heights[each]

    def drawn(self, index: int) -> Drawn | None:
        """Return the lines of a card, where they are kept."""
        return self._drawn.get(index)

    def lines(self, index: int) -> list[Content]:
        """Return the lines of a card."""
        drawn = self._drawn.get(index)
        return drawn.lines if drawn else self._cards[index].lines(self.width)

    def fade(self) -> None:
        """Forget how lines were drawn: colours changed."""
        for drawn in self._drawn.values():
            drawn.strips.clear()

    def _set(self, index: int, height: int) -> bool:
        grown = self._heights[index] != height
        self._heights.set(index, height)
        return grown

"""What of a column is selected: places that stay the same while heights above change."""

from __future__ import annotations

from textual.geometry import Offset
from textual.selection import Selection

from tui.cards.lines import copied
from tui.widgets.column import Column

_FAR = 1_000_000  # more lines than a card has


def place(index: int, line: int) -> int:
    """Return where a line of a card is, as a selection knows it."""
    return index * _FAR + line


def whole(column: Column, index: int) -> Selection:
    """Return the selection of all lines of a card."""
    last = len(column.lines(index))
    return Selection(Offset(0, place(index, 0)), Offset(0, place(index, last)))


def text(column: Column, selection: Selection) -> str:
    """Return what is selected, without decoration."""
    first = selection.start.y // _FAR if selection.start else 0
    last = selection.end.y // _FAR if selection.end else len(column)
    out = []
    for index in range(first, min(last + 1, len(column))):
        for at, line in enumerate(column.lines(index)):
            if (span := selection.get_span(place(index, at))) is not None:
                start, end = span
                out.append(copied(line[start : len(line) if end == -1 else end]))
    return "\n".join(out)

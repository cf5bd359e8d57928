"""A table in characters: columns as wide as they need, numbers at the right."""

from __future__ import annotations

import re

from agent.showing.pieces import Line, Piece, Role, cells, fit, flat, padded
from tools.shown import Grid

_NARROWEST = 6  # cells of a column that is cut
_NUMBER = re.compile(r"[-+$€£]?[\d.,]*\d\s?%?")


def table(grid: Grid, width: int, most: int) -> list[Line]:
    """Return the head, a rule and up to `most` rows; what does not fit at the right is said."""
    heads = [flat(each) for each in grid.columns]
    rows = [[flat(each) for each in row] for row in grid.rows[:most]]
    rows = [[*row, *[""] * len(heads)][: len(heads)] for row in rows]
    widths = [
        max(1, cells(head), *(cells(row[at]) for row in rows)) for at, head in enumerate(heads)
    ]
    kept = _kept(widths, width)
    widths = _narrowed(widths[:kept], width)
    right = numeric(grid)
    lines: list[Line] = [
        _row(heads, widths, right, "head"),
        (("─┼─".join("─" * each for each in widths), "rule"),),
        *(_row(row, widths, right, "") for row in rows),
    ]
    if kept < len(heads):
        left = ", ".join(heads[kept:])
        lines.append(((fit(f"… not wide enough for {left}", width), "quiet"),))
    if len(grid.rows) > most:
        count = len(grid.rows) - most
        lines.append(((f"… {count:,} more row{'' if count == 1 else 's'}", "quiet"),))
    return lines


def numeric(grid: Grid) -> list[bool]:
    """Return of each column whether all that it says are numbers."""
    return [
        any(row[at].strip() for row in grid.rows if at < len(row))
        and all(
            not row[at].strip() or _NUMBER.fullmatch(row[at].strip())
            for row in grid.rows
            if at < len(row)
        )
        for at in range(len(grid.columns))
    ]


def _kept(widths: list[int], width: int) -> int:
    """Return how many columns fit, each as narrow as it may be."""
    used = 0
    for at, each in enumerate(widths):
        used += min(each, _NARROWEST) + (3 if at else 0)
        if used > width:
            return max(1, at)
    return len(widths)


def _narrowed(widths: list[int], width: int) -> list[int]:
    """Return the widths, the widest made narrower until all fit."""
    widths = list(widths)
    over = sum(widths) + 3 * (len(widths) - 1) - width
    while over > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = [each for each in widths if each < widths[widest]]
        step = min(over, max(1, widths[widest] - max(others, default=_NARROWEST)))
        if widths[widest] <= 1:
            break
        widths[widest] = max(1, widths[widest] - step)
        over = sum(widths) + 3 * (len(widths) - 1) - width
    return widths


def _row(row: list[str], widths: list[int], right: list[bool], role: Role) -> Line:
    pieces: list[Piece] = []
    for at, (cell, wide) in enumerate(zip(row, widths, strict=False)):
        if at:
            pieces.append((" │ ", "rule"))
        pieces.append((padded(cell, wide, right[at]), role))
    return tuple(pieces)

"""What was shown as lines: its title, what it is, what of it was left out."""

from __future__ import annotations

from agent.showing.boxes import boxes
from agent.showing.pieces import Line, fit, flat, joined
from agent.showing.plot import plot
from agent.showing.sequence import sequence
from agent.showing.table import table
from tools.shown import Shown, Still

PLAIN = 100  # cells of a line without a screen
ROWS = 20  # of a table, unless more is asked for


def lines(shown: Shown, width: int, rows: int = ROWS) -> list[Line]:
    """Return all of it, each line of at most so many cells."""
    out: list[Line] = []
    if shown.title:
        out.append(((fit(flat(shown.title), width), "head"),))
    if shown.grid:
        out += table(shown.grid, width, rows)
    if shown.plot:
        out += plot(shown.kind, shown.plot, width)
    if shown.graph:
        draw = sequence if shown.kind == "sequence" else boxes
        out += draw(shown.graph, width)
    if shown.still:
        out += _still(shown.still, shown.source)
    return [*out, *(((fit(flat(each), width), "quiet"),) for each in shown.notes)]


def plain(shown: Shown, width: int = PLAIN, rows: int = ROWS) -> list[str]:
    """Return it as text alone."""
    return joined(lines(shown, width, rows))


def _still(still: Still, source: str) -> list[Line]:
    """Return what a picture is and how it is opened: a terminal shows none."""
    size = f"{still.width:,} x {still.height:,} pixels, {still.bytes:,} bytes, {still.media_type}"
    path = flat(source)
    return [((path, "head"),), ((size, "quiet"),), ((f"open it: xdg-open {path}", "quiet"),)]

"""What was shown as lines: its title, what it is, what of it was left out."""

from __future__ import annotations

import shlex
import sys

from agent.showing.boxes import boxes
from agent.showing.pieces import Line, clipped, flat, joined
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
        out.append(((flat(shown.title), "head"),))
    if shown.grid:
        out += table(shown.grid, width, rows)
    if shown.plot:
        out += plot(shown.kind, shown.plot, width)
    if shown.graph:
        draw = sequence if shown.kind == "sequence" else boxes
        out += draw(shown.graph, width)
    if shown.still:
        out += _still(shown.still, shown.source)
    out += [((flat(each), "quiet"),) for each in shown.notes]
    return [clipped(line, width) for line in out]


def plain(shown: Shown, width: int = PLAIN, rows: int = ROWS) -> list[str]:
    """Return it as text alone."""
    return joined(lines(shown, width, rows))


def _still(still: Still, source: str) -> list[Line]:
    """Return what a picture is and how it is opened: a terminal shows none."""
    size = f"{still.width:,} x {still.height:,} pixels, {still.bytes:,} bytes, {still.media_type}"
    out: list[Line] = [((flat(source), "head"),), ((flat(size), "quiet"),)]
    path = f"./{source}" if source.startswith("-") else source
    if source and flat(source) == source:  # else what is copied would be another name
        opener = "open" if sys.platform == "darwin" else "xdg-open"
        out.append(((f"hint: {opener} {shlex.quote(path)}", "quiet"),))
    return out

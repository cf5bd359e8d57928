"""What a call showed, on its card: lines of characters, with colours by their role."""

from __future__ import annotations

from textual.content import Content

from agent.showing.pieces import Role
from agent.showing.text import ROWS, lines, plain
from tools.shown import Shown
from tui import theme
from tui.cards.lines import INDENT, decoration

_STYLES: dict[Role, str] = {
    "": "",
    "head": theme.STRONG,
    "quiet": theme.DIM,
    "rule": theme.FAINT,
    "mark0": theme.NAME,
    "mark1": "$accent",
    "mark2": theme.GOOD,
    "mark3": theme.WARM,
    "mark4": theme.BAD,
    "mark5": theme.DIM,
}
_WHOLE = 400  # rows of a table that was opened


def shown_lines(shown: Shown, width: int, whole: bool) -> list[Content]:
    """Return its lines; a table has all rows only where the `whole` is asked for."""
    lead = " " * (INDENT + 2)
    drawn = lines(shown, max(8, width - len(lead)), _WHOLE if whole else ROWS)
    return [
        Content.assemble(decoration(lead), *((text, _STYLES[role]) for text, role in line))
        for line in drawn
    ]


def count(shown: Shown, whole: bool) -> int:
    """Return about how many lines it has."""
    rows = len(shown.grid.rows) if shown.grid else 14
    return min(rows, _WHOLE if whole else ROWS) + 3 + len(shown.notes)


def text(shown: Shown) -> str:
    """Return what copying gives."""
    return "\n".join(plain(shown, rows=_WHOLE))

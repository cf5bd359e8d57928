"""The end of a turn that did not come to what was asked."""

from __future__ import annotations

from textual.content import Content

from agent.events import TurnFinished
from tui import theme
from tui.cards.base import Card
from tui.cards.lines import INDENT, PROSE, clean, decoration, dim, one_line, under, wrap

_SAID = {
    "failed": (theme.FAILED, theme.BAD, "failed"),
    "limit": (theme.CUT, theme.WARM, "limit reached"),
    "blocked": (theme.REFUSED, theme.WARM, "blocked"),
    "cancelled": (theme.CUT, theme.DIM, "stopped"),
}


class ErrorCard(Card):
    """What went wrong, and what to do about it."""

    def __init__(self, event: TurnFinished) -> None:
        super().__init__()
        sign, style, word = _SAID.get(event.outcome, _SAID["failed"])
        self._sign, self._style = sign, style
        self._text = f"{word}: {event.error}" if event.error else word
        self._hint = event.hint

    def lines(self, width: int) -> list[Content]:
        """Return what went wrong and, on a line of its own, the hint."""
        room = min(max(8, width - INDENT - 2), PROSE)
        lead = decoration(f"{' ' * INDENT}{self._sign} ", self._style)
        out = under(lead, wrap(Content.styled(clean(self._text.strip()), self._style), room))
        hint = wrap(dim(f"hint: {one_line(self._hint)}"), room) if self._hint else []
        return out + under(" " * (INDENT + 2), hint)

    def guess(self, width: int) -> int:
        """Return the lines by the length of the text."""
        return 1 + bool(self._hint) + len(self._text) // max(8, min(width, PROSE))

    def plain(self) -> str:
        """Return what went wrong, and the hint."""
        return f"{self._text}\nhint: {self._hint}" if self._hint else self._text

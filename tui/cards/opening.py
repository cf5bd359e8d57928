"""The first line of a session, and where it was taken up again."""

from __future__ import annotations

from textual.content import Content

from agent.events import SessionResumed, SessionStarted
from tui.cards.base import Card
from tui.cards.lines import clean, dim, row


class OpeningCard(Card):
    """One line: which session, with which model, at which level, how contained."""

    def __init__(self, event: SessionStarted | SessionResumed) -> None:
        super().__init__()
        what = f"session {event.id}"
        if isinstance(event, SessionResumed):
            what = f"a fork of {event.forked_from}" if event.forked_from else "resumed"
        level, holds = event.autonomy.name, event.containment.name
        self._text = clean(f"{what}: {event.model}, level {level}, containment {holds}")

    def lines(self, width: int) -> list[Content]:
        """Return the line."""
        return [row(" ", dim(self._text), width)]

    def plain(self) -> str:
        """Return the line."""
        return self._text

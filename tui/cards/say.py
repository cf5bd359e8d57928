"""What the model says, as Markdown that grows."""

from __future__ import annotations

from textual.content import Content

from tui.cards.base import Card
from tui.cards.lines import INDENT, PROSE, decoration, numbered, took, under
from tui.cards.markdown import Flow
from tui.theme import DIM

_TIME = 9  # cells at the right of the first line


class SayCard(Card):
    """The model's text; while it streams, only its last block is rendered anew."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._whole = False
        self._took = 0.0
        self._flow: Flow | None = None

    def say(self, text: str) -> None:
        """Take in more."""
        self._parts.append(text)
        self.version += 1

    def forget(self) -> None:
        """Drop what came so far."""
        self._parts, self._flow = [], None
        self.version += 1

    def end(self, text: str, took: float) -> None:
        """Take in the whole text, as the conversation keeps it."""
        if text != self.text:
            self._parts, self._flow = [text], None
        self._whole, self._took = True, took
        self.version += 1

    @property
    def text(self) -> str:
        """The source of what was said."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def lines(self, width: int) -> list[Content]:
        """Return the text at the indentation of what a step did."""
        if not self.text.strip():
            return []
        # the time that stands there once it is known must not move words
        room = width - INDENT - (_TIME if self.step else 0)
        if self._flow is None or self._flow.width != room:
            self._flow = Flow(room)
        lines = self._flow.lines(self.text, self._whole)
        while lines and not lines[-1].plain.strip():
            lines = lines[:-1]
        if not lines:
            return []
        out = under(decoration(numbered(self.step), DIM), lines)
        if self.step and self._whole:
            taken = took(self._took)
            gap = decoration(" " * (width - out[0].cell_length - len(taken)))
            out[0] = Content.assemble(out[0], gap, decoration(taken, DIM))
        return out

    def guess(self, width: int) -> int:
        """Return the lines by the length of the text."""
        if not self._parts:
            return 0
        room = max(2, min(width - INDENT - (_TIME if self.step else 0), PROSE))
        text = self.text
        return text.count("\n") + 1 + len(text) // (2 * room) if text else 0

    def plain(self) -> str:
        """Return the source."""
        return self.text.strip()

"""A step: the model is asked; what it thought stays behind as one line."""

from __future__ import annotations

from textual.content import Content

from tui import theme
from tui.cards.base import Card
from tui.cards.lines import (
    INDENT,
    PROSE,
    clean,
    decoration,
    dim,
    numbered,
    one_line,
    row,
    seconds,
    took,
    under,
    wrap,
)

_HEADLINE = 400  # characters of a thought that a line can show


class StepCard(Card):
    """The thought of a step, and how long the model took; no line once others tell the step."""

    def __init__(self, step: int, time: float) -> None:
        super().__init__()
        self.step = step
        self.running = True
        self.took = 0.0
        self.handed = False  # its number stands before another card
        self._started = self._now = time
        self._thought: list[str] = []
        self._read = (0, 0)

    @property
    def thinks(self) -> bool:
        """Whether there is a thought to show."""
        return bool(self._thought)

    @property
    def opens(self) -> bool:
        """Whether there is a thought to read."""
        return self.thinks

    def think(self, text: str) -> None:
        """Take in more of the thought."""
        if self._thought or text.strip():
            self._thought.append(text)
            self.version += 1

    def read(self, done: int, total: int) -> None:
        """Take in how much of the prompt was read."""
        self._read = (done, total)
        self.version += 1

    def forget(self) -> None:
        """Drop what came so far."""
        self._thought, self._read = [], (0, 0)
        self.version += 1

    def hand(self) -> int:
        """Return the number for the first card of the step; 0 where it stands here."""
        if self.handed or self.thinks:
            return 0
        self.handed = True
        self.version += 1
        return self.step

    def end(self, time: float, thought: str = "") -> None:
        """Take in that the reply is there."""
        self.running = False
        self.took = max(0.0, time - self._started)
        if thought.strip():
            self._thought = [thought]
        self.version += 1

    def pulse(self, now: float) -> None:
        """Count on."""
        self._now = now
        self.version += 1

    def lines(self, width: int) -> list[Content]:
        """Return the thought, or what is waited for, or nothing."""
        if self.handed and not self.thinks:
            return []
        lead = decoration(numbered(self.step if not self.handed else 0), theme.DIM)
        running = seconds(self._now - self._started) if self.running else ""
        taken = dim(running or took(self.took))
        if not self.thinks:
            return [row(lead, Content.styled(self._state(), theme.DIM), width, taken)]
        sign = decoration(theme.OPENED if self.opened else theme.CLOSED)
        lead = Content.assemble(lead, sign, decoration(" "))
        first = one_line("".join(self._thought)[:_HEADLINE])
        if not self.opened:
            return [row(lead, Content.styled(first, f"{theme.DIM} italic"), width, taken)]
        out = [row(lead, dim("thought"), width, taken)]
        text = Content.styled(clean("".join(self._thought).strip()), theme.DIM)
        return out + under(" " * (INDENT + 2), wrap(text, min(width - INDENT - 2, PROSE)))

    def _state(self) -> str:
        done, total = self._read
        if not self.running:
            return "no words"
        if total and done < total:
            return f"{theme.RUNNING} reading {done:,} of {total:,} tokens"
        return f"{theme.RUNNING} waiting for the model"

    def guess(self, width: int) -> int:
        """Return one, or the thought's length where it is open."""
        if self.handed and not self._thought:
            return 0
        if not self.opened:
            return 1
        return 2 + sum(map(len, self._thought)) // max(2, min(width - INDENT - 2, PROSE))

    def plain(self) -> str:
        """Return the thought."""
        return "".join(self._thought).strip()

"""What the model asked the user, and what they said."""

from __future__ import annotations

from textual.content import Content

from tools.base import ToolResult
from tui import theme
from tui.cards.base import Card
from tui.cards.lines import INDENT, PROSE, clean, decoration, dim, numbered, one_line, under, wrap


class QuestionCard(Card):
    """A question, its choices until one is taken, and the answer."""

    def __init__(self, question: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._question, self._choices = question, choices
        self._answer: str | None = None
        self._answered = False
        self._failed = ""

    def ask(self, question: str, choices: tuple[str, ...]) -> None:
        """Take in what is asked in the end."""
        self._question, self._choices = question, choices
        self.version += 1

    def answer(self, answer: str | None) -> None:
        """Take in the answer; None where nobody was there."""
        self._answer, self._answered = answer, True
        self.version += 1

    def end(self, result: ToolResult) -> None:
        """Take in how the call ended."""
        if not result.ok and not self._answered:
            self._failed = result.text
            self.version += 1

    def lines(self, width: int) -> list[Content]:
        """Return the question; then what can be said, or what was."""
        room = min(max(8, width - INDENT - 2), PROSE)
        lead = Content.assemble(
            decoration(numbered(self.step), theme.DIM), decoration(f"{theme.WAITING} ", theme.WARM)
        )
        asked = Content.styled(clean(self._question.strip()), theme.STRONG)
        out = under(lead, wrap(asked, room))
        said = under(" " * (INDENT + 2), wrap(self._said(), room))
        return out + said

    def _said(self) -> Content:
        if self._failed:
            return Content.styled(f"{theme.FAILED} {one_line(self._failed)}", theme.BAD)
        if not self._answered:
            chosen = " · ".join(one_line(each) for each in self._choices)
            return Content.styled(chosen or "waits for your answer", theme.WARM)
        if self._answer is None:
            return dim(f"{theme.CUT} nobody answered")
        return Content.assemble((f"{theme.DONE} ", theme.GOOD), clean(self._answer.strip()))

    def guess(self, width: int) -> int:
        """Return the question by its length, and the answer."""
        return 2 + len(self._question) // max(8, min(width - INDENT - 2, PROSE))

    def plain(self) -> str:
        """Return the question, and the answer."""
        return f"{self._question}\n{self._answer}" if self._answer else self._question

"""The model's plan."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from tools.base import ToolCall, ToolResult
from tui import theme
from tui.cards.base import Card
from tui.cards.check import NAME
from tui.cards.lines import (
    INDENT,
    PROSE,
    clean,
    decoration,
    dim,
    numbered,
    one_line,
    row,
    under,
    wrap,
)

_SIGNS = {"todo": "☐", "doing": "◐", "done": "☑"}
_STYLES = {"todo": "", "doing": theme.STRONG, "done": theme.DIM}


class PlanCard(Card):
    """The items of a plan, each with its state; closed it says how far that is."""

    def __init__(self, call: ToolCall) -> None:
        super().__init__()
        given = call.arguments.get("items")
        self._items = [_item(each) for each in given] if isinstance(given, list | tuple) else []
        self._failed = ""

    def end(self, result: ToolResult) -> None:
        """Take in whether it was set."""
        if not result.ok:
            self._failed = result.text
            self.version += 1

    @property
    def opens(self) -> bool:
        """Whether there is an item."""
        return bool(self._items)

    @property
    def opened(self) -> bool:
        """Unless the user closed it."""
        return self.opens and self.open is not False

    def lines(self, width: int) -> list[Content]:
        """Return how far it is, and the items."""
        sign = (theme.OPENED if self.opened else theme.CLOSED) if self.opens else " "
        lead = decoration(f"{numbered(self.step)}{sign} {theme.TOOLS['plan']} ")
        done = sum(state == "done" for _, state in self._items)
        said = dim(f"{done} of {len(self._items)} done")
        if self._failed:
            said = Content.styled(f"{theme.FAILED} {one_line(self._failed)}", theme.BAD)
        name = Content.styled("plan".ljust(NAME), theme.STRONG)
        out = [row(lead, Content.assemble(name, said), width)]
        for text, state in self._items if self.opened else ():
            words = Content.styled(clean(text.strip()), _STYLES[state])
            mark = Content.styled(f"{_SIGNS[state]} ", theme.DIM)
            lines = wrap(words, min(max(8, width - INDENT - 4), PROSE))
            lines = [Content.assemble("  " if at else mark, line) for at, line in enumerate(lines)]
            out += under(" " * (INDENT + 2), lines)
        return out

    def guess(self, width: int) -> int:
        """Return a line for each item."""
        return 1 + (len(self._items) if self.opened else 0)

    def plain(self) -> str:
        """Return the items as a list with boxes."""
        marks = {"todo": "[ ]", "doing": "[ ]", "done": "[x]"}
        return "\n".join(f"- {marks[state]} {text}" for text, state in self._items)


def _item(given: Any) -> tuple[str, str]:
    if not isinstance(given, dict):
        return str(getattr(given, "text", given)), str(getattr(given, "state", "todo"))
    state = str(given.get("state", "todo"))
    return str(given.get("text", "")), state if state in _SIGNS else "todo"

"""What was typed ahead, above the prompt: one dim line each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from agent.terminal import inert
from tui.theme import DIM, FAINT

MOST = 3
_HINT = "↑ takes it back"
_NARROW = 60


class Queue(Widget):
    """The prompts that wait; there is nothing of it while none does."""

    DEFAULT_CSS = """
    Queue { height: auto; width: 1fr; display: none; padding: 0 1; }
    """

    class Withdrawn(Message):
        """The last prompt was taken back and is no longer to be sent; the prompt has its text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.prompts: tuple[str, ...] = ()

    def show(self, prompts: Sequence[str]) -> None:
        """Show these, the first to be sent first; costs nothing where they are shown already."""
        if tuple(prompts) == self.prompts:
            return
        self.prompts = tuple(prompts)
        self.display = bool(self.prompts)
        self.refresh(layout=True)

    def withdraw(self) -> str:
        """Take the last one away, say so with Withdrawn, and return it; empty without any."""
        if not self.prompts:
            return ""
        *left, text = self.prompts
        self.show(left)
        self.post_message(self.Withdrawn(text))
        return text

    def render(self) -> Content:
        """Return the first few, and how many more there are."""
        width = self.content_size.width
        rows = [
            Content.assemble((f"queued {number} · ", FAINT), (_one_line(text), DIM))
            for number, text in enumerate(self.prompts[:MOST], 1)
        ]
        if (more := len(self.prompts) - MOST) > 0:
            rows.append(Content.styled(f"… {more} more", FAINT))
        rows = [row.truncate(width, ellipsis=True) for row in rows]
        if rows and width >= _NARROW:
            last = rows[-1].truncate(width - len(_HINT) - 2, ellipsis=True)
            gap = width - len(_HINT) - last.cell_length
            rows[-1] = Content.assemble(last, " " * gap, (_HINT, FAINT))
        return Content("\n").join(rows)


def _one_line(text: str) -> str:
    first, _, more = text.strip().partition("\n")
    return inert(first).expandtabs(4) + (" …" if more else "")

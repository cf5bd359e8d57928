"""The question before a playback is left for a live session."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style

from tui import theme
from tui.cards.lines import dim, wrap
from tui.widgets.drawn import Drawn


class GoingOn(ModalScreen[bool]):
    """Asks whether to go on live behind a turn or step, `at`; dismissed with the answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", "go on live"),
        Binding("n,escape,q,ctrl+c", "dismiss(False)", "back to the playback"),
    ]

    DEFAULT_CSS = """
    GoingOn { align: center middle; }
    GoingOn > Vertical {
        width: 100%; max-width: 64; height: auto;
        border: round $primary; padding: 0 1; background: $surface;
    }
    """

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def compose(self) -> ComposeResult:
        """Put the question into a box."""
        box = Vertical(Drawn(self._lines))
        box.border_title = "go on live"
        yield box

    def _lines(self, width: int) -> list[Content]:
        turn, _, step = self._at.partition(".")
        behind = f"step {step} of turn {turn}" if step else f"turn {turn}"
        what = f"Leave the playback and go on behind {behind}, in a fork of the session?"
        files = "The files stay as they are now; this session stays as it is."
        answers = Content("   ").join([_answer("y", "go on"), _answer("n", "back")])
        return [*wrap(Content(what), width), *wrap(dim(files), width), Content(""), answers]

    def on_click(self, event: events.Click) -> None:
        """Take a click on an answer for its key."""
        if choice := event.style.meta.get("choice"):
            event.stop()
            self.dismiss(choice == "y")


def _answer(key: str, about: str) -> Content:
    said = Content.assemble((key, f"{theme.STRONG} {theme.NAME}"), f" {about}")
    return said.stylize(Style.from_meta({"choice": key}))

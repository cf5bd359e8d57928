"""The main screen: what stands where, and what the meters show."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from agent.policy import Stance
from tui.fold import Fold
from tui.keys import MAIN
from tui.screens.frame import Frame
from tui.state import State
from tui.widgets.entry import Entry
from tui.widgets.header import Place
from tui.widgets.prompt import Prompt
from tui.widgets.status import Status
from tui.widgets.transcript import Transcript
from tui.widgets.wanted import Wanted


class Main(Frame):
    """Header, transcript, what waits for the user, the prompt, the slider, the meters."""

    BINDINGS: ClassVar[list[BindingType]] = [*MAIN]

    def __init__(self, repo: str, fold: Fold, wanted: Wanted, entry: Entry, stance: Stance) -> None:
        super().__init__(repo, Transcript(fold), stance, Status())
        self.wanted, self.entry = wanted, entry

    def foot(self) -> ComposeResult:
        """Return what waits for the user, and where they type."""
        yield from (self.wanted, self.entry)

    def on_mount(self) -> None:
        """Begin at the prompt."""
        self.prompt.focus()

    @property
    def prompt(self) -> Prompt:
        """Where the user types."""
        return self.entry.prompt

    def draw(self, state: State, stance: Stance, instead: str, now: float) -> None:
        """Show what stands now, at a time as events tell it."""
        super().draw(state, stance, instead, now)
        self.entry.show()

    def place(self, state: State, place: Place) -> None:
        """Show what is known of the repository."""
        self.header.show(state, place)

    def take_focus(self) -> None:
        """Give what waits the focus, unless somebody is typing."""
        card = self.wanted.front
        if card is not None and (self.focused is self.transcript or not self.entry.busy):
            card.focus()

    def action_over(self) -> None:
        """Go from the prompt to what waits, else to the transcript; from there to the prompt."""
        elsewhere = self.wanted.front or self.transcript
        (elsewhere if self.focused is self.prompt else self.prompt).focus()

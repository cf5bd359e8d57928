"""The main screen: what stands where, and what the meters show."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from agent.policy import Stance
from tui.fold import Fold
from tui.keys import MAIN
from tui.state import State
from tui.widgets.entry import Entry
from tui.widgets.header import Header, Place
from tui.widgets.prompt import Prompt
from tui.widgets.slider import OPENING, Slider
from tui.widgets.status import Status
from tui.widgets.transcript import Transcript
from tui.widgets.wanted import Wanted


class Main(Screen[None]):
    """Header, transcript, what waits for the user, the prompt, the slider, the meters."""

    BINDINGS: ClassVar[list[BindingType]] = [*MAIN]

    def __init__(self, repo: str, fold: Fold, wanted: Wanted, entry: Entry, stance: Stance) -> None:
        super().__init__()
        self.header, self.transcript = Header(repo), Transcript(fold)
        self.wanted, self.entry = wanted, entry
        self.slider, self.status = Slider(stance, OPENING), Status()
        self._below = Static(id="below")

    def compose(self) -> ComposeResult:
        """Put them below each other."""
        yield from (self.header, self.transcript, self._below, self.wanted, self.entry)
        yield from (self.slider, self.status)

    def on_mount(self) -> None:
        """Begin at the prompt."""
        self.prompt.focus()

    @property
    def prompt(self) -> Prompt:
        """Where the user types."""
        return self.entry.prompt

    def draw(self, state: State, stance: Stance, instead: str, now: float) -> None:
        """Show what stands now, at a time as events tell it."""
        self.header.show(state)
        self.slider.show(stance, instead)
        self.status.show(state, now)
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

    @on(Transcript.NewBelow)
    def _new_below(self, message: Transcript.NewBelow) -> None:
        count = message.count
        self._below.update(f"↓ {count} new below   Ctrl+End" if count else "")
        self._below.display = bool(count)

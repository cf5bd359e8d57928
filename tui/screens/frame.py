"""What a session stands in on the screen, whether it runs or is played back."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from agent.policy import Stance
from tui.state import State
from tui.widgets.header import Header
from tui.widgets.slider import OPENING, Slider
from tui.widgets.status import Status
from tui.widgets.transcript import Transcript


class Frame(Screen[None]):
    """Header, transcript, what a screen has of its own, the slider, the meters."""

    def __init__(self, repo: str, transcript: Transcript, stance: Stance, status: Status) -> None:
        super().__init__()
        self.header, self.transcript = Header(repo), transcript
        self.slider, self.status = Slider(stance, OPENING), status
        self._below = Static(id="below")

    def compose(self) -> ComposeResult:
        """Put them below each other."""
        yield from (self.header, self.transcript, self._below)
        yield from self.foot()
        yield from (self.slider, self.status)

    def foot(self) -> ComposeResult:
        """Return what stands below the transcript; nothing, unless a screen says otherwise."""
        yield from ()

    def draw(self, state: State, stance: Stance, instead: str, now: float) -> None:
        """Show what stands now, at a time as events tell it."""
        self.header.show(state)
        self.slider.show(stance, instead)
        self.status.show(state, now)

    @on(Transcript.NewBelow)
    def _new_below(self, message: Transcript.NewBelow) -> None:
        count = message.count
        self._below.update(f"↓ {count} new below   Ctrl+End" if count else "")
        self._below.display = bool(count)

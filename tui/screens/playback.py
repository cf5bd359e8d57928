"""The screen of a session that is played back: as it was, with a bar in the place of the prompt.

Nothing on it acts on anything: the slider, the knob and what was asked are shown as they stood.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from agent.events import Notice
from tui.keys import PLAYBACK
from tui.later import later
from tui.playback.clock import Clock
from tui.playback.recording import Recording
from tui.playback.stage import Stage
from tui.screens.frame import Frame
from tui.screens.going_on import GoingOn
from tui.waiting import Asked
from tui.widgets.approval import Approval
from tui.widgets.playhead import Playhead, Position
from tui.widgets.question import Question
from tui.widgets.status import Status
from tui.widgets.transcript import FRAME, Transcript

LONGEST_S = 0.25  # between two looks at the clock, while it plays
HINTS = (("f1", "F1 help"), ("tab", "Tab transcript"))


class Playback(Frame):
    """Shows a recording as it is played; `left` is called once, with where to go on live.

    That is a turn or a step, as `--from` takes it, or nothing. `now` tells seconds that go on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*PLAYBACK]
    AUTO_FOCUS = ""

    def __init__(
        self,
        recording: Recording,
        left: Callable[[str], None],
        *,
        speed: float = 1.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage, self.clock = Stage(recording), Clock(recording.length, speed, now)
        self._left = left
        self._asked: Asked | None = None
        self._next: asyncio.TimerHandle | None = None
        transcript = Transcript(self.stage.fold, clock=self._time)
        super().__init__(self.stage.folder, transcript, self.stage.state.stance, Status(HINTS))
        self.approval, self.question = Approval(live=False), Question(live=False)
        self.playhead = Playhead()

    def foot(self) -> ComposeResult:
        """Return what was asked, and the bar."""
        yield from (self.approval, self.question, self.playhead)

    def on_mount(self) -> None:
        """Begin to play."""
        self.clock.play()
        self.call_after_refresh(self.look)

    def look(self) -> None:
        """Show what is due by now, and look again when more is."""
        stage, at = self.stage, self.clock.at
        change = stage.go(at)
        if change is None:
            self.transcript.show(stage.fold)
        else:
            self.transcript.changed(change)
        self.draw(stage.state, stage.state.stance, instead="", now=self._time())
        self._show_asked()
        self.playhead.show(self._position(at))
        self._again(at)

    # -- within

    def _time(self) -> float:
        """Return the time of the session."""
        return self.stage.recording.time(self.clock.at)

    def _again(self, at: float) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if not self.clock.playing:
            return
        recording, count = self.stage.recording, self.stage.count
        wait = LONGEST_S
        if recording.reply(count) is not None:
            wait = FRAME
        elif count < len(recording.due):
            wait = min(wait, self.clock.wait(recording.due[count]))
        self._next = later(self, max(FRAME, wait), self.look)

    def _position(self, at: float) -> Position:
        recording = self.stage.recording
        turn, step = recording.places[self.stage.count - 1]
        first, last = recording.events[0].time, recording.events[-1].time
        return Position(
            turn=turn,
            turns=len(recording.turns),
            step=step,
            time=recording.time(at) - first,
            whole=last - first,
            part=1.0 if self.clock.ended else at / recording.length,
            speed=self.clock.speed,
            playing=self.clock.playing,
        )

    def _show_asked(self) -> None:
        """Show the first of what waits for an answer, an approval before a question."""
        state, question = self.stage.state, self.stage.question
        asked = next(iter(state.asked.values()), None)
        if asked is not None:
            if self.approval.asked is not asked:
                self.approval.show(asked, state.calls.get(asked.call_id), state.stance)
        elif self.approval.asked is not None:
            self.approval.clear()
        if question is not None and asked is None:
            if self._asked is None or self._asked.question != question.question:
                self._asked = Asked(question.question, question.choices)
            self.question.show(self._asked)
        elif self.question.asked is not None:
            self._asked = None
            self.question.clear()

    # -- keys

    def seek(self, at: float) -> None:
        """Go to a position."""
        self.clock.seek(at)
        self.look()

    def action_play(self) -> None:
        """Pause, or play; at the end from the beginning again."""
        (self.clock.pause if self.clock.playing else self.clock.play)()
        self.look()

    def action_step(self, by: int) -> None:
        """Go to the end of the next step, or of the one before."""
        recording, at = self.stage.recording, self.clock.at
        self.seek(recording.next_stop(at) if by > 0 else recording.stop_before(at))

    def action_turn(self, by: int) -> None:
        """Go to the beginning of the next turn, or of this one or the one before."""
        recording, at = self.stage.recording, self.clock.at
        self.seek(recording.next_turn(at) if by > 0 else recording.turn_before(at))

    def action_faster(self, by: int) -> None:
        """Play faster, or slower."""
        self.clock.change(by)
        self.look()

    def action_end(self, which: int) -> None:
        """Go to the end, or to the beginning."""
        self.seek(self.clock.length if which > 0 else 0.0)

    def action_go_on(self) -> None:
        """Ask whether to go on live from here, and do so."""
        at = self.stage.recording.fork_at(self.clock.at)
        self.clock.pause()
        self.look()
        if self.stage.recording.damage:
            self._tell("the log is damaged, so nothing can go on from a step of it")
        elif not at:
            self._tell("nothing is complete yet that could be gone on from", "→ goes to a step")
        else:
            self.app.push_screen(GoingOn(at), lambda yes: self._left(at) if yes else None)

    def action_leave(self) -> None:
        """Leave."""
        self._left("")

    def action_copy_or_leave(self) -> None:
        """Copy a selection, else leave."""
        if (selected := self.get_selected_text()) is not None:
            self.app.copy_to_clipboard(selected)
            self.clear_selection()
            return
        self._left("")

    def action_over(self) -> None:
        """Go to the transcript, or away from it."""
        self.set_focus(None if self.focused is self.transcript else self.transcript)

    def action_page(self, direction: int) -> None:
        """Scroll the transcript."""
        self.transcript.page(direction)

    def action_follow(self) -> None:
        """Show the end of the transcript and stay there."""
        self.transcript.scroll_to_end_and_follow()

    def action_redraw(self) -> None:
        """Draw everything anew, where another program wrote over it."""
        self.refresh(layout=True, repaint=True)

    def action_help(self) -> None:
        """Show every key."""
        from tui.screens.help import Help, playback_groups

        self.app.push_screen(Help({}, playback_groups))

    @on(Playhead.Pressed)
    @on(Status.Pressed)
    def _pressed(self, message: Playhead.Pressed | Status.Pressed) -> None:
        self.app.simulate_key(message.key)

    @on(Playhead.Sought)
    def _sought(self, message: Playhead.Sought) -> None:
        self.seek(message.part * self.clock.length)

    def _tell(self, text: str, hint: str = "") -> None:
        note = Notice(text=text, hint=hint, time=self._time())
        self.transcript.changed(self.stage.fold.take(note))

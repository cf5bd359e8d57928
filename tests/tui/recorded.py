"""Sessions as logs keep them, to be played."""

from __future__ import annotations

from typing import Any

from agent.events import (
    AutonomyChanged,
    Base,
    MessageFinished,
    StepStarted,
    TextDelta,
    ThinkingDelta,
)
from agent.log import LogView
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy
from agent.redaction import Redaction
from tests.tui.told import Teller
from tools.base import ToolResult
from tui.fold import Change, Fold
from tui.playback.recording import Recording


class Logging(Fold):
    """A fold that keeps what a log would."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def take(self, event: Base) -> Change:
        if not isinstance(event, TextDelta | ThinkingDelta):
            self.events.append(event)
        return super().take(event)


class Kept(Teller):
    """A teller whose session can be played."""

    def __init__(self) -> None:
        super().__init__()
        self.fold: Logging = Logging()

    @property
    def events(self) -> list[Any]:
        return self.fold.events

    def recording(self, idle: float = 2.0, **view: Any) -> Recording:
        """Return what was told so far as a recording."""
        ends = list(range(len(self.events)))
        return Recording.of(LogView(events=self.events, ends=ends, **view), Redaction(), idle)


def two_turns() -> Kept:
    """Tell a turn of two steps with a call each, and a turn of one."""
    told = Kept()
    told.open()
    told.turn("look")
    told.step(1, "I look at the file.", thought="Where is it?")
    told.call("read", ToolResult(text="x", summary="1 line"), path="a.py")
    told.step(2, "I run it.")
    told.call("shell", ToolResult(text="3", summary="exit 0"), seconds=40.0, command="run")
    told.end()
    told.turn("more")
    told.tell(StepStarted(step=1))
    told.tell(TextDelta(text="No "), AutonomyChanged(autonomy=Autonomy.ASK), seconds=0.8)
    message = AssistantMessage(text="No more.")
    told.tell(TextDelta(text="more."), MessageFinished(message=message, usage=Usage()))
    told.end()
    return told

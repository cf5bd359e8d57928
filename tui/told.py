"""What happens in a session, told in lines as it comes: a run, or one that is played back."""

from __future__ import annotations

from typing import TextIO

from agent.events import (
    Base,
    CallDecided,
    SessionStarted,
    TextDelta,
    ToolOutput,
    ToolRequested,
    TurnFinished,
)
from agent.faces import TextFace, proof
from agent.policy import Verdict
from agent.terminal import inert


class Told:
    """Writes the answers of the model to `out`, and what happens to `talk`; both may be one."""

    def __init__(self, out: TextIO, talk: TextIO) -> None:
        self._out, self._talk = out, talk
        self._face = TextFace(out, talk)
        self._own: set[str] = set()  # calls of the user's

    def say(self, line: str) -> None:
        """Tell something."""
        self._talk.write(inert(line) + "\n")
        self._talk.flush()

    def started(self, event: SessionStarted) -> None:
        """Tell which session it is."""
        self.say(f"session {event.id}: {event.model}, containment {event.containment.name}")

    def read(self, event: Base) -> None:
        """Tell of an event, where it is worth a line."""
        match event:
            case TextDelta():
                return  # the whole reply is told at its end
            case ToolRequested(call=call, by="user"):
                self._own.add(call.id)
            case ToolOutput(call_id=name, text=text) if name in self._own:
                self._out.write(inert(text))
                self._out.flush()
            case CallDecided(call_id=name, verdict=Verdict.ASK) if name in self._own:
                return  # typing it was the answer, or a line asks next
            case _:
                self._face.read(event)

    def ended(self, finished: TurnFinished, left: str, next: str = "") -> None:
        """Tell how a turn ended; `left` says what left this machine.

        `next` is what to type where files were changed and nothing proved it.
        """
        if finished.text:
            self._out.write(inert(finished.text.strip()) + "\n")
            self._out.flush()
        for line in proof(finished.verification):
            self.say(line)
        for path in finished.changed:
            self.say(f"changed: {path}")
        if next and finished.changed and not finished.verification.verified:
            self.say(f"hint: {next}")
        if finished.error:
            self.say(f"error: {finished.error}")
        if finished.hint:
            self.say(f"hint: {finished.hint}")
        used = finished.usage
        told = f"{used.input} tokens read, {used.output} written, {left}"
        self.say(f"{finished.outcome}: {told}")

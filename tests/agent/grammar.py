"""The grammar of events, held over one stream: what opens is closed, nothing comes too early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CheckFinished,
    CheckStarted,
    MessageFinished,
    Result,
    SessionStarted,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.policy import Verdict


@dataclass
class _Call:
    decided: CallDecided | None = None
    asked: bool = False
    answered: ApprovalAnswered | None = None
    started: bool = False

    @property
    def allowed(self) -> bool:
        if self.decided is None:
            return False
        return self.decided.verdict is Verdict.ALLOW or bool(
            self.answered and self.answered.approved
        )


class _Held:
    """What is open at one place of the stream."""

    def __init__(self) -> None:
        self.turn = False
        self.step = 0
        self.replying = False  # between a step's start and the end of its message
        self.calls: dict[str, _Call] = {}
        self.closed: set[tuple[int | None, str]] = set()  # of which attempt, and its id
        self.attempt: int | None = None
        self.check = False

    def read(self, event: Base) -> None:
        match event:
            case TurnStarted():
                assert not self.turn, "a turn in a turn"
                self.turn, self.step = True, 0
            case TurnFinished():
                assert self.turn and not self.calls, "closed once, with its calls"
                assert self.attempt is None, "an attempt is closed before its turn"
                self.turn = False
            case StepStarted(step=step):
                assert self.turn and not self.calls
                assert step == self.step + 1, "steps count from 1"
                self.step, self.replying = step, True
            case TextDelta() | ThinkingDelta():
                assert self.replying, "a delta belongs to a reply"
            case MessageFinished():
                assert self.replying
                self.replying = False
            case AttemptStarted(attempt=number):
                assert self.attempt is None and number is not None
                assert not self.calls and not self.replying, "an attempt holds whole steps"
                self.attempt = number
            case CheckStarted():
                assert self.turn and not self.check
                self.check = True
            case CheckFinished():
                assert self.check
                self.check = False
            case _:
                self._of_a_call(event)
        assert event.attempt == self.attempt, f"{event} bears another attempt"
        if isinstance(event, AttemptFinished):
            assert not self.calls, "its calls are closed before it"
            self.attempt = None

    def _of_a_call(self, event: Base) -> None:
        match event:
            case ToolRequested(call=made, by=by):
                assert self.turn and not self.calls, "calls are made one after another"
                assert by != "model" or (self.step and not self.replying)
                assert (self.attempt, made.id) not in self.closed, "an id is used once"
                self.calls[made.id] = _Call()
            case CallDecided(call_id=call_id):
                assert self.calls[call_id].decided is None, "decided once"
                self.calls[call_id].decided = event
            case ApprovalAsked(call_id=call_id):
                call = self.calls[call_id]
                assert call.decided and call.decided.verdict is Verdict.ASK and not call.asked
                call.asked = True
            case ApprovalAnswered(call_id=call_id):
                call = self.calls[call_id]
                assert call.asked and call.answered is None
                call.answered = event
            case ToolStarted(call_id=call_id):
                assert self.calls[call_id].allowed and not self.calls[call_id].started
                self.calls[call_id].started = True
            case ToolOutput(call_id=call_id):
                assert self.calls[call_id].started
            case ToolFinished(call_id=call_id, result=result):
                call = self.calls.pop(call_id)
                assert call.decided is not None, "every call is decided"
                assert call.asked is (call.answered is not None), "every question is answered"
                assert call.started or not result.ok, "what did not start did not succeed"
                self.closed.add((self.attempt, call_id))
            case _:
                pass


def holds(events: Sequence[Base]) -> None:
    """Assert that these events, a whole stream, are in the grammar."""
    assert isinstance(events[0], SessionStarted)
    last = [event for event in events if isinstance(event, Result)]
    assert all(event is events[-1] for event in last), "the result is the last line"
    stream = events[: len(events) - len(last)]
    assert [event.seq for event in stream] == list(range(1, len(stream) + 1))
    times = [event.time for event in stream]
    assert all(times), "every event has its time"
    held = _Held()
    for event in stream:
        held.read(event)
    assert not held.turn and not held.calls and held.attempt is None

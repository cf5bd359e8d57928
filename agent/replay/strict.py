"""Does the turns of a log again, over what the log has of the world, and names what is different.

A change of the program shows as the first thing that it does otherwise: asks a model with another
message, decides a call by another rule, tells the model something else. What the tools and the
checks themselves do is not done again, nor what a repair does between its model and its tests: of
a repair only what the policy decided is looked at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from agent.asked import Asked
from agent.events import (
    AutonomyChanged,
    Base,
    EffortChanged,
    MessageFinished,
    SessionResumed,
    SessionStarted,
    TurnFinished,
    TurnStarted,
)
from agent.form import Form
from agent.history import History
from agent.models.estimate import Estimate
from agent.replay.deciding import Stood, replay
from agent.replay.following import Cut, Diverged, Followed
from agent.replay.overlaid import NOBODY, RecordedSession, RecordedTurn
from agent.replay.recorded import RecordedModel
from agent.run import compact, reason_and_act
from agent.turn import Turn

Work = Callable[[Turn, str], Awaitable[None]]
_WORK: dict[str, Work] = {"run": reason_and_act, "compact": compact}
OLDER = "written by a version that did not note what the model was asked with"
SILENT = "no model answered in it, so what the model was is not known"
BESIDE = "what it ran is not run again; what the policy decided was looked at"


@dataclass(frozen=True, slots=True)
class Difference:
    """What the program does otherwise now, and where; step 0 is the beginning of a turn."""

    turn: int
    step: int
    what: str

    def __str__(self) -> str:
        return f"turn {self.turn}, step {self.step}: {self.what}"


@dataclass
class Again:
    """What came of it; `left` says of turns why they were not done again, or not whole."""

    turns: int = 0
    events: int = 0  # that were compared
    differences: list[Difference] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


async def again(events: Sequence[Base]) -> Again:
    """Do every turn of a log again; `events` are as they were written."""
    with tempfile.TemporaryDirectory(prefix="wisp-replay-") as folder:
        replay = _Replay(events, Path(folder))
        for start, end in _turns(events):
            await replay.turn(start, end)
        return replay.found


def _turns(events: Sequence[Base]) -> Iterator[tuple[int, int]]:
    """Yield where each turn begins and where it is over."""
    starts = [at for at, each in enumerate(events) if isinstance(each, TurnStarted)]
    for start, limit in pairwise([*starts, len(events)]):
        ends = (at + 1 for at in range(start, limit) if isinstance(events[at], TurnFinished))
        yield start, next(ends, limit)


class _Replay:
    def __init__(self, events: Sequence[Base], folder: Path) -> None:
        self.found = Again()
        self._events = events
        self._folder = folder
        self._stood = Stood()
        self._taken = 0  # of the events
        self._effort = 2
        self._who = NOBODY
        self._estimate = Estimate()

    async def turn(self, start: int, end: int) -> None:
        """Do the turn again that stands there."""
        self._take(self._events[self._taken : start])
        first, events = self._events[start], self._events[start:end]
        assert isinstance(first, TurnStarted), "that is where turns begin"
        self.found.turns += 1
        number, work = self.found.turns, _WORK.get(first.kind)
        replies = [each for each in events if isinstance(each, MessageFinished)]
        if work is None:
            self.found.left.append(f"turn {number}, a {first.kind}: {BESIDE}")
            self._decided(number, start, end)
        elif any(each.request is None for each in replies):
            self.found.left.append(f"turn {number}: {OLDER}")
        elif first.kind == "run" and not replies:
            self.found.left.append(f"turn {number}: {SILENT}")
        else:
            await self._carried(number, first, work, events, History.of(self._events[:start]))

    async def _carried(
        self, number: int, first: TurnStarted, work: Work, events: Sequence[Base], history: History
    ) -> None:
        stance = self._stood.stance()
        if stance is None:
            return  # a log without its beginning, which says nothing

        def outside(event: Base) -> None:
            history.apply(event)
            if isinstance(event, AutonomyChanged):
                stance.autonomy = event.autonomy

        followed = Followed(events, outside)
        session = RecordedSession(followed, history)
        model = RecordedModel(self._who, followed, history, self._estimate)
        form = Form(first.form) if first.form is not None else None
        turn = RecordedTurn.of(followed, session, model, stance, self._effort, form, self._folder)
        try:
            await turn.carry(
                first.prompt, first.kind, work, first.context, first.images, first.origin
            )
        except Diverged as other:
            self.found.differences.append(Difference(number, followed.step, other.what))
        except Cut:
            pass
        self.found.events += followed.compared

    def _decided(self, number: int, start: int, end: int) -> None:
        """Look at what the policy decided of a turn that is not done again."""
        step = 0
        known = {id(each) for each in self._events[start:end] if each.attempt is None}
        for each in replay(self._events[:end]):
            if id(each.then) not in known:
                continue
            self.found.events += 1
            if each.differs or each.then.reason != each.now.reason:
                what = (
                    f"CallDecided ({each.call.name}): was {each.then.verdict.value},"
                    f" {each.then.reason!r}, and is {each.now.verdict.value}, {each.now.reason!r}"
                )
                self.found.differences.append(Difference(number, step, what))
                return

    def _take(self, events: Sequence[Base]) -> None:
        for event in events:
            self._stood.take(event)
            if isinstance(asked := getattr(event, "asked", None), Asked):
                self._who = asked
            match event:
                case SessionStarted(effort=effort) | SessionResumed(effort=effort):
                    self._estimate = Estimate()  # another process knows of no request
                    self._effort = effort
                case EffortChanged(effort=effort):
                    self._effort = effort
                case _:
                    pass
        self._taken += len(events)

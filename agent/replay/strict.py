"""Does the turns of a log again, over what the log has of the world, and names what is different.

A change of the program shows as the first thing that it does otherwise: asks a model with another
message, decides a call by another rule, tells the model something else. What tools and checks do in
a talk is not done again. A repair hangs on its tree and its tests, so it is done again in a tree or
not at all; then only what the policy decided of it is looked at.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.asked import Asked
from agent.checkpoint import Checkpoints
from agent.config import Settings
from agent.errors import UsageError
from agent.events import (
    AutonomyChanged,
    Base,
    CheckpointMade,
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
from agent.redaction import Redaction
from agent.repair.fix import repair
from agent.replay.deciding import Stood, replay
from agent.replay.following import REPAIR, Cut, Diverged, Followed
from agent.replay.overlaid import NOBODY, Given, RecordedSession, RecordedTurn, nowhere
from agent.replay.recorded import recorded
from agent.run import compact, reason_and_act
from agent.stall import CHANCE
from agent.turn import Turn
from sandbox.base import Containment
from tools.base import ToolContext

# what a repair plants has a name that nobody could have foreseen
_MARK = re.compile(r"wisp(?:_|-planted-)[0-9a-f]{12}")
Work = Callable[[Turn, str], Awaitable[None]]
_WORK: dict[str, Work] = {"run": reason_and_act, "compact": compact, "fix": repair}
_SETTINGS = ("rungs", "seed", "max_steps", "max_tokens", "max_cost", "max_wall_time")
OLDER = "written by a version that did not note what the model was asked with"
SILENT = "no model answered in it, so what the model was is not known"
CHECKED = "what it ran is not run again"
BESIDE = "not done again without --check CMD; what the policy decided was looked at"


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


@dataclass(frozen=True, slots=True)
class Here:
    """A tree in which repairs may be done again, with its tests, in the sandbox.

    Its check is what the user said here: what a log says is not run. `cwd` is where they are, and
    `redaction` knows the secrets that there are now.
    """

    context: ToolContext
    cwd: Path
    redaction: Redaction


async def again(events: Sequence[Base], here: Here | None = None) -> Again:
    """Do every turn of a log again; `events` are as they were written.

    Repairs only where there is a tree for them, which stays as it is.
    """
    with tempfile.TemporaryDirectory(prefix="wisp-replay-") as folder:
        replay = _Replay(events, Path(folder), here)
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
    def __init__(self, events: Sequence[Base], folder: Path, here: Here | None) -> None:
        self.found = Again()
        self._events = events
        self._folder = folder
        self._here = here
        self._stood = Stood()
        self._taken = 0  # of the events
        self._opened: SessionStarted | SessionResumed | None = None
        self._effort = 2
        self._who = NOBODY
        self._estimate = Estimate()

    async def turn(self, start: int, end: int) -> None:
        """Do the turn again that stands there."""
        self._take(self._events[self._taken : start])
        first, events = self._events[start], self._events[start:end]
        assert isinstance(first, TurnStarted), "that is where turns begin"
        self.found.turns += 1
        if first.kind == "fix" and self._here is not None:
            why = await self._why_not(self._here.context, events)
        else:
            why = _left(first, events)
        if not why:
            await self._carried(first, events, History.of(self._events[:start]))
            return
        self.found.left.append(f"turn {self.found.turns}, a {first.kind}: {why}")
        if first.kind not in _WORK or first.kind == "fix":
            self._decided(start, end)

    async def _why_not(self, context: ToolContext, events: Sequence[Base]) -> str:
        """Return why a repair is not done again here; empty where it is."""
        stance = self._stood.stance()
        if stance is not None and stance.containment is not Containment.FULL:
            return "it was done without a full sandbox"
        asked = any(isinstance(getattr(each, "asked", None), Asked) for each in events)
        return await not_as_then(context, events) if asked or self._who is not NOBODY else SILENT

    async def _carried(self, first: TurnStarted, events: Sequence[Base], history: History) -> None:
        stance, here = self._stood.stance(), self._here if first.kind == "fix" else None
        opened = self._opened
        if stance is None or opened is None:
            return  # a log without its beginning, which says nothing

        def outside(event: Base) -> None:
            history.apply(event)
            if isinstance(event, AutonomyChanged):
                stance.autonomy = event.autonomy

        if here is None:
            context = nowhere(self._folder, stance.containment)
            followed = Followed(events, outside)
        else:
            context = here.context
            plain = _plain(opened.cwd, str(here.cwd))
            followed = Followed(events, outside, REPAIR, attempts=True, plain=plain)
        session = RecordedSession(followed, history, here.redaction if here else None)
        model = recorded(self._who, followed, history, self._estimate)
        try:
            form = Form(first.form) if first.form is not None else None
        except UsageError as error:
            self.found.left.append(f"turn {self.found.turns}: {error.message}")
            return
        given = Given(stance, self._effort, form, _settings(opened.settings))
        turn = RecordedTurn.of(followed, session, model, given, context, here is not None)
        try:
            await turn.carry(
                *(first.prompt, first.kind, _WORK[first.kind]),
                *(first.context, first.images, first.origin),
            )
        except Diverged as other:
            if turn.interrupted:  # by who does it again, which is no difference
                raise asyncio.CancelledError from None
            difference = Difference(self.found.turns, followed.step, other.what)
            self.found.differences.append(difference)
        except Cut:
            pass
        self.found.events += followed.compared

    def _decided(self, start: int, end: int) -> None:
        """Look at what the policy decided of a turn that is not done again."""
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
                self.found.differences.append(Difference(self.found.turns, 0, what))
                return

    def _take(self, events: Sequence[Base]) -> None:
        for event in events:
            self._stood.take(event)
            if isinstance(asked := getattr(event, "asked", None), Asked):
                self._who = asked
            match event:
                case SessionStarted() | SessionResumed():
                    self._estimate = Estimate()  # another process knows of no request
                    self._opened, self._effort = event, event.effort
                case EffortChanged(effort=effort):
                    self._effort = effort
                case _:
                    pass
        self._taken += len(events)


def _left(first: TurnStarted, events: Sequence[Base]) -> str:
    """Return why a turn is not done again; empty where it is."""
    replies = [each for each in events if isinstance(each, MessageFinished)]
    if first.kind not in _WORK:
        return CHECKED
    if first.kind == "fix":
        return BESIDE
    if any(each.request is None for each in replies):
        return OLDER
    return SILENT if first.kind == "run" and not replies else ""


def _settings(told: Mapping[str, Any]) -> Settings:
    """Return what of the settings a turn is done again with; none of a log that lies."""
    try:
        return Settings.model_validate({each: told[each] for each in _SETTINGS if each in told})
    except ValidationError:
        return Settings()


def _plain(then: str, now: str) -> Callable[[str], str]:
    """Return what makes texts of two runs alike: no times, no marks, one name for the tree."""
    return lambda text: CHANCE.sub("", _MARK.sub("", text.replace(then, now)))


async def not_as_then(context: ToolContext, events: Sequence[Base]) -> str:
    """Return why a repair cannot be done again in a tree, in words; empty where it can."""
    if context.sandbox.containment is not Containment.FULL:
        return "it is done again in a full sandbox only: agent sandbox status"
    made = [each.id for each in events if isinstance(each, CheckpointMade)]
    checkpoints = Checkpoints(context.workspace.root, context.sandbox)
    if not made or made[0] not in await checkpoints.ids():
        return ""  # it changed nothing, or was done elsewhere: then what differs shows
    now = await checkpoints.make("before a replay")
    changed = await checkpoints.changed(made[0], now.id)
    names = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
    return f"the files are not as they were ({names}): agent undo" if changed else ""

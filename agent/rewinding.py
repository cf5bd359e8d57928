"""Going back to before a turn or a step: the files, the conversation, or both.

The files go back by checkpoints; what a turn did is taken back, and what the user did since stays.
The conversation goes on in a copy of the log that ends there, so the one that was stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from agent.checkpoint import Checkpoints
from agent.errors import UsageError
from agent.events import (
    Base,
    CheckpointMade,
    SessionResumed,
    StepStarted,
    TurnFinished,
    TurnStarted,
)
from agent.log import read
from agent.resumption import fork
from agent.session import new_id
from agent.sessions import Kept, find, folder
from agent.undo import Turns, Undone, rewind

FORK = "fork"


@dataclass(frozen=True, slots=True)
class Point:
    """Before a turn of a session; before a step of it, where `step` is not 0. Counted from 1."""

    session: Kept
    turn: int
    step: int = 0

    @classmethod
    def of(cls, word: str, session: str, root: Path) -> Point:
        """Read `TURN`, `TURN.STEP` or `fork`; raises UsageError for what is not there.

        `fork` is where a session that is a fork left the other one: behind its last step there.
        """
        found = find(session, root)
        if word == FORK:
            return cls._of_fork(found, root)
        turn, dot, step = word.partition(".")
        if not turn.isdecimal() or (dot and not step.isdecimal()):
            raise UsageError(f"not a turn or a step: {word}", "agent rewind TURN.STEP, such as 2.3")
        point = cls(found, int(turn), int(step or 0))
        there = {(turn, step) for turn, step, _ in _steps(_whole(found))}
        if not point.turn or (dot and not point.step) or (point.turn, point.step) not in there:
            what = f"step {step} in turn {turn}" if step else f"turn {turn}"
            raise UsageError(f"{found.id} has no {what}", f"agent sessions show {found.id}")
        return point

    @classmethod
    def _of_fork(cls, found: Kept, root: Path) -> Point:
        mine = _whole(found)
        begun = [each for each in mine if isinstance(each, SessionResumed) and each.forked_from]
        if not begun:
            raise UsageError(f"{found.id} is no fork", "agent rewind TURN.STEP, such as 2.3")
        other = find(begun[-1].forked_from, root)
        # what a fork had left open was closed in its own log, as the other one's never was
        pairs = zip(_whole(other)[1:], mine[1:], strict=False)
        shared = [theirs for theirs, ours in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        turn, step, _ = [(0, 0, None), *_steps(shared)][-1]
        ends = [each for each in shared if isinstance(each, TurnStarted | TurnFinished)]
        ended = bool(ends) and isinstance(ends[-1], TurnFinished)
        return cls(other, turn + 1) if ended else cls(other, turn, step + 1)

    def checkpoints(self) -> dict[tuple[int, int], str]:
        """Return the first checkpoint of each turn and step from here on."""
        found: dict[tuple[int, int], str] = {}
        for turn, step, event in _steps(read(self.session.path).events):
            if turn >= self.turn and isinstance(event, CheckpointMade):
                found.setdefault((turn, step), event.id)
        return found

    def end(self) -> str:
        """Return up to where the conversation stays, as `fork` takes it; empty for nothing."""
        if self.step > 1:
            return f"{self.turn}.{self.step - 1}"
        return str(self.turn - 1) if self.turn > 1 else ""


async def files_back(point: Point, checkpoints: Checkpoints, *, preview: bool) -> Undone | None:
    """Take the files back; None where nothing was changed since. Raises Failed."""
    done = Turns(checkpoints.path).done(await checkpoints.ids())
    made = point.checkpoints()
    begins: dict[int, str] = {}  # by its first checkpoint a turn is known in a fork too
    for (turn, _), name in made.items():
        begins.setdefault(turn, name)
    first = next((each for each in done if each.before in begins.values()), None)
    if first is None:
        return None
    kept = ""
    if point.step and first.before == begins.get(point.turn):
        since = (made[at] for at in made if at[0] == point.turn and at[1] >= point.step)
        kept = next(since, first.after)
    return await rewind(checkpoints, first, kept, preview=preview)


def talk_back(point: Point, root: Path) -> str:
    """Make a session that ends there, and return its id; empty where nothing would be in it."""
    end = point.end()
    if not end:
        return ""
    name = new_id()
    fork(point.session, folder(root) / f"{name}.jsonl", end)
    return name


def _whole(session: Kept) -> Sequence[Base]:
    """Return the events of a session. Raises UsageError where some are missing."""
    view = read(session.path)
    if view.damage:
        raise UsageError(
            f"the log of {session.id} is damaged, so its turns cannot be counted", "agent undo"
        )
    return view.events


def _steps(events: Iterable[Base]) -> Iterable[tuple[int, int, Base]]:
    """Yield each event with its turn and step; the number of a step is 0 before the first one."""
    turn = step = 0
    for event in events:
        match event:
            case TurnStarted():
                turn, step = turn + 1, 0
            case StepStarted(step=count):
                step = count
        yield turn, step, event

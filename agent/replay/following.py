"""Goes along the log of a turn while the program does the turn again, and compares the two.

Of a turn there are two kinds of events. What the harness decides (what it asks the model, which
calls it makes, what the policy says, what it tells the model, how it ends) is compared. What came
from outside (people, processes, files, the network) is taken from the log where it stood: it
cannot come again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CheckFinished,
    CheckStarted,
    Forked,
    HarnessSpoke,
    HistoryCompacted,
    InstructionsTold,
    MessageFinished,
    PhaseStarted,
    PromptTaken,
    Sampled,
    Scored,
    StepStarted,
    SummaryGiven,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)

COMPARED = (
    TurnStarted,
    StepStarted,
    MessageFinished,
    HarnessSpoke,
    InstructionsTold,
    PromptTaken,
    SummaryGiven,
    HistoryCompacted,
    ToolRequested,
    CallDecided,
    ApprovalAsked,
    ApprovalAnswered,
    ToolFinished,
    TurnFinished,
)
"""What the harness decides or passes on; its place among the others counts too."""
REPAIR = (
    *COMPARED,
    *(PhaseStarted, AttemptStarted, AttemptFinished, Sampled, Scored, Forked),
    *(CheckStarted, CheckFinished),
)
"""What is compared of a repair that is done again with its tests."""

# of an event, what is not decided here: when it was, what a checker measured, what a reply cost
_APART: dict[type[Base], frozenset[str]] = {
    TurnFinished: frozenset({"usage", "verification"}),
    HistoryCompacted: frozenset({"usage"}),
    # what was asked is compared before the reply
    MessageFinished: frozenset({"usage", "asked", "request"}),
    SummaryGiven: frozenset({"asked"}),
    Sampled: frozenset({"usage", "asked"}),
    Scored: frozenset({"asked"}),
    Forked: frozenset({"asked"}),
    CheckFinished: frozenset({"seconds", "notes"}),
}
_STAMP = frozenset({"seq", "time", "attempt"})
TYPED = "user-"  # how the ids of calls begin that a person made beside the model
E = TypeVar("E", bound=Base)
Plain = Callable[[str], str]


class Cut(BaseException):
    """The turn was cut off here: by a kill, a person, a clock. There is no more to compare.

    No `Exception`, since nothing on the way may take it for a failure of its own.
    """


class Diverged(Exception):
    """The program does something else here; `what` is a sentence about it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass
class Followed:
    """The events of one turn of a log, as far as the program has come; `step` is where that is.

    What comes from outside is handed to `take` when its place is reached. `kinds` are compared,
    those of attempts only with `attempts`; `plain` takes out of a text what hangs on chance.
    """

    events: Sequence[Base]
    take: Callable[[Base], None]
    kinds: tuple[type[Base], ...] = COMPARED
    attempts: bool = False
    plain: Plain = str
    step: int = 0
    compared: int = 0
    _at: int = 0
    _over: bool = False

    def __post_init__(self) -> None:
        self.end = next((each for each in self.events if isinstance(each, TurnFinished)), None)
        self._theirs = {
            each.call.id
            for each in self.events
            if isinstance(each, ToolRequested) and each.call.id.startswith(TYPED)
        }

    @property
    def head(self) -> Base | None:
        """What the log has next of what is compared; None at its end. Takes what stands before."""
        while self._at < len(self.events):
            event = self.events[self._at]
            ours = self.attempts or event.attempt is None
            if isinstance(event, self.kinds) and ours and not self._typed(event):
                return event
            self._at += 1
            self.take(event)
        return None

    @property
    def reply(self) -> MessageFinished | SummaryGiven | None:
        """What a model answers next, wherever that stands; None where it does not any more."""
        left = self.events[self._at :]
        kinds = (MessageFinished, SummaryGiven)
        return next((each for each in left if isinstance(each, kinds)), None)

    def coming(self, kind: type[E]) -> list[E]:
        """Return the events of a kind that the program has not come to."""
        return [each for each in self.events[self._at :] if isinstance(each, kind)]

    def outside(self, kind: type[E]) -> list[E]:
        """Return all events of a kind, of the whole turn."""
        return [each for each in self.events if isinstance(each, kind)]

    def went_on(self, event: Base) -> None:
        """Compare what the program does with what the log has. Raises Diverged, and Cut."""
        if self._over or not isinstance(event, self.kinds):
            return
        head = self.head
        if head is None or (isinstance(head, TurnFinished) and self.cut):
            self._over = True
            raise Cut
        if difference := differing(head, event, self.plain):
            self._over = True
            raise Diverged(difference)
        self._at += 1
        self.compared += 1
        self.step = head.step if isinstance(head, StepStarted) else self.step
        self.take(head)

    def stop(self) -> None:
        """Compare no more: what follows is the way out."""
        self._over = True

    @property
    def cut(self) -> bool:
        """Whether the turn was ended from outside, at a place that nobody can find again."""
        end = self.end
        timed = end is not None and end.error.startswith("the limit of") and "seconds" in end.error
        return end is None or end.outcome == "cancelled" or timed

    def _typed(self, event: Base) -> bool:
        call = event.call.id if isinstance(event, ToolRequested) else ""
        return (call or getattr(event, "call_id", "")) in self._theirs


def differing(then: Base, now: Base, plain: Plain = str) -> str:
    """Return in words how an event is not the one in the log; empty where it is."""
    if type(then) is not type(now):
        return f"{_named(now)} where the log has {_named(then)}"
    apart = _STAMP | _APART.get(type(then), frozenset())
    old, new = then.model_dump(exclude=set(apart)), now.model_dump(exclude=set(apart))
    for name, value in old.items():
        if new[name] != value and _said(value, plain) != _said(new[name], plain):
            return f"{_named(then)}: {_values(name, value, new[name])}"
    return ""


def _said(value: Any, plain: Plain) -> Any:
    match value:
        case str():
            return plain(value)
        case dict():
            # how long a check took stands in what a call returned too
            rows = ((key, inner) for key, inner in value.items() if key != "seconds")
            return {key: _said(inner, plain) for key, inner in rows}
        case list() | tuple():
            return [_said(inner, plain) for inner in value]
        case _:
            return value


def _values(name: str, old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        inner = next((key for key in {**old, **new} if old.get(key) != new.get(key)), "")
        return _values(f"{name}.{inner}", old.get(inner), new.get(inner))
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        at = next((at for at, each in enumerate(old) if each != new[at]), 0)
        if old:
            return _values(f"{name}.{at + 1}", old[at], new[at])
    if isinstance(old, str) and isinstance(new, str):
        same = 0
        while same < min(len(old), len(new)) and old[same] == new[same]:
            same += 1
        start = max(0, same - 20)
        return f"`{name}` was {_short(old[start:])} and is {_short(new[start:])}"
    return f"`{name}` was {_short(old)} and is {_short(new)}"


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:77]}..."


def _named(event: Base) -> str:
    """Return what an event is called, with what tells it from others of its kind."""
    what = event.call.name if isinstance(event, ToolRequested) else getattr(event, "call_id", "")
    return f"{type(event).__name__}{f' ({what})' if what else ''}"

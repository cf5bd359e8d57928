"""A log as something to be played: when each event is due, and where one can stop.

What streamed is not in a log. A reply is typed again, evenly, from when the model was asked to when
the whole of it was there. Pauses are cut as players of terminal recordings do; while a reply is
typed, the pauses are those between its words. Times are added up from the gaps between events, so
that a clock that jumped, or a log that lies, moves nothing but itself.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.events import (
    AttemptFinished,
    Base,
    MessageFinished,
    ModelRetried,
    SessionStarted,
    StepStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
)
from agent.log import LogView
from agent.redaction import Redaction
from tui.playback.tame import NUMBER, tamed

IDLE_S = 2.0  # a longer pause is cut to it
_LEAST_S = 1e-5  # between two events, so that one can stop between any two
_LONGEST_S = 1e9  # a gap; no session lasts longer


@dataclass(frozen=True, slots=True)
class Stop:
    """Where something is complete, once so many events were `shown`.

    `at` is what `--from` calls it; empty where a fork cannot end.
    """

    shown: int
    at: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply by the numbers of the events between which it streamed."""

    asked: int
    whole: int
    thinking: str
    text: str

    @property
    def words(self) -> int:
        """How many pieces it came in, about."""
        return len(self.thinking.split()) + len(self.text.split())


@dataclass(frozen=True, slots=True)
class Recording:
    """The events of a session, with the seconds after which each is `due` when it is played.

    The times of the events are those of the session. `places` has the turn and the step that each
    event is in; both count from 1, and are 0 before the first.
    """

    events: tuple[Base, ...]
    due: tuple[float, ...]
    places: tuple[tuple[int, int], ...]
    replies: tuple[Reply, ...]
    stops: tuple[Stop, ...]
    turns: tuple[int, ...]  # how many events are shown where each turn has begun
    damage: str = ""  # what could not be read, in a line

    @classmethod
    def of(cls, view: LogView, redaction: Redaction, idle: float = IDLE_S) -> Recording:
        """Make it of a log that has an event; pauses over `idle` seconds are cut, 0 cuts none.

        What is a secret by now, and was none to whoever wrote the log, is left out.
        """
        events = _timed(tamed(redaction.clean(each)) for each in view.events)
        replies = tuple(_replies(events))
        places, stops, turns = _places(events)
        due = _due(events, replies, idle or math.inf)
        return cls(events, due, places, replies, stops, turns, _damage(view))

    @property
    def length(self) -> float:
        """How many seconds it plays."""
        return self.due[-1]

    def shown(self, at: float) -> int:
        """Return how many events have happened after so many seconds, at least one."""
        return max(1, bisect_right(self.due, at))

    def time(self, at: float) -> float:
        """Return the time of the session then; in a pause that was cut it goes faster."""
        count = self.shown(at)
        last = self.events[count - 1].time
        if count == len(self.events):
            return last
        begun, ended = self.due[count - 1], self.due[count]
        part = min(1.0, max(0.0, at - begun) / (ended - begun))
        return last + part * (self.events[count].time - last)

    def reply(self, count: int) -> Reply | None:
        """Return the reply that streams once so many events were shown."""
        number = bisect_right(self.replies, count - 1, key=lambda each: each.asked) - 1
        reply = self.replies[number] if number >= 0 else None
        return reply if reply is not None and count <= reply.whole else None

    def next_stop(self, at: float) -> float:
        """Return when the next thing is complete, or the end."""
        count = self.shown(at)
        found = (each.shown for each in self.stops if each.shown > count)
        return self.due[next(found, len(self.events)) - 1]

    def stop_before(self, at: float) -> float:
        """Return when the last thing before was complete, or the beginning."""
        count = self.shown(at)
        found = (each.shown for each in reversed(self.stops) if each.shown < count)
        return self.due[next(found, 1) - 1]

    def next_turn(self, at: float) -> float:
        """Return when the next turn begins, or the end."""
        count = self.shown(at)
        found = (each for each in self.turns if each > count)
        return self.due[next(found, len(self.events)) - 1]

    def turn_before(self, at: float) -> float:
        """Return when this turn began; at its very beginning when the one before did."""
        count = self.shown(at)
        found = (each for each in reversed(self.turns) if each < count)
        return self.due[next(found, 1) - 1]

    def fork_at(self, at: float) -> str:
        """Return the last turn or step that is complete, as `--from` takes it; empty for none."""
        count = self.shown(at)
        found = (each.at for each in reversed(self.stops) if each.shown <= count and each.at)
        return next(found, "")


def _timed(events: Iterable[Base]) -> tuple[Base, ...]:
    """Return the events with times that only go on."""
    found: list[Base] = []
    before = now = 0.0
    for event in events:
        if not found:
            before = now = min(max(0.0, event.time), float(NUMBER))
        now += min(max(0.0, event.time - before), _LONGEST_S)
        before = event.time
        same = event.time == now
        found.append(event if same else event.model_copy(update={"time": now}))
    return tuple(found)


def _replies(events: Sequence[Base]) -> Iterable[Reply]:
    asked: int | None = None
    for number, event in enumerate(events):
        match event:
            case _ if event.attempt is not None:
                continue  # the card of the attempts has no words of theirs
            case StepStarted():
                asked = number
            case ModelRetried() if asked is not None:
                asked = number
            case MessageFinished(message=message) if asked is not None:
                yield Reply(asked, number, message.thinking, message.text)
                asked = None
            case _:
                pass


def _due(events: Sequence[Base], replies: Sequence[Reply], idle: float) -> tuple[float, ...]:
    pauses = [idle] * len(events)  # the longest before each event
    for reply in replies:
        lasted = events[reply.whole].time - events[reply.asked].time
        for number in range(reply.asked + 1, reply.whole + 1):
            gap = events[number].time - events[number - 1].time
            pauses[number] = idle * max(1.0, reply.words * gap / lasted if lasted else 1.0)
    due, now = [0.0], 0.0
    for number in range(1, len(events)):
        gap = events[number].time - events[number - 1].time
        now += max(_LEAST_S, min(gap, pauses[number]))
        due.append(now)
    return tuple(due)


def _places(
    events: Sequence[Base],
) -> tuple[tuple[tuple[int, int], ...], tuple[Stop, ...], tuple[int, ...]]:
    """Return the turn and step of each event, where something is complete, where turns begin.

    Turns and steps are counted as a fork counts them.
    """
    places: list[tuple[int, int]] = []
    stops: dict[object, Stop] = {}
    turns: list[int] = []
    turn = step = 0
    ended = True
    for shown, event in enumerate(events, 1):
        match event:
            case TurnStarted():
                turn, step, ended = turn + 1, 0, False
                turns.append(shown)
            case StepStarted(step=number):
                step = number
            case MessageFinished() | ToolFinished() if step and not ended:
                stops.pop((turn, step), None)  # it is complete later, so it stands behind others
                stops[turn, step] = Stop(shown, f"{turn}.{step}")
            case AttemptFinished():
                stops[shown] = Stop(shown)
            case TurnFinished() if not ended:
                stops[turn] = Stop(shown, f"{turn}")
                ended = True
            case _:
                pass
        places.append((turn, step))
    return tuple(places), tuple(sorted(stops.values(), key=lambda each: each.shown)), tuple(turns)


def _damage(view: LogView) -> str:
    """Return in a line what is missing; empty where all of it was read."""
    told = []
    if view.damage:
        more = f", and {len(view.damage) - 1} more" if len(view.damage) > 1 else ""
        told.append(f"{view.damage[0]}{more}")
    if view.torn:
        told.append("the last line was cut off")
    first = view.events[0] if view.events else None
    if not isinstance(first, SessionStarted):
        told.append("its beginning is missing")
    return f"the log is damaged: {'; '.join(told)}" if told else ""

"""The fold of a session's events into its story, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    AutonomyChanged,
    Base,
    MessageFinished,
    ModelNamed,
    PhaseStarted,
    Rewound,
    SessionResumed,
    SessionStarted,
    StanceTaken,
    StepStarted,
    TurnFinished,
    TurnStarted,
)
from agent.ledger import Ledger
from agent.report import story
from agent.report.bounds import Bounds, Ends, amount, count
from agent.report.calling import Calling
from agent.report.checking import Checking
from agent.report.notes import noted
from agent.report.pictures import Pictures
from agent.report.requests import Requests, used
from agent.report.turns import TurnFold


def fold(events: Iterable[Base], bounds: Bounds, damage: Sequence[str] = ()) -> story.Story:
    """Return the story of these events, the whole log of a session or its beginning."""
    folding = _Folding(bounds)
    for event in events:
        folding.read(event)
    return folding.story(damage)


class _Folding:
    """What of the events before is needed to tell the next."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._opening = _Opening(bounds)
        self._ledger = Ledger()
        self._pictures = Pictures(bounds)
        self._requests = Requests()
        self._calling = Calling(bounds)
        self._checking = Checking(bounds)
        self._turns: Ends[TurnFold] = Ends(bounds.turns)
        self._between = TurnFold.outside(bounds)  # what happened outside of turns
        self._turn: TurnFold | None = None  # that is open
        self._latest: TurnFold | None = None
        self._events = 0
        self._attempts = 0
        self._used = story.Used()

    def read(self, event: Base) -> None:
        """Take in one event."""
        self._events += 1
        self._ledger.read(event)
        self._opening.read(event)
        if self._events == 1:
            self._between.started = event.time
        where = self._turn or self._between
        match event:
            case TurnStarted():
                self._close()
                self._turn = TurnFold(event, self._turns.added + 1, self._bounds, self._pictures)
                self._latest = self._turns.add(self._turn)
            case TurnFinished():
                if self._turn is not None:
                    self._turn.finish(event)
                    self._close()
            case StepStarted(step=step):
                where.ask(event, f"step {count(step)}")
            case MessageFinished(message=message, usage=usage):
                where.answer(event, message, used(usage))
                self._requests.add(where.step, usage)
            case PhaseStarted(phase=phase, detail=detail):
                where.add(
                    story.Phase(where.at(event), event.attempt, phase, self._bounds.short(detail))
                )
            case AttemptStarted():
                self._attempts += 1
                where.try_(event)
            case AttemptFinished():
                where.tried(event)
            case _:
                self._of_the_harness(event, where)

    def _of_the_harness(self, event: Base, where: TurnFold) -> None:
        if self._calling.read(event, where) or self._checking.read(event, where):
            return
        if isinstance(event, Rewound) and self._turn is None and self._latest is not None:
            self._latest.rewound += 1
        told = self._requests.read(event)
        if told is not None:
            where.asked(event, *told)
        if note := noted(event, where.at(event), self._bounds):
            where.add(note)

    def _close(self) -> None:
        """Note what the open turn used beyond its requests."""
        if self._turn is None:
            return
        used = self._turn.used.less(self._requests.of_turn)
        if used.new + used.cached + used.written:
            self._requests.put(f"scores and forks of turn {self._turn.number}", used)
        self._turn.used = self._requests.of_turn
        self._used += self._requests.of_turn
        self._requests.of_turn = story.Used()
        self._turn = None

    def story(self, damage: Sequence[str]) -> story.Story:
        """Return what was taken in."""
        self._close()
        self._used += self._requests.of_turn  # of requests outside of turns
        left = self._ledger.left
        hosts = sorted(left, key=lambda host: (-left[host], host))
        shown = {
            self._bounds.short(host): count(left[host]) for host in hosts[: self._bounds.names]
        }
        calling = self._calling
        return story.Story(
            version=story.VERSION,
            opening=self._opening.told(),
            turns=tuple(each.told() for each in self._turns),
            turns_cut=self._turns.gap,
            between=self._between.timeline(),
            between_cut=self._between.gap,
            decisions=calling.decided(),
            decisions_left_out=calling.left_out,
            requests=self._requests.told(),
            totals=story.Totals(
                events=self._events,
                turns=self._turns.added,
                requests=self._requests.made,
                calls=calling.calls,
                denied=calling.denied,
                attempts=self._attempts,
                checks=self._checking.checks,
                used=self._used,
                bytes_left=shown,
                hosts_left_out=len(left) - len(shown),
                online=self._ledger.online,
            ),
            damage=self._bounds.listed(damage),
        )


class _Opening:
    """What the session was opened with, each time a process went on with it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._id = self._parent = self._cwd = ""
        self._effort = 0
        self._lifted = False
        self._started = self._last = 0.0
        # the order in which each was first had; a log may name any number
        self._had: dict[str, dict[str, None]] = {
            name: {} for name in ("models", "addresses", "levels", "containments", "grants")
        }

    def read(self, event: Base) -> None:
        """Take in one event."""
        self._last = max(self._last, event.time)
        match event:
            case SessionStarted() | SessionResumed():
                if isinstance(event, SessionResumed):
                    self._parent = event.forked_from or self._parent
                else:
                    self._started = event.time
                self._id, self._cwd, self._effort = event.id, event.cwd, event.effort
                self._note("models", event.model)
                self._note("levels", event.autonomy.name)
                self._note("containments", event.containment.name)
            case ModelNamed(api_base=address) if address:
                self._note("addresses", address)
            case StanceTaken(lifted=lifted, grants=grants):
                self._lifted = self._lifted or lifted
                for grant in grants:
                    self._note("grants", grant)
            case AutonomyChanged(autonomy=level):
                self._note("levels", level.name)
            case _:
                pass

    def _note(self, what: str, word: str) -> None:
        self._had[what].setdefault(word)

    def told(self) -> story.Opening:
        """Return it all."""
        listed = {what: self._bounds.listed(list(words)) for what, words in self._had.items()}
        return story.Opening(
            id=self._bounds.short(self._id),
            forked_from=self._bounds.short(self._parent),
            cwd=self._bounds.short(self._cwd),
            effort=count(self._effort),
            lifted=self._lifted,
            started=amount(self._started),
            seconds=amount(self._last - self._started),
            **listed,
        )

"""What another level would have decided: the log of a session, read again through the policy.

Every decision in a log stands on what the log holds: the call's effects, the containment, the
grants, where text came from. Only the level is another. What would have happened after a difference
nobody knows: the calls stay those that were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

from agent.escalation import ACCEPTED
from agent.events import (
    ApprovalAnswered,
    AutonomyChanged,
    Base,
    CallDecided,
    SessionStarted,
    StanceTaken,
    ToolRequested,
)
from agent.grants import Grant
from agent.history import History
from agent.policy import Autonomy, Decision, Stance, Verdict, decide
from tools.base import ToolCall


class Stood:
    """Where a session stood at each place of its log, as the policy sees it."""

    def __init__(self) -> None:
        self.history = History()
        self.calls: dict[str, ToolCall] = {}
        self._stance: Stance | None = None

    def take(self, event: Base) -> None:
        """Take in the next event."""
        self.history.apply(event)
        match event:
            case SessionStarted(autonomy=autonomy, containment=containment):
                self._stance = Stance(autonomy, containment)
            case StanceTaken(autonomy=autonomy, containment=containment):
                self._stance = Stance(
                    autonomy=autonomy,
                    containment=containment,
                    lifted=event.lifted,
                    opened=frozenset(event.opened),
                    grants=tuple(_grants(event)),
                )
            case AutonomyChanged(autonomy=autonomy) if self._stance is not None:
                self._stance.autonomy = autonomy
            case ApprovalAnswered(grant=grant) if self._stance is not None and grant is not None:
                self._stance.grants = (*self._stance.grants, grant)
            case ToolRequested(call=call):
                self.calls[call.id] = call
            case _:
                pass

    def stance(self) -> Stance | None:
        """Return it as it is here, what was read so far included; None before there is any."""
        return self._stance and replace(self._stance, taint=self.history.taint)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One call: what was decided then, and what would have been."""

    call: ToolCall
    then: CallDecided
    now: Decision

    @property
    def differs(self) -> bool:
        """Whether the level made a difference."""
        return self.then.verdict is not self.now.verdict


def replay(events: Iterable[Base], level: Autonomy | None = None) -> Iterator[Replayed]:
    """Decide every call of a log again, at another level or at its own."""
    stood = Stood()
    for event in events:
        stood.take(event)
        if not isinstance(event, CallDecided) or event.call_id not in stood.calls:
            continue
        if (stance := stood.stance()) is not None:
            stance.autonomy = stance.autonomy if level is None else level
            call = stood.calls[event.call_id]
            yield Replayed(call, event, _decided(event, call, stance))


def _decided(then: CallDecided, call: ToolCall, stance: Stance) -> Decision:
    if not then.effects:  # it was no call at all, at any level
        return Decision(Verdict.DENY, then.reason, then.containment)
    return decide(call, frozenset(then.effects), stance)


def _grants(stance: StanceTaken) -> Iterator[Grant]:
    # older logs do not say where rules were given
    for rule, source in zip_longest(stance.grants, stance.sources, fillvalue=""):
        if rule == str(ACCEPTED):  # by `--escalate`, which is no rule that can be typed
            yield ACCEPTED
            continue
        try:
            yield Grant.of(rule, source=source)
        except ValueError:
            continue  # of another version

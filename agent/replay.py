"""What another level would have decided: the log of a session, read again through the policy.

Every decision in a log stands on what the log holds: the call's effects, the containment, the
grants, where text came from. Only the level is another. What would have happened after a difference
nobody knows: the calls stay those that were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
    history = History()
    calls: dict[str, ToolCall] = {}
    stance: Stance | None = None
    for event in events:
        history.apply(event)
        match event:
            case SessionStarted(autonomy=autonomy, containment=containment):
                stance = Stance(autonomy if level is None else level, containment)
            case StanceTaken(autonomy=autonomy, containment=containment):
                stance = Stance(
                    autonomy=autonomy if level is None else level,
                    containment=containment,
                    lifted=event.lifted,
                    opened=frozenset(event.opened),
                    grants=tuple(_grants(event.grants)),
                )
            case AutonomyChanged(autonomy=autonomy) if stance is not None and level is None:
                stance.autonomy = autonomy
            case ApprovalAnswered(grant=grant) if stance is not None and grant is not None:
                stance.grants = (*stance.grants, grant)
            case ToolRequested(call=call):
                calls[call.id] = call
            case CallDecided() if stance is not None and event.call_id in calls:
                stance.taint = history.taint
                yield Replayed(calls[event.call_id], event, _decided(event, stance, calls))
            case _:
                pass


def _decided(then: CallDecided, stance: Stance, calls: dict[str, ToolCall]) -> Decision:
    if not then.effects:  # it was no call at all, at any level
        return Decision(Verdict.DENY, then.reason, then.containment)
    return decide(calls[then.call_id], frozenset(then.effects), stance)


def _grants(rules: Iterable[str]) -> Iterator[Grant]:
    for rule in rules:
        if rule == str(ACCEPTED):  # by `--escalate`, which is no rule that can be typed
            yield ACCEPTED
            continue
        try:
            yield Grant.of(rule)
        except ValueError:
            continue  # of another version

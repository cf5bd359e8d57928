"""What an attempt was worth, by what checks said of it; nothing that the model said counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agent.events import AttemptFinished, Strength, Verification

WORTH: Mapping[Strength, float] = {
    "tests": 1.0,
    "exit-status": 0.5,
    "self-written": 0.25,
    "none": 0.0,
}
CLOSER = 0.2  # for all targets passing, where that is no repair yet
_UNDECIDED = ("not-run", "cancelled")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reward is made of; None is what nobody checked.

    `targets` is the share of the tests to be repaired that passed, `newly_failing` counts tests
    that passed before, `rivals` other changes that were seen to pass. Tokens, dollars and steps
    are what it took.
    """

    verified: float | None = None
    strength: Strength = "none"
    targets: float | None = None
    newly_failing: int | None = None
    rivals: int | None = None
    tokens: int = 0
    cost: float = 0.0
    steps: int = 0

    @property
    def reward(self) -> float | None:
        """From 0 to 1; None where no check said anything."""
        if self.verified is None:
            return None
        if self.verified or self.strength == "self-written":
            return WORTH[self.strength]
        return 0.0 if self.newly_failing else CLOSER * (self.targets or 0.0)

    def told(self) -> dict[str, Any]:
        """Return it as plain data, always with the same keys."""
        return asdict(self)


def of_turn(record: Verification, **cost: Any) -> Parts:
    """Return the parts of a whole turn by its record of checks."""
    if record.after is None:
        return Parts(**cost)
    named = set(record.targets)
    return Parts(
        verified=float(record.verified),
        strength=record.strength if record.verified or _own(record) else "none",
        targets=len(named & set(record.newly_passing)) / len(named) if named else None,
        newly_failing=len(record.newly_failing),
        rivals=record.rivals,
        **cost,
    )


def of_attempt(end: AttemptFinished, record: Verification, **cost: Any) -> Parts:
    """Return the parts of one attempt at a repair.

    `record` is that of the turn: the attempt that was verified ended it.
    """
    if end.verdict in _UNDECIDED:
        return Parts(**cost)
    known = end.targets and end.passing is not None
    share = (end.passing or 0) / end.targets if known else None
    if end.verdict != "verified":
        return Parts(verified=0.0, targets=share, newly_failing=len(end.newly_failing), **cost)
    if record.strength == "none":  # the turn did not come to its end
        return Parts(targets=share, **cost)
    return Parts(
        verified=float(record.verified),
        strength=record.strength,
        targets=share,
        newly_failing=0,
        rivals=record.rivals,
        **cost,
    )


def _own(record: Verification) -> bool:
    return record.strength == "self-written" and not record.newly_failing

"""How a turn ended, as an outcome and an exit code. The first row that applies counts."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import Blocked, ContextOverflow, ProviderFailed, UsageError, WispError
from agent.events import Outcome, Verification

INTERRUPTED, TERMINATED = 130, 143


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the end of a turn."""

    changed: bool
    verification: Verification
    denied: bool = False
    limit: bool = False
    retrying: bool = False  # the model was being asked again after it had failed
    failed: bool = False  # the job was not done: no repair found, nothing to reproduce
    error: WispError | None = None
    interrupted: int = 0  # INTERRUPTED or TERMINATED


def outcome(facts: Facts) -> tuple[Outcome, int]:
    """Return the word for people and the number for scripts."""
    code = facts.error.exit_code if facts.error is not None else 0
    unverified = facts.changed and not facts.verification.verified
    rows: tuple[tuple[bool, Outcome, int], ...] = (
        (bool(facts.interrupted), "cancelled", facts.interrupted),
        (code == UsageError.exit_code, "failed", code),
        (code == ProviderFailed.exit_code, "failed", code),
        (facts.limit and facts.retrying, "failed", ProviderFailed.exit_code),
        (facts.limit or code == ContextOverflow.exit_code, "limit", 5),
        (code == Blocked.exit_code, "blocked", code),
        (facts.denied and (unverified or not facts.changed), "blocked", 4),
        (facts.error is not None or facts.failed, "failed", 1),
        (unverified, "unverified", 3),
    )
    for applies, word, number in rows:
        if applies:
            return word, number
    return "done", 0

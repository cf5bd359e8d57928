"""How a turn ended, as an outcome and an exit code. The first row that applies counts."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import ContextOverflow, ModelUnusable, ProviderFailed, WispError
from agent.events import Outcome, Verification

INTERRUPTED, TERMINATED = 130, 143


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the end of a turn."""

    changed: bool
    verification: Verification
    denied: bool = False
    limit: bool = False
    failed: bool = False  # the job was not done: no repair found, nothing to reproduce
    error: WispError | None = None
    interrupted: int = 0  # INTERRUPTED or TERMINATED


def outcome(facts: Facts) -> tuple[Outcome, int]:
    """Return the word for people and the number for scripts."""
    unverified = facts.changed and not facts.verification.verified
    rows: tuple[tuple[bool, Outcome, int], ...] = (
        (bool(facts.interrupted), "cancelled", facts.interrupted),
        (isinstance(facts.error, ModelUnusable), "failed", 2),
        (facts.error is not None and facts.error.exit_code == 2, "failed", 2),
        (isinstance(facts.error, ProviderFailed), "failed", 75),
        (facts.limit or isinstance(facts.error, ContextOverflow), "limit", 5),
        (facts.error is not None and facts.error.exit_code == 4, "blocked", 4),
        (facts.denied and (unverified or not facts.changed), "blocked", 4),
        (facts.error is not None or facts.failed, "failed", 1),
        (unverified, "unverified", 3),
    )
    for applies, word, code in rows:
        if applies:
            return word, code
    return "done", 0

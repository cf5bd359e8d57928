"""The harness's own record of what checks said before and after: what an exit code 0 stands on."""

from __future__ import annotations

from typing import Literal

from tools.base import Frozen

Strength = Literal["none", "exit-status", "self-written", "tests"]


class Tally(Frozen):
    """The counts of one check."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


class Counted(Frozen):
    """A check of which no more is known than its counts, and tests that were named as failing."""

    tally: Tally
    failing: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """How many passed and failed, in words."""
        return f"{self.tally.passed} passed, {self.tally.failed} failed"


class Verification(Frozen):
    """The harness's own record of the checks before and after.

    `verified` is the verdict that the exit code stands on: every target passed, twice, and nothing
    fails that passed before. `reason` says what is missing when it is False.
    """

    verified: bool = False
    strength: Strength = "none"
    reason: str = ""
    commands: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    before: Tally | None = None
    after: Tally | None = None
    newly_passing: tuple[str, ...] = ()
    newly_failing: tuple[str, ...] = ()
    runs: int = 0
    seconds: float = 0.0
    in_place: bool = False  # tried in the user's own tree, under a checkpoint
    rivals: int = 0  # other changes that were seen to pass the targets: they leave it open

    @property
    def rivalled(self) -> str:
        """What it says of the proof that there are rivals, for a person; empty without any."""
        if not self.rivals:
            return ""
        others = "another change passes" if self.rivals == 1 else f"{self.rivals} others pass"
        return f"{others} the failing tests too"

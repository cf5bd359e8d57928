"""What a check said: the harness's own record of one run of the project's tests."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class TestOutcome(StrEnum):
    """How one test ended. Only `PASSED` proves anything."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    PASSED = "passed"
    FAILED = "failed"  # errors in set-up and collection too
    SKIPPED = "skipped"  # skipped, deselected by the test itself, expected to fail


class Failure(BaseModel):
    """One failing test: its message in a line, and its traceback as the runner printed it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    test: str
    message: str = ""
    trace: str = ""


class Ran(BaseModel):
    """A function that ran: its file and first line, in how many failing and passing tests.

    `lines` are those that ran in failing tests, `counts` such lines with in how many failing and
    passing ones; each empty where that was not watched. `guards` are a few of the passing tests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    path: str
    line: int
    failing: int
    passing: int
    lines: tuple[int, ...] = ()
    counts: tuple[tuple[int, int, int], ...] = ()
    guards: tuple[str, ...] = ()


class Screened(BaseModel):
    """What a quick try said of a proposal: whether the targets passed, None where it cannot tell.

    `test` is the first that did not pass and `message` why, or why nothing is known. It proves
    nothing: what passed is to be verified by a check, and what is unknown is decided by one. Of
    one that failed, `passes` says how many targets passed all the same, and `moved` whether the
    first that did not now says something else of the same kind than the old code made it say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    number: int  # of the proposal, from 0
    passed: bool | None
    test: str = ""
    message: str = ""
    passes: int = 0
    moved: bool = False


class CheckReport(BaseModel):
    """One run of a check.

    `tests` maps test ids to outcomes and is empty where the runner tells only an exit status
    (`granularity`). `complete` is False when the run was cut off: a time-out, a crash, an exit from
    inside the tests, a report that does not bear our signature. `output` is the end of what it
    printed, `notes` what the sandbox refused it, `reached` the hosts that it was connected to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    command: str
    runner: str
    granularity: Literal["test", "exit-status"]
    exit_code: int | None
    complete: bool
    timed_out: bool = False
    tests: dict[str, TestOutcome] = {}
    failures: tuple[Failure, ...] = ()
    ran: tuple[Ran, ...] = ()  # where that was asked for
    screened: tuple[Screened, ...] = ()  # where that was asked for; then `complete` is False
    seconds: float = 0.0
    output: str = ""
    notes: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()

    def named(self, outcome: TestOutcome) -> tuple[str, ...]:
        """Return the ids of the tests that ended so, in the order they ran."""
        return tuple(test for test, how in self.tests.items() if how is outcome)

    @property
    def passed(self) -> tuple[str, ...]:
        """The tests that passed."""
        return self.named(TestOutcome.PASSED)

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that failed, set-up and collection errors included."""
        return self.named(TestOutcome.FAILED)

    @property
    def green(self) -> bool:
        """Whether the whole run ended well: complete, status 0, nothing failed."""
        return self.complete and self.exit_code == 0 and not self.failed

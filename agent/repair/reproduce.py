"""Reproduce: run the project's check, see what fails, choose what must turn green."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.bench import Bench
from agent.errors import Failed
from agent.events import Emit, Notice, Strength
from agent.verify import named
from tools.report import CheckReport, Failure, TestOutcome


@dataclass(frozen=True)
class Reproduction:
    """What was seen to fail before the repair.

    `extra` are files that belong to the repair, such as a test that was written for it.
    """

    before: CheckReport
    targets: tuple[str, ...]
    strength: Strength
    extra: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What the targets said."""
        named = tuple(each for each in self.before.failures if each.test in self.targets)
        return named or self.before.failures


async def reproduce(bench: Bench, emit: Emit, bug: str) -> Reproduction | None:
    """Return the failing tests that the bug is about, seen to fail twice; None if nothing fails.

    Raises Failed when the check cannot be run to its end, or fails only at times.
    """
    before = await bench.check()
    bench.baseline = before
    if before.timed_out:
        raise Failed("the check did not end in time", "give a faster one with --check CMD")
    if before.granularity == "exit-status":
        return await _by_status(bench, before)
    if not before.complete:
        raise Failed(f"the check was cut off: {_last_line(before)}", "run it yourself to see why")
    if not before.failed:
        return None
    # all that fail are meant when the description names none
    targets = named(bug, before.failed) or before.failed
    again = await bench.check(targets=targets)
    steady = tuple(test for test in targets if again.tests.get(test) is not TestOutcome.PASSED)
    if flaky := [test for test in targets if test not in steady]:
        emit(Notice(text=f"fails only at times, left out: {', '.join(flaky[:5])}"))
    if not steady:
        raise Failed("the failing tests fail only at times", "make them repeatable first")
    return Reproduction(before, steady, "tests")


async def _by_status(bench: Bench, before: CheckReport) -> Reproduction | None:
    if before.green:
        return None
    again = await bench.check()
    if again.green:
        raise Failed("the check fails only at times", "make it repeatable first")
    return Reproduction(before, (), "exit-status")


def _last_line(report: CheckReport) -> str:
    lines = [line for line in report.output.splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else f"status {report.exit_code}, no output"

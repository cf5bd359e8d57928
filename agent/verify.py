"""Compares what a check said before and after: the rules that an exit code 0 stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.events import Strength, Tally, Verification
from tools.report import CheckReport, TestOutcome


def tally(report: CheckReport) -> Tally:
    """Count a report; where only the status is known, the check counts as one test."""
    if report.granularity == "exit-status":
        return Tally(passed=int(report.green), failed=int(not report.green))
    skipped = len(report.named(TestOutcome.SKIPPED))
    return Tally(passed=len(report.passed), failed=len(report.failed), skipped=skipped)


def newly_failing(before: CheckReport | None, after: CheckReport) -> tuple[str, ...]:
    """Return the tests that passed before and do not report *passed* now, vanished ones included.

    Without a `before`, every test that fails now.
    """
    if before is None:
        return after.failed
    passing = TestOutcome.PASSED
    return tuple(test for test in before.passed if after.tests.get(test) is not passing)


def newly_passing(before: CheckReport | None, after: CheckReport) -> tuple[str, ...]:
    """Return the tests that pass now and did not before."""
    if before is None:
        return ()
    return tuple(test for test in after.passed if before.tests.get(test) is not TestOutcome.PASSED)


def objection(before: CheckReport | None, after: CheckReport, targets: Sequence[str] = ()) -> str:
    """Return why `after` proves nothing, as one sentence, or an empty string.

    Every target must report *passed*; nothing may fail that passed before; no test may have
    vanished; the run must have come to its end by itself.
    """
    if after.timed_out:
        return "the check did not end in time"
    if not after.complete:
        return "the check was cut off before its end"
    if after.granularity == "exit-status":
        if before is not None and before.granularity == "test":
            return "the check no longer reports single tests"
        return "" if after.green else f"the check ended with status {after.exit_code}"
    missing = [test for test in targets if after.tests.get(test) is not TestOutcome.PASSED]
    if missing:
        how = after.tests.get(missing[0])
        return f"{missing[0]} {'was not run' if how is None else how.value}"
    if worse := newly_failing(before, after):
        return f"{worse[0]} " + ("fails" if before is None else "passed before and does not now")
    if before is not None and len(after.tests) < len(before.tests):
        return f"{len(before.tests)} tests were collected before, {len(after.tests)} now"
    if not after.passed:
        return "no test passed"
    return ""


def hidden(before: CheckReport | None, after: CheckReport) -> str:
    """Return which test that was red is no longer to be seen, as one sentence, or nothing."""
    for test in before.failed if before else ():
        if after.tests.get(test) is TestOutcome.SKIPPED:
            return f"{test} failed before and is skipped now"
        inner = (f"{test}::", f"{test}.")  # of a file that could not be collected
        if test not in after.tests and not any(each.startswith(inner) for each in after.tests):
            return f"{test} failed before and is gone"
    return ""


def named(words: str, failed: Sequence[str]) -> tuple[str, ...]:
    """Return the failing tests that a prompt names, by id or by the name of their function."""
    said = set(re.findall(r"[\w.\[\]:/-]+", words))
    said |= {word.rstrip(".:") for word in said}
    return tuple(
        test
        for test in failed
        if _stands_in(test, words)
        or said & {last := _last(test), last.split("[", 1)[0]}
        or (" " in last and _stands_in(last, words))
    )


def _last(test: str) -> str:
    """Return a test's own name: the end of `path::name[x]`, `module.Class.name`, `file::a > b`."""
    if "::" in test:
        return test.rsplit("::", 1)[1].rpartition(" > ")[2]
    return test.partition(" (")[0].rpartition(".")[2]


def _stands_in(test: str, words: str) -> bool:
    """Whether an id is written out, whole: `test_add` does not stand in `test_add_two`."""
    return re.search(rf"(?<!\w){re.escape(test)}(?![\w\[])", words) is not None


def verification(
    before: CheckReport | None,
    after: CheckReport,
    targets: Sequence[str],
    *,
    runs: int,
    strength: Strength,
    reason: str = "",
    in_place: bool = False,
) -> Verification:
    """Put a record together; it is verified when nothing objects and the proof is no one's own."""
    reason = reason or objection(before, after, targets)
    if not reason and strength == "self-written":
        reason = "only a test that was written for this bug proves it"
    return Verification(
        verified=not reason,
        strength=strength,
        reason=reason,
        commands=(after.command,),
        targets=tuple(targets),
        before=tally(before) if before is not None else None,
        after=tally(after),
        newly_passing=newly_passing(before, after),
        newly_failing=newly_failing(before, after),
        runs=runs,
        seconds=round(after.seconds, 2),
        in_place=in_place,
    )

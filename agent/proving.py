"""Proves what a turn changed: the check on the tree as it is, as it was, and with its old tests."""

from __future__ import annotations

from agent.bench import Bench
from agent.events import Strength, Verification
from agent.originals import old_contents, old_proof
from agent.turn import Turn
from agent.verify import hidden, named, objection, verification
from tools.report import CheckReport, TestOutcome


async def verify(turn: Turn, prompt: str, *, asked: bool) -> Verification:
    """Run the check on the tree as it is now, and on the tree as it was before the turn.

    Only where a check was given or configured, or `asked` says that the model ran the project's own
    or the user wants it. The targets are the failing tests that the prompt names.
    """
    if not turn.context.check_command and not asked:
        return Verification(reason="no check was asked for")
    first = turn.since or turn.before
    assert first is not None, "what changes something is preceded by a checkpoint"
    now = await turn.checkpoints.make(f"{turn.session.id} before the check")
    changed = await turn.checkpoints.changed(first.id, now.id)
    if not changed:
        return Verification(reason="nothing was changed")
    async with Bench.open(turn.context, turn.emit, turn.copies) as bench:
        old = await old_contents(turn.checkpoints, first.id, changed)
        before: CheckReport | None = None
        if bench.isolated:  # elsewhere nothing can show the old tree at its path
            before = bench.baseline = await bench.check(old)
        after, runs = await bench.check(), 1
        targets = named(prompt, before.failed) if before else ()
        reason = objection(before, after, targets) or hidden(before, after)
        strength: Strength = "exit-status" if after.granularity == "exit-status" else "tests"
        if not reason:
            after, runs = await bench.check(), 2  # a pass is run again, to catch flaky tests
            tests = before or after
            workspace, command = turn.context.workspace, bench.runner.command
            proof = old_proof(workspace, old, command, tests.tests)
            if not await _holds(bench, before, after, proof):
                strength = "self-written"
    turn.done.report = after
    return verification(
        before,
        after,
        targets,
        runs=runs,
        strength=strength,
        reason=reason,
        in_place=not bench.isolated,
    )


def red(verification: Verification) -> bool:
    """Whether the check was run and does not pass; that only an own test passes is no red."""
    known = verification.after is not None and not verification.verified
    return known and verification.strength != "self-written"


async def _holds(
    bench: Bench,
    before: CheckReport | None,
    after: CheckReport,
    proof: dict[str, bytes | None] | None,
) -> bool:
    """Whether what passes does so too with the tests and the configuration as they were."""
    if not proof:
        return proof is not None
    if before is None:
        return False
    original = await bench.check(proof)
    if original.granularity == "exit-status" or after.granularity == "exit-status":
        return original.green
    passing = TestOutcome.PASSED
    known = [test for test in before.tests if after.tests.get(test) is passing]
    return bool(known) and all(original.tests.get(test) is passing for test in known)

"""The work of `agent run`: the loop, then the project's own check where one was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agent.bench import Bench
from agent.checkpoint import Checkpoints
from agent.context.sources import is_test
from agent.events import Strength, Verification
from agent.loop import Loop
from agent.turn import Turn
from agent.verify import named, objection, verification
from sandbox.names import raw
from tools import registry
from tools.report import CheckReport

# files that decide what the tests are
CONFIGURATION = frozenset(
    {"conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "package.json"}
)


async def reason_and_act(turn: Turn, prompt: str) -> None:
    """Let the model work until it rests, then verify what was changed. Raises WispError."""
    loop = Loop(
        model=turn.model,
        schemas=registry.schemas(),
        calls=turn.calls,
        history=turn.session.history,
        emit=turn.emit,
        limits=turn.limits,
    )
    try:
        await loop.run()
    finally:
        rest, done = loop.rest, turn.done
        done.text, done.steps, done.usage, done.limit = (
            rest.text,
            rest.steps,
            rest.usage,
            rest.limit,
        )
    if turn.calls.changing:
        turn.done.verification = await verify(turn, prompt, rest.report)


async def verify(turn: Turn, prompt: str, seen: CheckReport | None) -> Verification:
    """Run the check on the tree as it is now, and on the tree as it was before the turn.

    Only where a check was given or configured, or the model ran the project's own. The targets are
    the failing tests that the prompt names.
    """
    if not turn.context.check_command and seen is None:
        return Verification(reason="no check was asked for")
    assert turn.before is not None, "what changes something is preceded by a checkpoint"
    now = await turn.checkpoints.make(f"{turn.session.id} before the check")
    changed = await turn.checkpoints.changed(turn.before.id, now.id)
    if not changed:
        return Verification(reason="nothing was changed")
    async with Bench.open(turn.context, turn.emit, turn.copies) as bench:
        before: CheckReport | None = None
        if bench.isolated:  # elsewhere nothing can show the old tree at its path
            old = await old_contents(turn.checkpoints, turn.before.id, changed)
            before = bench.baseline = await bench.check(old)
        after, runs = await bench.check(), 1
        targets = named(prompt, before.failed) if before else ()
        if not objection(before, after, targets):
            after, runs = await bench.check(), 2  # a pass is run again, to catch flaky tests
    strength = strength_of(before, after, targets, changed)
    return verification(before, after, targets, runs=runs, strength=strength)


def strength_of(
    before: CheckReport | None, after: CheckReport, targets: Sequence[str], changed: Sequence[str]
) -> Strength:
    """Return how much a pass proves: little, when the turn itself wrote what passes."""
    if after.granularity == "exit-status":
        return "exit-status"
    own = {path for path in changed if is_test(path) or PurePosixPath(path).name in CONFIGURATION}
    if any(target.partition("::")[0] in own for target in targets):
        return "self-written"
    if own and not any(test.partition("::")[0] not in own for test in after.passed):
        return "self-written"
    if targets and any(PurePosixPath(path).name in CONFIGURATION for path in own):
        return "self-written"
    return "tests"


async def old_contents(
    checkpoints: Checkpoints, checkpoint: str, paths: Sequence[str]
) -> dict[str, bytes | None]:
    """Return how files were at a checkpoint, None for those that were not there."""
    with tempfile.TemporaryDirectory(prefix="wisp-") as folder:
        place = Path(folder) / "tree"
        await checkpoints.extract(checkpoint, place)
        files = {path: place / raw(path) for path in paths}
        return {path: file.read_bytes() if file.is_file() else None for path, file in files.items()}

"""The work of `agent run`: the loop, then the project's own check where one was asked for."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from agent.bench import Bench
from agent.checkpoint import Checkpoints
from agent.context.sources import is_test
from agent.errors import BudgetSpent
from agent.escalation import escalate
from agent.events import HarnessSpoke, Strength, Verification
from agent.loop import Loop
from agent.turn import Turn
from agent.verify import named, objection, verification
from sandbox.names import raw
from sandbox.workspace import PathError, Workspace
from tools import registry
from tools.inner_tests import inner_tests, restored, told_apart
from tools.report import CheckReport, TestOutcome

if TYPE_CHECKING:
    from agent.form import Form

# files that decide what the tests are, or what runs them
CONFIGURATION = frozenset(
    {
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini"),
        *("setup.cfg", "pyproject.toml", "package.json", "Makefile", "makefile", "GNUmakefile"),
        *("Cargo.toml", "go.mod"),
        # imported before, or instead of, what they are named after
        *("pytest.py", "unittest.py", "sitecustomize.py", "usercustomize.py"),
    }
)
_CONFIGURES = re.compile(
    r"(jest|vitest|vite|babel|ava|karma|playwright|cypress)\.config\.\w+"
    r"|\.(mocha|babel|nyc)rc(\.\w+)?"
)
STALLED = (
    "You take over from another model, which went round in circles: it made the same calls again."
    " Go on with the task from here, in another way."
)
RED = "You take over from another model. With its changes the check is red: {}. Repair that."


async def reason_and_act(turn: Turn, prompt: str) -> None:
    """Let the model work until it rests, verify what was changed, take the answer in its form.

    Raises WispError.
    """
    loop = Loop(
        model=turn.model,
        schemas=registry.schemas(),
        calls=turn.calls,
        history=turn.session.history,
        emit=turn.emit,
        limits=turn.limits,
        effort=turn.effort,
    )
    await _step(turn, loop)
    if loop.rest.stalled:
        await _go_on(turn, loop, "the model went round in circles", STALLED)
    if turn.calls.changing:
        await _verified(turn, loop, prompt)
    if turn.form is not None and not loop.rest.limit:
        await _answered(turn, loop, turn.form)


async def _verified(turn: Turn, loop: Loop, prompt: str) -> None:
    """Verify what was changed; where the check is red a strong model may go on."""
    done = turn.done
    done.verification = await verify(turn, prompt, loop.rest.report)
    if red(done.verification) and not done.limit:
        why = f"the check is red ({done.verification.reason})"
        if await _go_on(turn, loop, why, RED.format(done.verification.reason)):
            done.verification = await verify(turn, prompt, loop.rest.report)


async def _step(turn: Turn, loop: Loop) -> None:
    """Let the loop run; what it came to stands in the turn, after an error too."""
    try:
        await loop.run()
    except BudgetSpent as spent:
        loop.rest.limit = spent.message  # what was done until then is verified
    finally:
        _note(turn, loop)


def _note(turn: Turn, loop: Loop) -> None:
    rest, done = loop.rest, turn.done
    if turn.form is None:  # else the text is the answer, or there is none
        done.text = rest.text
    done.steps, done.limit = rest.steps, rest.limit
    done.usage, done.retrying = loop.replies.usage, loop.replies.retrying


async def _go_on(turn: Turn, loop: Loop, why: str, words: str) -> bool:
    """Go on over the same history with the strong model, told `words`; False where it may not."""
    messages = turn.session.history.messages
    size = len("".join(message.model_dump_json() for message in messages).encode())
    tools = len("".join(schema.model_dump_json() for schema in loop.schemas).encode())
    leaving = (
        f"the conversation so far: {len(messages)} messages, about {size:,} bytes",
        f"what the tools are: about {tools:,} bytes",
        "whatever it reads later: files here, and what commands and checks say",
    )
    model = await escalate(turn, why, leaving)
    if model is None:
        return False
    turn.emit(HarnessSpoke(text=words))
    loop.model = model
    loop.rest.limit, loop.rest.stalled = "", False
    await _step(turn, loop)
    return True


def red(verification: Verification) -> bool:
    """Whether the check was run and does not pass; that only an own test passes is no red."""
    known = verification.after is not None and not verification.verified
    return known and verification.strength != "self-written"


async def _answered(turn: Turn, loop: Loop, form: Form) -> None:
    """Ask for the final answer in its form; none is a job not done, and what was changed stands."""
    from agent.answer import answer  # only where it is asked for
    from agent.form import Amiss

    try:
        found = await answer(loop, form)
    except Amiss as last:
        turn.done.failed = f"no answer in the form asked for: {last.first}"
        turn.done.hint = "a simpler schema, or another model with --model"
        return
    finally:
        _note(turn, loop)
    if found is not None:
        turn.done.structured, turn.done.text = found.value, found.text


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
        old = await old_contents(turn.checkpoints, turn.before.id, changed)
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
            own = deciding(changed, bench.runner.command, tests.tests)
            proof = old_proof(turn.context.workspace, old, own, tests.tests)
            if not await _holds(bench, before, after, proof):
                strength = "self-written"
    return verification(
        before,
        after,
        targets,
        runs=runs,
        strength=strength,
        reason=reason,
        in_place=not bench.isolated,
    )


def deciding(changed: Sequence[str], command: str, tests: Collection[str]) -> tuple[str, ...]:
    """Return which changed files decide what the check sees: tests, configuration, its script.

    `tests` are the ids that were reported: what holds one is a test file whatever its name, but
    where its tests can be told from the code beside them.
    """
    holding = {test.partition("::")[0] for test in tests}
    words = {word.removeprefix("./") for word in command.split()}
    return tuple(
        path
        for path in changed
        if is_test(path)
        or PurePosixPath(path).name in CONFIGURATION
        or _CONFIGURES.fullmatch(PurePosixPath(path).name)
        or path in words
        or (path in holding and not told_apart(path))
    )


def hidden(before: CheckReport | None, after: CheckReport) -> str:
    """Return which test that was red is no longer to be seen, as one sentence, or nothing."""
    for test in before.failed if before else ():
        if after.tests.get(test) is TestOutcome.SKIPPED:
            return f"{test} failed before and is skipped now"
        inner = (f"{test}::", f"{test}.")  # of a file that could not be collected
        if test not in after.tests and not any(each.startswith(inner) for each in after.tests):
            return f"{test} failed before and is gone"
    return ""


def old_proof(
    workspace: Workspace,
    old: Mapping[str, bytes | None],
    own: Sequence[str],
    tests: Collection[str],
) -> dict[str, bytes | None] | None:
    """Return what has to be laid over the tree for the check to see the tests as they were.

    Whole files, and sources with the old tests that stood in them. None where that cannot be had.
    """
    proof = {path: old[path] for path in own}
    for path in old.keys() - proof.keys():
        before = _text(old[path] or b"")
        ids = (test.removeprefix(f"{path}::") for test in tests if test.startswith(f"{path}::"))
        known = {each.partition("[")[0].replace("::", ".") for each in ids}
        if not inner_tests(path, before, known):
            continue
        try:
            now = _text(workspace.read(path).data)
        except PathError:  # it is gone, and its tests with it
            return None
        kept = restored(path, now, before, known)
        if kept is None:
            return None
        if kept != now:
            proof[path] = kept.encode(errors="surrogateescape")
    return proof


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


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


async def old_contents(
    checkpoints: Checkpoints, checkpoint: str, paths: Sequence[str]
) -> dict[str, bytes | None]:
    """Return how files were at a checkpoint, None for those that were not there."""
    with tempfile.TemporaryDirectory(prefix="wisp-") as folder:
        place = Path(folder) / "tree"
        await checkpoints.extract(checkpoint, place)
        files = {path: place / raw(path) for path in paths}
        return {path: file.read_bytes() if file.is_file() else None for path, file in files.items()}

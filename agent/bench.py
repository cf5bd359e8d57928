"""Where checks are run on proposals: a copy shown at the workspace's own path, or the tree itself.

Nothing that a check writes stays: the copy goes back to how it was before each run. Without FULL
containment no copy can be shown at the original path; then the proposal is put in place, under a
checkpoint, and taken out again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from agent.copies import Copies, Copy
from agent.errors import Failed, WispError
from agent.events import CandidatesScreened, CheckFinished, CheckStarted, Emit, Notice
from agent.verify import newly_failing, newly_passing, tally
from sandbox.base import Containment, SandboxError
from sandbox.workspace import PathError
from tools.base import ToolContext
from tools.check import find_runner
from tools.report import CheckReport, Ran, Screened
from tools.runners import Runner, from_command, run_check
from tools.runners.base import Place

CHECK_SECONDS = 600.0  # for one run of a check, unless the turn ends sooner
TRACE_SECONDS = 40.0  # for one that only tells what runs
SCREEN_SECONDS = 120.0  # for one that tries many proposals

Changes = Mapping[str, bytes | None]
"""Workspace-relative path -> its bytes in the proposal, None for a file that goes."""


class Bench:
    """Runs the project's check on the tree with changes laid over it.

    `baseline` is what the check said of the unchanged tree, once it was asked; the events of later
    runs tell what is new against it. `litter` are the files that the whole check was seen to write
    where nothing was changed: whoever writes them, they are its own.
    """

    def __init__(self, runner: Runner, context: ToolContext, emit: Emit, copy: Copy | None) -> None:
        self.runner = runner
        self.baseline: CheckReport | None = None
        self.litter: frozenset[str] = frozenset()
        self._context = context
        self._emit = emit
        self._copy = copy
        self._patience = CHECK_SECONDS

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, context: ToolContext, emit: Emit, copies: Copies) -> AsyncIterator[Bench]:
        """Find the project's check and make a place to run it. Raises Failed when there is none."""
        runner = _runner(context)
        async with contextlib.AsyncExitStack() as stack:
            copy: Copy | None = None
            if context.sandbox.containment is Containment.FULL:
                try:
                    copy = await stack.enter_async_context(copies.make())
                except WispError as error:
                    emit(Notice(text=f"checked in place: {error.message}", hint=error.hint))
            yield cls(runner, context, emit, copy)

    @property
    def isolated(self) -> bool:
        """Whether checks run on a copy, so that the user's tree is never touched."""
        return self._copy is not None

    async def check(
        self, changes: Changes | None = None, targets: tuple[str, ...] = ()
    ) -> CheckReport:
        """Run the check, all of it or the targets, on the tree with `changes` laid over it."""
        self._emit(CheckStarted(command=self.runner.command, targets=targets))
        report = await self._report(changes or {}, targets)
        counts = tally(report)
        against = self.baseline if not targets else None
        self._emit(
            CheckFinished(
                passed=counts.passed,
                failed=counts.failed,
                complete=report.complete,
                newly_passing=newly_passing(against, report),
                newly_failing=newly_failing(against, report) if against else (),
                seconds=report.seconds,
                online=self._context.network.check.leaves,
                notes=report.notes,
            )
        )
        return report

    async def ran(self, changes: Changes, targets: tuple[str, ...] = ()) -> tuple[Ran, ...]:
        """Return which functions run in failing and in passing tests; empty where unknown.

        The targets are watched line by line, the whole check in the lines that they ran. Watching
        slows some tests down beyond measure; then only the targets are watched.
        """
        failing = (await self._watched(changes, targets, ())) if targets else ()
        lines = {(each.path, each.line): each.lines for each in failing}
        counted = await self._watched(changes, (), tuple(lines))
        return tuple(
            each.model_copy(update={"lines": lines.get((each.path, each.line), ())})
            for each in counted or failing
        )

    async def _watched(
        self, changes: Changes, targets: tuple[str, ...], places: tuple[Place, ...]
    ) -> tuple[Ran, ...]:
        tracing = self.runner.tracing(places)
        if tracing is None:
            return ()
        with self._for_once(tracing, TRACE_SECONDS):
            return (await self.check(changes, targets)).ran

    async def screen(
        self,
        proposals: Sequence[Changes],
        targets: tuple[str, ...],
        changes: Changes | None = None,
        seconds: float = SCREEN_SECONDS,
    ) -> tuple[Screened, ...]:
        """Try many proposals on the targets in one go; empty where that cannot be done.

        Else there is one answer for each, in their order. None of them proves anything: what passed
        is still to be checked, and so is what could not be decided here. `changes` are laid over
        the tree for all of them; a proposal may repeat them. What is not reached within the seconds
        is unknown.
        """
        base = changes or {}
        rest = [
            {path: data for path, data in each.items() if path not in base or base[path] != data}
            for each in proposals
        ]
        screening = self.runner.screening(rest) if targets else None
        if screening is None:
            return ()
        with self._for_once(screening, seconds):
            report = await self._report(base, targets)
        told = {each.number: each for each in report.screened}
        verdicts = [each.passed for each in report.screened]
        self._emit(
            CandidatesScreened(
                tried=len(proposals),
                passed=verdicts.count(True),
                failed=verdicts.count(False),
                seconds=report.seconds,
            )
        )
        if not told:
            return ()
        return tuple(
            told.get(number) or Screened(number=number, passed=None, message="not reached")
            for number in range(len(proposals))
        )

    @contextlib.contextmanager
    def _for_once(self, runner: Runner, seconds: float) -> Iterator[None]:
        """Run the check in another way, with another limit."""
        plain, self.runner = self.runner, runner
        patience, self._patience = self._patience, seconds
        try:
            yield
        finally:
            self.runner, self._patience = plain, patience

    async def _report(self, changes: Changes, targets: tuple[str, ...]) -> CheckReport:
        if self._copy is not None:
            return await self._in_copy(self._copy, changes, targets)
        return await self._in_place(changes, targets)

    async def _in_copy(self, copy: Copy, changes: Changes, targets: tuple[str, ...]) -> CheckReport:
        await copy.reset()
        for path, data in changes.items():
            if data is None:
                await copy.remove(path)
            else:
                await copy.write(path, data)
        report = await self._run(targets, copy)
        if not changes and not targets:
            self.litter |= set(await copy.touched())
        return report

    async def _in_place(self, changes: Changes, targets: tuple[str, ...]) -> CheckReport:
        undo: list[Callable[[], object]] = []
        try:
            for path, data in changes.items():
                undo.append(_lay(self._context, path, data))
            return await self._run(targets, None)
        finally:
            for step in reversed(undo):
                step()

    async def _run(self, targets: tuple[str, ...], copy: Copy | None) -> CheckReport:
        try:
            return await run_check(
                self.runner,
                self._context.sandbox,
                self._context.workspace,
                targets,
                mounts=copy.mounts if copy else (),
                reach=self._context.network.check,
                timeout=self._patience,
                output=self._context.output,
            )
        except SandboxError as error:
            raise Failed(f"the check could not be started: {error}") from error


def _runner(context: ToolContext) -> Runner:
    found = find_runner(context)
    if found is None and any(path.endswith(".py") for path in context.workspace.walk()):
        # a test may still be written
        found = from_command("python -m pytest", context.workspace)
    if found is None:
        raise Failed("no tests were found in this project", "name a check with --check CMD")
    return found


def _lay(context: ToolContext, path: str, data: bytes | None) -> Callable[[], object]:
    """Put a change in place and return what takes it out again."""
    files = context.workspace
    try:
        old = files.read(path)
    except PathError:
        if data is None:
            return lambda: None
        new = files.write(path, data, expect=None)
        return lambda: files.delete(path, expect=new.sha256)
    if data is None:
        files.delete(path, expect=old.sha256)
        return lambda: files.write(path, old.data, expect=None, mode=old.mode)
    new = files.write(path, data, expect=old.sha256)
    return lambda: files.write(path, old.data, expect=new.sha256)

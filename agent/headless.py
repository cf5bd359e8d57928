"""One turn without a screen: put the pieces together, run it, print the result, return the code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent import approval, faces
from agent.config import Settings
from agent.context import mentions
from agent.context.prompt import system_prompt
from agent.context.sources import Sources
from agent.conversation import Conversation
from agent.errors import ModelUnusable, UsageError, WispError
from agent.escalation import ACCEPTED, Strong
from agent.events import Notice, Result, Verification
from agent.ledger import Ledger
from agent.loop import Limits
from agent.messages import Image
from agent.models.base import LocalModel, Model
from agent.outcome import INTERRUPTED, TERMINATED, Facts, outcome
from agent.policy import Stance
from agent.session import new_id
from sandbox.base import Sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext

if TYPE_CHECKING:
    from agent.form import Form
    from agent.resumption import Resume
    from agent.turn import Turn
    from agent.worktree import Left

PROMPT_BYTES = 10 << 20  # more is no prompt


@dataclass(frozen=True, slots=True)
class Job:
    """What one command line asked for."""

    kind: Literal["run", "fix"]
    prompt: str
    settings: Settings
    cwd: Path
    output: faces.Format = "text"
    add_dirs: tuple[Path, ...] = ()
    yes: bool = False
    escalation_accepted: bool = False  # by the flag, for this command line
    notes: tuple[str, ...] = field(default=())
    images: tuple[Image, ...] = ()
    form: Form | None = None  # in which the final answer is asked for
    resume: Resume | None = None  # the session that goes on
    worktree: bool = False  # made for this, and worked in


def execute(job: Job) -> int:
    """Run the job to its end and return the exit code. Never raises for what a user can cause."""
    face = faces.make(job.output, answer_only=job.form is not None)
    started = time.monotonic()
    try:
        return asyncio.run(_Run(job, face, started).go())
    except WispError as error:
        word, code = outcome(Facts(changed=False, verification=Verification(), error=error))
        face.result(
            Result(
                outcome=word,
                exit_code=code,
                error=error.message,
                hint=error.hint,
                model=job.settings.model,
                seconds=round(time.monotonic() - started, 2),
            )
        )
        return code


class _Run:
    """The pieces of one run, opened in order and closed in the other."""

    def __init__(self, job: Job, face: faces.Face, started: float) -> None:
        self.job = job
        self.face = face
        self.started = started
        self.signal = 0
        self.ledger = Ledger()
        self.notes: list[Notice] = []
        self.settling: Callable[[], Awaitable[Left | None]] | None = None

    async def go(self) -> int:
        job, new = self.job, new_id()
        home = workspace = open_workspace(job.cwd, job.add_dirs)
        if job.kind == "fix":
            _writable(workspace.root)
        strong = _strong(job.settings)
        if strong is not None and job.escalation_accepted:
            strong.open(strong.budget)  # what is wrong with it is better known now
        async with contextlib.AsyncExitStack() as stack:
            if job.worktree:
                workspace = await self._worktree(home, new)
                stack.push_async_callback(self._settle)
            talk = Conversation.open(
                new, home.root, workspace.root, job.resume, (self.face.read, self.ledger.read)
            )
            stack.callback(talk.close)
            if talk.past and job.resume:
                chosen = talk.past.settings(job.settings, job.resume.said)
                self.job = replace(self.job, settings=chosen)
            await self._have_model()
            if job.kind == "fix":
                talk.place.take()
            model = await stack.enter_async_context(_opened(self.job.settings))
            sandbox = await _sandbox(workspace, job.settings)
            if not job.worktree:
                await self._sweep(workspace, sandbox)
            if strong is not None:
                stack.push_async_callback(strong.close)
            return await self._turn(workspace, sandbox, model, talk, strong)

    async def _worktree(self, home: Workspace, name: str) -> Workspace:
        """Make a worktree and go there; `_settle` ends its use."""
        from agent.worktree import Worktrees

        job = self.job
        sandbox = await _sandbox(home, job.settings)
        await self._sweep(home, sandbox)
        trees = Worktrees(home.root, sandbox)
        tree = await trees.make(name)
        self.settling = lambda: trees.settle(tree)
        self.notes.append(
            Notice(
                text=f"a git worktree of the last commit, without what is not in it: {tree.path}"
            )
        )
        cwd = tree.path / job.cwd.relative_to(home.root)
        self.job = replace(job, cwd=cwd if cwd.is_dir() else tree.path)
        return Workspace(tree.path, job.add_dirs)

    async def _settle(self) -> Left | None:
        settling, self.settling = self.settling, None
        return await settling() if settling else None

    async def _sweep(self, workspace: Workspace, sandbox: Sandbox) -> None:
        """Look at the worktrees that killed ones left in this repository, where there are any."""
        from agent.worktree import Worktrees

        try:
            found = await Worktrees(workspace.root, sandbox).sweep()
        except WispError as error:  # no reason not to work
            self.notes.append(Notice(text=error.message, hint=error.hint))
            return
        self.notes += [
            Notice(text=f"a session that was cut off left changes: {left.path}", hint=left.hint)
            for left in found
        ]

    async def _have_model(self) -> None:
        """Load the model first where it is missing and the user agreed; raises ModelUnusable."""
        from agent.models.choose import missing_download

        name = self.job.settings.model
        size = missing_download(name)
        if not size:
            return
        from agent.commands import pull

        if not self.job.yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ModelUnusable(
                f"the model {name} is not on this machine ({size / 1e9:.1f} GB to load)",
                f"agent models pull {name}",
            )
        await pull(name, yes=self.job.yes)

    async def _turn(
        self,
        workspace: Workspace,
        sandbox: Sandbox,
        model: Model,
        talk: Conversation,
        strong: Strong | None,
    ) -> int:
        from agent.checkpoint import Checkpoints
        from agent.copies import Copies
        from agent.turn import Turn
        from tools.shell import stop_jobs

        job, settings, session = self.job, self.job.settings, talk.session
        interactive = job.output == "text" and sys.stdin.isatty() and sys.stderr.isatty()
        ask, question = approval.pick(interactive)
        context = ToolContext(
            workspace=workspace,
            sandbox=sandbox,
            memory=talk.memory(workspace),
            output=_quiet,
            question=question,
            check_command=settings.check,
        )
        turn = Turn(
            session=session,
            model=model,
            context=context,
            stance=Stance(
                autonomy=settings.autonomy,
                containment=sandbox.containment,
                lifted=settings.sandbox == "off",
                grants=(ACCEPTED,) if job.escalation_accepted else (),
            ),
            ask=ask,
            checkpoints=Checkpoints(workspace.root, sandbox),
            copies=Copies(workspace.root),
            limits=Limits(
                settings.max_steps,
                settings.max_tokens,
                settings.max_wall_time,
                settings.max_cost,
            ),
            effort=settings.effort,
            seed=settings.seed,
            strong=strong,
            form=job.form,
            number=talk.past.turns + 1 if talk.past else 1,
            claim=talk.place.take,
        )
        system = system_prompt(workspace, job.cwd) if job.kind == "run" else ""
        notes = [*(Notice(text=each) for each in job.notes), *self.notes]
        if why := sandbox.why_not:
            notes.append(Notice(text=f"containment is {sandbox.containment.name}: {why}"))
        talk.begin(settings, job.cwd, model.name, sandbox.containment, system, notes)
        work = _work(job.kind)
        found = ""
        if job.kind == "run" and isinstance(model, LocalModel):
            # a small model seldom looks before it speaks, so what the prompt names is shown to it
            found = mentions.gather(Sources(workspace), job.prompt)
        news = talk.news(context.memory, workspace, job.cwd)
        found = "\n\n".join(filter(None, [found, news]))
        with self._signals(turn):
            finished = await turn.carry(job.prompt, job.kind, work, found, job.images)
            await stop_jobs(context.memory)
        talk.leave(context.memory)
        diff = ""
        if finished.changed and turn.before and turn.after:
            diff = await turn.checkpoints.diff(turn.before.id, turn.after.id)
        left = await self._settle()
        if left is not None:
            session.emit(Notice(text=f"the changes are in {left.path}"))
        self.face.result(
            Result(
                **finished.model_dump(include={"outcome", "exit_code", "text", "error", "steps"}),
                hint=finished.hint or (left.hint if left else ""),
                structured=finished.structured,
                verification=finished.verification,
                usage=finished.usage,
                files_changed=finished.changed,
                diff=diff,
                session=session.id,
                model=model.name,
                containment=sandbox.containment,
                permission_denials=finished.denials,
                seconds=round(time.monotonic() - self.started, 2),
                attempts=turn.done.attempts,
                escalated=turn.done.escalated,
                bytes_left=self.ledger.left,
                online_calls=self.ledger.online,
            )
        )
        return finished.exit_code

    @contextlib.contextmanager
    def _signals(self, turn: Turn) -> Any:
        """Turn SIGINT, SIGTERM and SIGHUP into a cancellation of the turn."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop(number: int) -> None:
            if self.signal:  # asked twice: the user does not want to wait
                os._exit(128 + number)
            self.signal = number
            turn.interrupted = INTERRUPTED if number == signal.SIGINT else TERMINATED
            task.cancel()

        caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for each in caught:
            loop.add_signal_handler(each, stop, each)
        try:
            yield
        finally:
            for each in caught:
                loop.remove_signal_handler(each)


def open_workspace(cwd: Path, add_dirs: tuple[Path, ...] = ()) -> Workspace:
    """Return the workspace of a folder: its nearest git top, else itself. Raises UsageError."""
    for folder in (cwd, *add_dirs):
        if not folder.is_dir():
            raise UsageError(f"not a folder: {folder}")
    if _bare(cwd):
        raise UsageError(
            f"{cwd} is a bare repository: it has no working tree", "git worktree add ../work"
        )
    top = next((each for each in (cwd, *cwd.parents) if (each / ".git").exists()), cwd)
    return Workspace(top, add_dirs)


def _bare(folder: Path) -> bool:
    return (
        all((folder / name).exists() for name in ("HEAD", "objects", "refs"))
        and not (folder / ".git").exists()
    )


def _writable(root: Path) -> None:
    flags = os.statvfs(root).f_flag
    if (
        flags & os.ST_RDONLY
        or not os.access(root, os.W_OK)
        or not root.stat().st_mode & stat.S_IWUSR
    ):
        raise UsageError(f"the working tree is read-only: {root}", "fix needs to write to it")


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Model]:
    from agent.models.choose import open_model

    model = open_model(
        settings.model,
        settings.context,
        api_base=settings.api_base,
        max_cost=settings.max_cost,
    )
    loading = asyncio.ensure_future(model.start())
    # the first request says what went wrong with loading
    loading.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        yield model
    finally:
        loading.cancel()
        await model.close()


def _strong(settings: Settings) -> Strong | None:
    """Return the model that may take over, opened only when it is wanted."""
    from agent.models.choose import open_model

    name, base = settings.strong, settings.strong_api_base
    if not name:
        return None
    return Strong(
        name, settings.escalate, lambda budget: open_model(name, api_base=base, max_cost=budget)
    )


async def _sandbox(workspace: Workspace, settings: Settings) -> Sandbox:
    from agent.errors import Blocked
    from sandbox.base import SandboxError
    from sandbox.detect import open_sandbox

    try:
        return await open_sandbox(workspace, settings.sandbox)
    except SandboxError as error:
        raise Blocked(str(error), "agent run --sandbox=auto takes what holds here") from error


def _work(kind: str) -> Any:
    if kind == "fix":
        from agent.repair.fix import repair

        return repair
    from agent.run import reason_and_act

    return reason_and_act


def _quiet(text: str) -> None:
    """Live output of checks that the harness runs is not shown without a screen."""

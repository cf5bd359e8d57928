"""One turn without a screen: put the pieces together, run it, print the result, return the code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent import approval, faces
from agent.config import Settings, state_path
from agent.context import mentions
from agent.context.prompt import system_prompt
from agent.context.sources import Sources
from agent.errors import ModelUnusable, WispError
from agent.escalation import ACCEPTED, Strong
from agent.events import Notice, Result, SessionStarted, Verification
from agent.footing import contain, open_workspace, start_model, strong_model, writable
from agent.ledger import Ledger
from agent.loop import Limits
from agent.messages import Image
from agent.models.base import LocalModel, Model
from agent.outcome import INTERRUPTED, TERMINATED, Facts, outcome
from agent.policy import Stance
from agent.session import Session, new_id, workspace_key
from sandbox.base import Sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory

if TYPE_CHECKING:
    from agent.form import Form
    from agent.turn import Turn

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

    async def go(self) -> int:
        job = self.job
        workspace = open_workspace(job.cwd, job.add_dirs)
        if job.kind == "fix":
            writable(workspace.root)
        strong = strong_model(job.settings)
        if strong is not None and job.escalation_accepted:
            strong.open(strong.budget)  # what is wrong with it is better known now
        await self._have_model()
        async with contextlib.AsyncExitStack() as stack:
            model = await stack.enter_async_context(start_model(job.settings))
            sandbox = await contain(workspace, job.settings)
            session = self._session(workspace.root)
            stack.callback(session.close)
            if strong is not None:
                stack.push_async_callback(strong.close)
            return await self._turn(workspace, sandbox, model, session, strong)

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

    def _session(self, root: Path) -> Session:
        session_id = new_id()
        folder = state_path() / "sessions" / workspace_key(root)
        readers = (self.face.read, self.ledger.read)
        return Session(session_id, folder / f"{session_id}.jsonl", readers)

    async def _turn(
        self,
        workspace: Workspace,
        sandbox: Sandbox,
        model: Model,
        session: Session,
        strong: Strong | None,
    ) -> int:
        from agent.checkpoint import Checkpoints
        from agent.copies import Copies
        from agent.turn import Turn
        from tools.shell import stop_jobs

        job, settings = self.job, self.job.settings
        interactive = job.output == "text" and sys.stdin.isatty() and sys.stderr.isatty()
        ask, question = approval.pick(interactive)
        context = ToolContext(
            workspace=workspace,
            sandbox=sandbox,
            memory=ToolMemory(),
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
        )
        system = system_prompt(workspace, job.cwd) if job.kind == "run" else ""
        session.start(
            SessionStarted(
                id=session.id,
                cwd=str(job.cwd),
                model=model.name,
                autonomy=settings.autonomy,
                effort=settings.effort,
                containment=sandbox.containment,
                system=system,
            )
        )
        for note in job.notes:
            session.emit(Notice(text=note))
        if sandbox.why_not:
            session.emit(
                Notice(text=f"containment is {sandbox.containment.name}: {sandbox.why_not}")
            )
        work = _work(job.kind)
        found = ""
        if job.kind == "run" and isinstance(model, LocalModel):
            # a small model seldom looks before it speaks, so what the prompt names is shown to it
            found = mentions.gather(Sources(workspace), job.prompt)
        with self._signals(turn):
            finished = await turn.carry(job.prompt, job.kind, work, found, job.images)
            await stop_jobs(context.memory)
        diff = ""
        if finished.changed and turn.before and turn.after:
            diff = await turn.checkpoints.diff(turn.before.id, turn.after.id)
        self.face.result(
            Result(
                **finished.model_dump(
                    include={"outcome", "exit_code", "text", "error", "hint", "steps"}
                ),
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


def _work(kind: str) -> Any:
    if kind == "fix":
        from agent.repair.fix import repair

        return repair
    from agent.run import reason_and_act

    return reason_and_act


def _quiet(text: str) -> None:
    """Live output of checks that the harness runs is not shown without a screen."""

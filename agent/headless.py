"""One turn without a screen: put the pieces together, run it, print the result, return the code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent import approval, faces, secret_values
from agent.context import mentions
from agent.context.prompt import hidden_instructions, system_prompt
from agent.context.sources import Sources
from agent.conversation import Conversation
from agent.errors import ModelUnusable, WispError, ran_short
from agent.escalation import ACCEPTED, Strong
from agent.events import Notice, Result, Verification
from agent.footing import open_workspace, start_model, strong_model, writable
from agent.job import Job
from agent.ledger import Ledger
from agent.loop import Limits
from agent.models.base import Model
from agent.outcome import INTERRUPTED, TERMINATED, Facts, outcome
from agent.redaction import Redaction
from agent.remembered import remember
from agent.session import new_id
from agent.site import Site
from agent.standing import starting_stance
from sandbox.base import Containment
from sandbox.workspace import Workspace
from tools.base import ToolContext

if TYPE_CHECKING:
    from agent.turn import Turn


def execute(job: Job) -> int:
    """Run the job to its end and return the exit code. Never raises for what a user can cause."""
    face = faces.make(job.output, answer_only=job.form is not None)
    run = _Run(job, face, time.monotonic())
    try:
        return asyncio.run(run.go())
    except (WispError, OSError) as caught:
        error = ran_short(caught) if isinstance(caught, OSError) else caught
        if error is None:
            raise
        word, code = outcome(Facts(changed=False, verification=Verification(), error=error))
        run.end(
            Result(
                outcome=word,
                exit_code=code,
                error=error.message,
                hint=error.hint,
                model=job.settings.model,
                seconds=round(time.monotonic() - run.started, 2),
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
        self.redaction = Redaction(secret_values.outside())

    async def go(self) -> int:
        job, new = self.job, new_id()
        home = open_workspace(job.cwd, job.add_dirs)
        self.redaction.learn(secret_values.within(home))
        if job.kind == "fix":
            writable(home.root)
        key_for = secret_values.telling(self.redaction)
        strong = strong_model(job.settings, key_for)
        if strong is not None and job.escalation_accepted:
            strong.open(strong.budget)  # what is wrong with it is better known now
        async with contextlib.AsyncExitStack() as stack:
            site = await self._go_to(home, new, stack) if job.worktree else None
            root = site.workspace.root if site else home.root
            readers = (self.face.read, self.ledger.read)
            talk = Conversation.open(new, home.root, root, job.resume, readers, self.redaction)
            stack.callback(talk.close)
            self.job = replace(job, settings=talk.settings(job.settings))
            await self._have_model()
            if job.kind == "fix":
                talk.place.take()
            model = await stack.enter_async_context(start_model(self.job.settings, key_for))
            site = site or await self._go_to(home, new, stack)  # while the model loads
            if strong is not None:
                stack.push_async_callback(strong.close)
            return await self._turn(site, model, talk, strong)

    async def _go_to(self, home: Workspace, name: str, stack: contextlib.AsyncExitStack) -> Site:
        site = await Site.open(self.job, home, name)
        stack.push_async_callback(site.leave)
        return site

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

    def end(self, result: Result) -> None:
        """Show how it all ended."""
        self.face.result(self.redaction.clean(result))

    async def _turn(
        self,
        site: Site,
        model: Model,
        talk: Conversation,
        strong: Strong | None,
    ) -> int:
        from agent.checkpoint import Checkpoints
        from agent.copies import Copies
        from agent.turn import Turn
        from tools.shell import stop_jobs

        job, settings, session = self.job, self.job.settings, talk.session
        workspace, sandbox = site.workspace, site.sandbox
        interactive = job.output == "text" and approval.person_is_there()
        ask, question = approval.pick(interactive)
        grants = (*job.grants, *((ACCEPTED,) if job.escalation_accepted else ()))
        dropped: list[Notice] = []
        if job.check_of_repository and sandbox.containment is Containment.NONE:
            text = f"not run, since nothing contains it: {settings.check}, the repository's check"
            dropped.append(Notice(text=text, hint="--check CMD, if it is to run all the same"))
            settings = settings.model_copy(update={"check": ""})
        context = ToolContext(
            workspace=workspace,
            sandbox=sandbox,
            memory=talk.memory(workspace),
            output=_quiet,
            question=question,
            check_command=settings.check,
            network=settings.network,
        )
        turn = Turn(
            session=session,
            model=model,
            context=context,
            stance=starting_stance(settings, grants, sandbox),
            keep=lambda grant: remember(grant, workspace.root),
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
            number=talk.turns + 1,
            claim=talk.place.take,
        )
        notices = [*job.notices, *dropped, *site.notices]
        notices += hidden_instructions(workspace, site.cwd)
        if why := sandbox.why_not:
            notices.append(Notice(text=f"containment is {sandbox.containment.name}: {why}"))
        system = system_prompt(workspace, site.cwd)
        talk.begin(settings, site.cwd, model.name, turn.stance, system, notices)
        work = _work(job.kind)
        found = ""
        if job.kind == "run" and model.local:
            # a small model seldom looks before it speaks, so what the prompt names is shown to it
            found = mentions.gather(Sources(workspace), job.prompt)
        news = talk.news(context.memory, workspace, site.cwd)
        found = "\n\n".join(filter(None, [found, news]))
        with self._signals(turn):
            finished = await turn.carry(job.prompt, job.kind, work, found, job.images, job.origin)
            await stop_jobs(context.memory)
        talk.leave(context.memory)
        diff = ""
        if finished.changed and turn.before and turn.after:
            diff = await turn.checkpoints.diff(turn.before.id, turn.after.id)
        left = await site.leave()
        if left is not None:
            session.emit(Notice(text=f"the changes are in {left.path}"))
        self.end(
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
                containment_features=tuple(sorted(sandbox.features)),
                containment_why_not=sandbox.why_not,
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

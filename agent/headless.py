"""One turn without a screen: put the pieces together, run it, print the result, return the code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from agent import approval, faces, secret_values
from agent.desk import Desk
from agent.errors import ModelUnusable, WispError, ran_short
from agent.events import Notice, Result, TurnFinished, Verification
from agent.job import Job
from agent.outcome import INTERRUPTED, TERMINATED, Facts, outcome
from agent.redaction import Redaction

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
    """One turn at a desk of its own, and the result of it."""

    def __init__(self, job: Job, face: faces.Face, started: float) -> None:
        self.job = job
        self.face = face
        self.started = started
        self.signal = 0
        self.redaction = Redaction(secret_values.outside())

    async def go(self) -> int:
        job = self.job
        interactive = job.output == "text" and approval.person_is_there()
        ask, question = approval.pick(interactive)
        opened = Desk.open(
            job,
            (self.face.read,),
            ask,
            question,
            redaction=self.redaction,
            have_model=self._have_model,
        )
        async with opened as desk:
            with contextlib.ExitStack() as signals:
                finished = await desk.turn(
                    job.prompt,
                    job.kind,
                    images=job.images,
                    origin=job.origin,
                    form=job.form,
                    begun=lambda turn: signals.enter_context(self._signals(turn)),
                )
            return await self._told(desk, finished)

    async def _have_model(self, name: str) -> None:
        """Load the model first where it is missing and the user agreed; raises ModelUnusable."""
        from agent.models.choose import missing_download

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

    async def _told(self, desk: Desk, finished: TurnFinished) -> int:
        """Show the result of the turn and return its exit code."""
        turn, sandbox, diff = desk.last, desk.site.sandbox, ""
        assert turn is not None, "it has just ended"
        if finished.changed and turn.before and turn.after:
            diff = await turn.checkpoints.diff(turn.before.id, turn.after.id)
        left = await desk.site.leave()
        if left is not None:
            desk.talk.session.emit(Notice(text=f"the changes are in {left.path}"))
        self._report(desk)
        self.end(
            Result(
                **finished.model_dump(include={"outcome", "exit_code", "text", "error", "steps"}),
                hint=finished.hint or (left.hint if left else ""),
                structured=finished.structured,
                verification=finished.verification,
                usage=finished.usage,
                files_changed=finished.changed,
                diff=diff,
                session=desk.talk.session.id,
                model=desk.model.name,
                containment=sandbox.containment,
                containment_features=tuple(sorted(sandbox.features)),
                containment_why_not=sandbox.why_not,
                permission_denials=finished.denials,
                seconds=round(time.monotonic() - self.started, 2),
                attempts=turn.done.attempts,
                escalated=turn.done.escalated,
                bytes_left=desk.ledger.left,
                online_calls=desk.ledger.online,
            )
        )
        return finished.exit_code

    def _report(self, desk: Desk) -> None:
        """Put reports where they were asked for; one that fails changes nothing of the result."""
        session = desk.talk.session
        for place in self.job.reports:
            from agent.report_commands import made

            try:
                made(session.log_path, place, self.redaction)
            except WispError as error:
                session.emit(Notice(text=f"no report: {error.message}", hint=error.hint))
            else:
                session.emit(Notice(text=f"the report is in {place}"))

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

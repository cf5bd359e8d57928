"""Where a person and the model work: one session with all that its turns stand on.

Opened in order (workspace, log, model, sandbox) and closed in the other. A face does turns at it,
one after the other; between and beside them it moves the slider, runs a command of the user's, or
types ahead. What happens is in the events, which the readers are handed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent import secret_values
from agent.checkpoint import Checkpoint, Checkpoints
from agent.config import Settings
from agent.context.instructions import instructions, unseen
from agent.context.prompt import price, system_prompt
from agent.conversation import Conversation
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Ask,
    AutonomyChanged,
    EffortChanged,
    Notice,
    PromptQueued,
    PromptTaken,
    TurnFinished,
)
from agent.footing import open_workspace, start_model, strong_model, writable
from agent.grants import Grant
from agent.job import Job
from agent.ledger import Ledger
from agent.messages import Image
from agent.models.base import Model
from agent.models.providers import KeyFor
from agent.policy import Autonomy, Decision, Stance, decide
from agent.prompted import Prompted, talk_or_repair
from agent.redaction import Redaction
from agent.remembered import Unusable, lessons_path, remember
from agent.session import Reader, new_id
from agent.site import Site
from agent.standing import starting_stance
from sandbox.base import Containment
from sandbox.workspace import Workspace
from tools.base import Effect, Question, ToolCall, ToolContext, ToolResult

if TYPE_CHECKING:
    from agent.escalation import Strong
    from agent.form import Form
    from agent.turn import Turn

Kind = Literal["run", "fix", "check", "compact"]
Start = Callable[[Settings, KeyFor], contextlib.AbstractAsyncContextManager[Model]]
"""Starts the model that settings name, for as long as it is needed."""


@dataclass
class Desk:
    """One session, its model, its place and its policy, from `open` to the end of that block."""

    job: Job
    talk: Conversation
    site: Site
    model: Model
    stance: Stance
    context: ToolContext
    ask: Ask
    ledger: Ledger
    redaction: Redaction
    strong: Strong | None = None
    queue: list[str] = field(default_factory=list)  # what was typed ahead
    last: Turn | None = None
    unproved: Checkpoint | None = None  # before the first change that nothing has proved yet
    _commands: int = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        job: Job,
        readers: tuple[Reader, ...],
        ask: Ask,
        question: Question,
        *,
        redaction: Redaction,
        have_model: Callable[[str], Awaitable[None]],
        start: Start = start_model,
    ) -> AsyncIterator[Desk]:
        """Open it for a job; its prompt is not begun. Raises WispError.

        `have_model` is awaited with the name of the model before it is started: it loads what is
        missing, or raises ModelUnusable. `start` starts it, and may have one that runs already.
        """
        from tools.shell import stop_jobs

        new, ledger = new_id(), Ledger()
        home = open_workspace(job.cwd, job.add_dirs)
        redaction.learn(secret_values.within(home))
        if job.kind == "fix":
            writable(home.root)
        key_for = secret_values.telling(redaction)
        strong = strong_model(job.settings, key_for)
        if strong is not None and job.escalation_accepted:
            strong.open(strong.budget)  # what is wrong with it is better known now
        async with contextlib.AsyncExitStack() as stack:
            site = await _go_to(job, home, new, stack) if job.worktree else None
            root = site.workspace.root if site else home.root
            every = (*readers, ledger.read)
            talk = Conversation.open(new, home.root, root, job.resume, every, redaction)
            stack.callback(talk.close)
            job = replace(job, settings=talk.settings(job.settings))
            await have_model(job.settings.model)
            if job.kind == "fix":
                talk.place.take()
            model = await stack.enter_async_context(start(job.settings, key_for))
            site = site or await _go_to(job, home, new, stack)  # while the model loads
            if strong is not None:
                stack.push_async_callback(strong.close)
            job, dropped = _contained(job, site)
            grants = (*job.grants, *_accepted(job))
            context = ToolContext(
                workspace=site.workspace,
                sandbox=site.sandbox,
                memory=talk.memory(site.workspace),
                output=_quiet,
                question=question,
                check_command=job.settings.check,
                network=job.settings.network,
                diagnostics=job.settings.diagnostics,
            )
            stack.push_async_callback(stop_jobs, context.memory)
            stance = starting_stance(job.settings, grants, site.sandbox)
            desk = cls(job, talk, site, model, stance, context, ask, ledger, redaction, strong)
            desk._begin(dropped)
            yield desk

    @property
    def root(self) -> Path:
        """The top of the workspace."""
        return self.site.workspace.root

    @property
    def effort(self) -> int:
        """The second knob."""
        return self.job.settings.effort

    def checkpoints(self) -> Checkpoints:
        """Return the checkpoints of the workspace."""
        return Checkpoints(self.root, self.site.sandbox)

    # -- turns

    async def turn(
        self,
        prompt: str,
        kind: Kind = "run",
        *,
        images: tuple[Image, ...] = (),
        origin: str = "",
        form: Form | None = None,
        found: str = "",
        begun: Callable[[Turn], Any] = lambda turn: None,
    ) -> TurnFinished:
        """Do one turn and return how it ended; cancelling the task ends it as `cancelled`.

        What was `found` for the prompt stands behind it, in place of what it may be about; `begun`
        is handed the turn before anything is done in it. Raises WispError where it cannot
        begin: another session changes files here.
        """
        turn = self._new_turn(self.ask, form)
        begun(turn)
        if kind == "run" and form is None:
            kind = talk_or_repair(prompt, self)
        if kind == "fix":
            writable(self.root)
            self.talk.place.take()
        if kind == "check":
            turn.since = self.unproved
        self.last = turn
        given = Prompted(prompt, found, images, origin)
        if kind == "run":
            given = await given.accompanied(self)
        finished = await turn.carry(
            prompt, kind, _work(kind), given.context, given.images, given.origin
        )
        if turn.done.report is not None and self.talk.past is not None:
            self.talk.past.checked = turn.done.report  # an event has only its counts
        self.talk.leave(self.context.memory)
        if finished.verification.verified:
            self.unproved = self.unproved if turn.since is None else None
        elif finished.changed:
            self.unproved = self.unproved or turn.before
        return finished

    def check_with(self, command: str) -> None:
        """Prove changes by this command from now on."""
        self.context = replace(self.context, check_command=command)

    async def command(self, call: ToolCall) -> ToolResult:
        """Make a call that the user typed, by the same policy; typing it approved EXECUTE.

        Raises WispError where another session changes files here.
        """

        async def typed(asked: ApprovalAsked) -> ApprovalAnswered:
            if asked.taint is None and set(asked.effects) <= {Effect.EXECUTE}:
                return ApprovalAnswered(call_id=asked.call_id, approved=True, by="user")
            return await self.ask(asked)

        return await self._new_turn(typed).calls.make(call, by="user")

    def next_command_id(self) -> str:
        """Return an id for a call of the user's."""
        self._commands += 1
        return f"user-{self.talk.turns}-{self._commands}"

    # -- beside them

    def type_ahead(self, prompt: str) -> None:
        """Queue a prompt: the model reads it before its next step, or it is the next turn's."""
        self.queue.append(prompt)
        self.talk.session.emit(PromptQueued(prompt=prompt))

    def typed(self) -> list[str]:
        """Take what was typed ahead."""
        taken, self.queue[:] = list(self.queue), []
        return taken

    def move(self, level: Autonomy) -> None:
        """Move the slider, which acts at once."""
        if level is not self.stance.autonomy:
            self.stance.autonomy = level
            self.talk.session.emit(AutonomyChanged(autonomy=level))

    def turn_knob(self, effort: int) -> None:
        """Set the effort, which the next turn begins with."""
        if effort != self.effort:
            settings = self.job.settings.model_copy(update={"effort": effort})
            self.job = replace(self.job, settings=settings)
            self.talk.session.emit(EffortChanged(effort=effort))

    def decide(self, call: ToolCall, effects: frozenset[Effect]) -> Decision:
        """Decide a call as it would be decided now."""
        self.stance.taint = self.talk.session.history.taint or self.stance.taint
        return decide(call, effects, self.stance)

    # -- within

    async def _ahead(self) -> AsyncIterator[PromptTaken]:
        """Take what was typed ahead, each with what it mentions; a stop leaves it in the queue."""
        while self.queue:
            prompt = self.queue[0]
            given = await Prompted(prompt).with_mentions(self)
            if prompt in self.queue:  # it may have been taken back meanwhile
                self.queue.remove(prompt)
                yield PromptTaken(prompt=prompt, context=given.context, origin=given.origin)

    def _begin(self, dropped: list[Notice]) -> None:
        workspace, sandbox, job = self.site.workspace, self.site.sandbox, self.job
        notices = [*job.notices, *dropped, *self.site.notices]
        own = instructions(workspace, self.site.cwd)
        notices += unseen(own)
        if why := sandbox.why_not:
            notices.append(Notice(text=f"containment is {sandbox.containment.name}: {why}"))
        lessons: tuple[str, ...] = ()
        try:
            lessons = self.talk.lessons()
        except Unusable as error:
            notices.append(Notice(text=f"no lesson counts: {error}", hint=f"mend {lessons_path()}"))
        if self.talk.past is None and (costs := price(own, lessons)):
            notices.append(Notice(text=costs))
        system = system_prompt(workspace, own, lessons)
        cwd, name = self.site.cwd, self.model.name
        self.talk.begin(job.settings, cwd, self.root, name, self.stance, system, notices)

    def _new_turn(self, ask: Ask, form: Form | None = None) -> Turn:
        # the screen stands before anything of a turn is loaded
        from agent.copies import Copies
        from agent.loop import Limits
        from agent.turn import Turn

        settings = self.job.settings
        return Turn(
            session=self.talk.session,
            model=self.model,
            context=self.context,
            stance=self.stance,
            keep=lambda grant: remember(grant, self.root),
            ask=ask,
            checkpoints=self.checkpoints(),
            copies=Copies(self.root),
            limits=Limits(
                settings.max_steps,
                settings.max_tokens,
                settings.max_wall_time,
                settings.max_cost,
            ),
            effort=settings.effort,
            rungs=settings.rungs,
            explain_context=settings.explain_context,
            seed=settings.seed,
            strong=self.strong,
            form=form,
            number=self.talk.turns + 1,
            claim=self.talk.place.take,
            ahead=self._ahead,
        )


async def _go_to(job: Job, home: Workspace, name: str, stack: contextlib.AsyncExitStack) -> Site:
    site = await Site.open(job, home, name)
    stack.push_async_callback(site.leave)
    return site


def _contained(job: Job, site: Site) -> tuple[Job, list[Notice]]:
    """Return the job without the repository's own check where nothing would contain it."""
    if not job.check_of_repository or site.sandbox.containment is not Containment.NONE:
        return job, []
    text = f"not run, since nothing contains it: {job.settings.check}, the repository's check"
    notice = Notice(text=text, hint="--check CMD, if it is to run all the same")
    return replace(job, settings=job.settings.model_copy(update={"check": ""})), [notice]


def _accepted(job: Job) -> tuple[Grant, ...]:
    if not job.escalation_accepted:
        return ()
    from agent.escalation import ACCEPTED

    return (ACCEPTED,)


def _work(kind: Kind) -> Callable[[Turn, str], Awaitable[None]]:
    if kind == "fix":
        from agent.repair.fix import repair

        return repair
    from agent.run import check, compact, reason_and_act

    return {"check": check, "compact": compact}.get(kind, reason_and_act)


def _quiet(text: str) -> None:
    """Live output of checks that the harness runs is not shown without a screen."""

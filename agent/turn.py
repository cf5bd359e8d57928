"""A turn: from a prompt to rest, opened and closed exactly once whatever happens in between.

What is done in it is the `work`: the loop for `run`, the repair for `fix`. Around it stand the
checkpoints before changes, the limit on time, the verification and the way out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.approval import refuse
from agent.calls import Calls
from agent.checkpoint import Checkpoint, Checkpoints
from agent.compaction import result_bytes
from agent.context.wishes import only_asks, wants_no_change
from agent.copies import Copies
from agent.errors import WispError
from agent.escalation import Strong
from agent.events import (
    Ahead,
    Ask,
    CheckpointMade,
    Notice,
    TurnFinished,
    TurnStarted,
    Verification,
    nothing_ahead,
)
from agent.grants import Grant
from agent.history import History
from agent.loop import Limits
from agent.messages import Image, Usage
from agent.models.base import Model
from agent.outcome import INTERRUPTED, Facts, outcome
from agent.policy import Autonomy, Decision, Stance, Verdict, decide, verdict_for
from agent.session import Session
from tools import registry
from tools.base import Effect, ToolCall, ToolContext, ToolSchema
from tools.report import CheckReport

if TYPE_CHECKING:
    from agent.context.in_play import Playing
    from agent.form import Form


@dataclass
class Done:
    """What the work of a turn came to; filled as it goes, so that it stands after an error too."""

    text: str = ""
    structured: Any = None  # the answer in the turn's form
    steps: int = 0
    attempts: int = 0
    usage: Usage = field(default_factory=Usage)
    verification: Verification = field(default_factory=Verification)
    report: CheckReport | None = None  # of the last check on the tree as it is left
    limit: str = ""
    retrying: str = ""  # why the model was being asked again when the work ended
    failed: str = ""  # why the job was not done
    hint: str = ""
    escalated: str = ""  # the strong model that took over

    @property
    def ended(self) -> str:
        """What ended the work, when it was no error."""
        if self.limit and self.retrying:
            return f"{self.limit} while the model was asked again: {self.retrying}"
        return self.limit or self.failed


@dataclass
class Turn:
    """One turn and everything its work stands on."""

    session: Session
    model: Model
    context: ToolContext
    stance: Stance
    ask: Ask
    checkpoints: Checkpoints
    copies: Copies
    limits: Limits
    effort: int = 2
    rungs: tuple[str, ...] = ()  # kinds of attempts of a repair; none for all
    explain_context: bool = False  # tell what each part of a repair's prompts costs
    seed: int = 0
    form: Form | None = None  # in which the final answer is asked for
    number: int = 1  # of this turn in its session
    claim: Callable[[], None] = lambda: None  # raises Blocked where others change files here
    strong: Strong | None = None  # what may take over
    ahead: Ahead = nothing_ahead
    since: Checkpoint | None = None  # where what is to be proved began, if before this turn
    keep: Callable[[Grant], None] | None = None  # where a grant is kept for other sessions
    done: Done = field(default_factory=Done)
    before: Checkpoint | None = None
    after: Checkpoint | None = None
    interrupted: int = 0

    def __post_init__(self) -> None:
        self.emit = self.session.emit
        self.calls = Calls(
            self.context,
            self._decide,
            lambda asked: self.ask(self.session.clean(asked)),
            self.emit,
            self.before_change,
            self._remember,
            quoted=self.session.redaction.quoted,
            most=lambda: result_bytes(self.model.context_window),
        )

    async def carry(
        self,
        prompt: str,
        kind: Literal["run", "fix", "check", "compact"],
        work: Callable[[Turn, str], Awaitable[None]],
        context: str = "",
        images: tuple[Image, ...] = (),
        origin: str = "",
    ) -> TurnFinished:
        """Do the work and return how it ended; never raises what `work` may.

        A cancellation ends the turn as `cancelled`, with its exit code; the caller decides whether
        the program goes on.
        """
        self.emit(
            TurnStarted(
                prompt=prompt,
                kind=kind,
                context=context,
                images=images,
                origin=origin,
                form=self.form.schema if self.form else None,
            )
        )
        error: WispError | None = None
        try:
            async with asyncio.timeout(self.limits.wall_s) as clock:
                await work(self, prompt)
        except TimeoutError:
            if not clock.expired():
                raise  # not ours
            self.done.limit = f"the limit of {self.limits.wall_s:g} seconds was reached"
        except asyncio.CancelledError:
            self.interrupted = self.interrupted or INTERRUPTED
        except WispError as caught:
            error = caught
        finish = asyncio.ensure_future(self._finish(error))
        while not finish.done():
            try:
                await asyncio.shield(finish)
            except asyncio.CancelledError:
                # once begun, a turn is always closed
                self.interrupted = self.interrupted or INTERRUPTED
        return finish.result()

    async def before_change(self) -> None:
        """Take a checkpoint before each change, so that any step can be gone back to."""
        self.claim()
        made = await self.checkpoints.make(f"{self.session.id} before a change")
        self.before = self.before or made
        self.emit(CheckpointMade(id=made.id, files=made.files, left_out=tuple(made.left_out)))

    def in_play(self) -> Playing:
        """Return what tells the model of instructions for the files that it works on."""
        from agent.context.in_play import InPlay

        return InPlay(self.context)

    async def verify(self, prompt: str, *, asked: bool) -> Verification:
        """Prove what was changed so far, as `agent.proving` says. Raises WispError."""
        from agent.proving import verify

        return await verify(self, prompt, asked=asked)

    async def changes(self) -> tuple[str, ...]:
        """Return the files that the turn changed, and keep where it ended. Raises WispError."""
        if self.before is None:
            return ()
        self.after = await self.checkpoints.make(f"{self.session.id} after the turn")
        if self.after.id != self.before.id:
            from agent.undo import Turns, TurnSpan

            span = TurnSpan(self.session.id, self.number, self.before.id, self.after.id)
            Turns(self.checkpoints.path).record(span)
        return tuple(await self.checkpoints.changed(self.before.id, self.after.id))

    async def _finish(self, error: WispError | None) -> TurnFinished:
        changed: tuple[str, ...] = ()
        try:
            changed = await self.changes()
        except WispError as caught:
            self.emit(Notice(text=caught.message, hint=caught.hint))
            error = error or caught
        done = self.done
        facts = Facts(
            changed=bool(changed or self.since),
            verification=done.verification,
            denied=bool(self.calls.denials),
            limit=bool(done.limit),
            retrying=bool(done.retrying),
            failed=bool(done.failed),
            error=error,
            interrupted=self.interrupted,
        )
        word, code = outcome(facts)
        finished = TurnFinished(
            outcome=word,
            text=done.text,
            structured=done.structured,
            verification=done.verification,
            usage=done.usage,
            steps=done.steps,
            changed=changed,
            denials=tuple(self.calls.denials),
            error=error.message if error else done.ended,
            hint=error.hint if error else done.hint,
            exit_code=code,
        )
        self.emit(finished)
        return self.session.clean(finished)

    def barred(self, model: Model, prompt: str) -> frozenset[str]:
        """Return the tools that a small model may not call, since the `prompt` wants no change.

        It would use them. It is told of them all the same: its prompts begin as they did.
        """
        wanted = not (only_asks(prompt) or wants_no_change(prompt))
        return frozenset() if wanted or not model.small else frozenset({"edit", "write"})

    def tools(self, model: Model) -> tuple[ToolSchema, ...]:
        """Return what a model is told of: no tool that cannot be allowed, each is read first."""
        allowed = verdict_for(Effect.NETWORK, self.stance) is Verdict.ALLOW
        granted = any(grant.tool == "fetch" for grant in self.stance.grants)
        may = allowed or granted or self.ask is not refuse
        useless = set() if may and not self.context.network.off else {"fetch"}
        if model.small and self.stance.autonomy is not Autonomy.OBSERVE:
            useless.add("plan")  # it plans where nothing else may be done
        return registry.schemas(frozenset(useless), model.small)

    def decided(self, call: ToolCall, effects: frozenset[Effect], read: History) -> Decision:
        """Decide a call that comes of a conversation, and of what was read in it."""
        self.stance.taint = read.taint or self.stance.taint
        return decide(call, effects, self.stance)

    def _decide(self, call: ToolCall, effects: frozenset[Effect]) -> Decision:
        return self.decided(call, effects, self.session.history)

    def _remember(self, grant: Grant) -> None:
        """Let a grant count from now on, and keep it; where that fails it counts for this turn."""
        self.stance.grants = (*self.stance.grants, grant)
        if self.keep is None:
            return
        try:
            self.keep(grant)
        except WispError as error:
            self.emit(Notice(text=error.message, hint=error.hint))

"""One call from request to result: decided, asked about, run, and closed exactly once.

The loop makes the model's calls through here, `fix` its patch, a face the user's own commands; so
all of them meet the same policy and leave the same events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Ask,
    CallDecided,
    Emit,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
)
from agent.grants import Grant, offer
from agent.policy import EFFECTS, Decide, Verdict
from tools import registry
from tools.base import Effect, Preview, ToolCall, ToolContext, ToolError, ToolResult
from tools.truncate import shorten

CHANGING = frozenset(Effect) - {Effect.READ, Effect.NETWORK}
WORDS = frozenset({"plan", "ask"})  # tools that only say something
WHOLE = 1 << 20  # bytes: what tools say is shorter
CUT = "more than the model's window bears; ask for less at once"
CANCELLED = "cancelled before its end"
EDITED = "the user changed this call; what they made of it comes next"
# with the secret in its place the mark would be written over it, and the secret be lost
QUOTED = (
    "{} stands for a secret that you are not shown; it is not what the file holds. Leave its line"
    " as it is: quote and change other lines only, or ask the user to change this one."
)


@dataclass(frozen=True, slots=True)
class Understood:
    """A call that can be made: what it would do, and how to do it.

    `origin` says where its answer comes from, as a result has it. `run` raises ToolError.
    """

    effects: frozenset[Effect]
    preview: Callable[[], Preview]
    origin: Callable[[], str]
    run: Callable[[], Awaitable[ToolResult]]


def understand(call: ToolCall, context: ToolContext) -> Understood:
    """Return a call as the tools here make it; raises ToolError for one that cannot be made."""
    tool, args = registry.parse(call)
    return Understood(
        tool.effects(args, context),
        lambda: tool.preview(args, context),
        lambda: tool.origin(args, context),
        lambda: tool.run(args, context),
    )


@dataclass
class Calls:
    """Makes calls. `before_change` is awaited before each call that may change something.

    `denials` collects why calls were not run, `changing` whether any ran that may change things.
    `remember` is told of what a person chose to allow from now on.
    """

    context: ToolContext
    decide: Decide
    ask: Ask
    emit: Emit
    before_change: Callable[[], Awaitable[None]]
    remember: Callable[[Grant], None]
    denials: list[str] = field(default_factory=list)
    changing: bool = False
    # the first mark in some arguments that stands for a secret which the model was not shown
    quoted: Callable[[object], str] = lambda arguments: ""
    most: Callable[[], int] = lambda: WHOLE  # bytes of one answer that the model's window bears
    understand: Callable[[ToolCall, ToolContext], Understood] = understand
    _theirs: ToolCall | None = None  # what the user made of the call that was asked about

    async def make(self, call: ToolCall, by: Any = "model") -> ToolResult:
        """Decide and run one call; what goes wrong in it is its result.

        Where the user changes it first, it ends as refused, and theirs is made in its place.
        """
        self.emit(ToolRequested(call=call, by=by))
        result = ToolResult(text=CANCELLED, ok=False, summary="cancelled")
        try:
            result = await self._answer(call)
            room = self.most()
            text = shorten(result.text, lines=room, size=room, hint=CUT)
            result = result.model_copy(update={"text": text})
        finally:
            # also when cancelled: every request is closed exactly once
            self.emit(ToolFinished(call_id=call.id, result=result))
        theirs = self._theirs
        if theirs is None or theirs is call:
            return result
        try:
            return await self.make(theirs, by="user")
        finally:
            self._theirs = None

    async def consent(self, call: ToolCall, effects: frozenset[Effect], preview: Preview) -> str:
        """Put to the policy what the harness would do itself; return why it may not, or nothing.

        To the policy, to a person and in the log it is a call like any other. A refusal is none of
        the `denials`: nothing that was asked for is missing.
        """
        self.emit(ToolRequested(call=call, by="harness"))
        result = ToolResult(text=CANCELLED, ok=False, summary="cancelled")
        try:
            if refusal := await self._refusal(call, effects, lambda: preview):
                self._theirs = None  # of what the harness asks there is nothing to change
                result = ToolResult(text=f"Not allowed: {refusal}.", ok=False, summary=refusal)
            else:
                self.emit(ToolStarted(call_id=call.id))
                result = ToolResult(text="allowed", summary="allowed")
        finally:
            self.emit(ToolFinished(call_id=call.id, result=result))
        return refusal

    async def _answer(self, call: ToolCall) -> ToolResult:
        context = replace(
            self.context,
            output=lambda text: self.emit(ToolOutput(call_id=call.id, text=text)),
            room=self.most(),
            executes=self._executes,
        )
        origin = ""
        try:
            made = self._understood(call, context)
            if refusal := await self._refusal(call, made.effects, made.preview):
                if refusal is EDITED:
                    return ToolResult(text=f"Not run: {EDITED}.", ok=False, summary=EDITED)
                self.denials.append(f"{call.name}: {refusal}")
                text = f"Not allowed: {refusal}. Go on without it, or say what you would need."
                return ToolResult(text=text, ok=False, summary=refusal)
            if made.effects & CHANGING:
                await self.before_change()
                self.changing = True
            self.emit(ToolStarted(call_id=call.id))
            # asked before: the call may change what it is about; a failure may quote it too
            origin = made.origin()
            result = await made.run()
            return result.model_copy(update={"origin": result.origin or origin})
        except ToolError as error:
            summary = str(error).split("\n", 1)[0]
            text = f"Error: {error}"
            return ToolResult(text=text, ok=False, summary=summary, origin=origin)

    def _executes(self) -> bool:
        """Whether the policy would let the project's code run now, as a check does, unasked."""
        decided = self.decide(ToolCall(id="diagnostics", name="check"), frozenset({Effect.EXECUTE}))
        return decided.verdict is Verdict.ALLOW

    def _understood(self, call: ToolCall, context: ToolContext) -> Understood:
        """Return the call as it would be made; raises ToolError, decided as denied."""
        try:
            if (mark := self.quoted(call.arguments)) and call.name not in WORDS:
                raise ToolError(QUOTED.format(mark))
            return self.understand(call, context)
        except ToolError:
            decided = CallDecided(
                call_id=call.id,
                effects=(),
                verdict=Verdict.DENY,
                reason="this call cannot be made as it is",
                containment=context.sandbox.containment,
            )
            self.emit(decided)
            raise

    async def _refusal(
        self, call: ToolCall, effects: frozenset[Effect], preview: Callable[[], Preview]
    ) -> str:
        """Return why the call may not run, or an empty string."""
        ordered = tuple(sorted(effects, key=EFFECTS.index))
        decision = self.decide(call, effects)
        self.emit(
            CallDecided(
                call_id=call.id,
                effects=ordered,
                verdict=decision.verdict,
                reason=decision.reason,
                containment=decision.containment,
                taint=decision.taint,
            )
        )
        if decision.verdict is Verdict.ALLOW:
            return ""
        if decision.verdict is Verdict.DENY:
            return decision.reason
        asked = ApprovalAsked(
            call_id=call.id,
            effects=ordered,
            reason=decision.reason,
            preview=preview(),
            taint=decision.taint,
            # after taint no rule would count
            grant=None if decision.taint else offer(call, effects),
        )
        self.emit(asked)
        answer = ApprovalAnswered(call_id=call.id, approved=False, by="headless")
        try:
            if call is self._theirs:
                # they wrote it themselves, in answer to the question about the first one
                answer = ApprovalAnswered(call_id=call.id, approved=True, by="user")
            else:
                answer = await self.ask(asked)
        finally:
            self.emit(answer)
        if answer.edited is not None and not answer.approved:
            self._theirs = ToolCall(id=f"{call.id}-edited", name=call.name, arguments=answer.edited)
            return EDITED
        if answer.approved:
            if answer.grant is not None:
                self.remember(answer.grant)
            return ""
        return answer.feedback or ("the user declined" if answer.by == "user" else decision.reason)

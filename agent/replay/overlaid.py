"""A turn over its log: people, tools, checks and the model answer as they did.

What is left is the harness: the loop, the policy, compaction, what the model is told in between and
how the turn ends. Nothing is run, read or written, so the log may be of another machine; only a
repair is done really, where the user wants that, up to where it would change their tree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from agent.asked import Asked
from agent.calls import CANCELLED, WHOLE, Understood
from agent.checkpoint import Checkpoints
from agent.config import Settings
from agent.context.in_play import Playing
from agent.copies import Copies
from agent.escalation import NAME as ESCALATE
from agent.escalation import Strong
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Base,
    CallDecided,
    InstructionsTold,
    Notice,
    PromptTaken,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    Verification,
)
from agent.form import Form
from agent.grants import BEYOND
from agent.history import History
from agent.log import INTERRUPTED
from agent.loop import Limits
from agent.messages import Message, Usage
from agent.models.base import Model
from agent.models.estimate import Estimate
from agent.policy import Decision, Stance
from agent.proof import Tally
from agent.redaction import Redaction
from agent.replay.following import Cut, Followed
from agent.replay.recorded import LIMIT, RecordedModel, ending, recorded
from agent.session import Session
from agent.turn import Turn
from sandbox.base import Command, CommandResult, Containment, Process, SandboxError
from sandbox.workspace import Workspace
from tools import registry
from tools.base import (
    Effect,
    Preview,
    ToolCall,
    ToolContext,
    ToolError,
    ToolMemory,
    ToolResult,
    ToolSchema,
)

NOBODY = Asked(model="", reach="served here")
_BEYOND = frozenset(BEYOND)
_CUT_OFF = (CANCELLED, INTERRUPTED)  # results of calls that came to no end
_RED = "the check is red ("  # how it is told that a strong model may take over for that


class RecordedSession(Session):
    """A session without a log of its own: what is emitted is compared with what it follows."""

    def __init__(self, followed: Followed, history: History, redaction: Redaction | None) -> None:
        super().__init__("replay", Path(), redaction=redaction)
        self.history = history
        self._followed = followed

    def emit(self, event: Base) -> None:
        """Compare one event. Raises Diverged and Cut."""
        self._followed.went_on(event)


class RecordedInstructions:
    """Tells of instructions what was told."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed

    def after(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],
        messages: Sequence[Message],
        small: bool,
    ) -> Iterator[Base]:
        """Yield it, as `Playing` says."""
        while isinstance(told := self._followed.head, InstructionsTold):
            yield told


class Nowhere:
    """A sandbox that held as the recorded one did, and in which nothing can be run."""

    backend = "none: a replay runs nothing"
    why_not = "a replay runs nothing"
    features: frozenset[str] = frozenset()

    def __init__(self, containment: Containment) -> None:
        self.containment = containment

    async def run(self, command: Command, write: object) -> CommandResult:
        """Raise SandboxError."""
        raise SandboxError(self.why_not)

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Raise SandboxError."""
        raise SandboxError(self.why_not)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLimits(Limits):
    """The bounds of the user, which a log does not have: they are reached where they were."""

    followed: Followed

    def reached(self, steps: int, usage: Usage, seconds: float) -> str:
        """Return what the log ended with, where it ends here."""
        end, head = self.followed.end, self.followed.head
        over = head is None or isinstance(head, TurnFinished)
        return end.error if end and over and end.error.startswith(LIMIT) else ""


@dataclass(frozen=True, slots=True)
class Given:
    """What a turn stood on: where the policy did, the second knob, the form, the settings."""

    stance: Stance
    effort: int
    form: Form | None
    settings: Settings


def nowhere(folder: Path, containment: Containment) -> ToolContext:
    """Return the surroundings of a turn that runs nothing; `folder` is an empty one."""
    return ToolContext(
        Workspace(folder), Nowhere(containment), ToolMemory(), lambda text: None, _nobody
    )


async def _nobody(question: str, choices: tuple[str, ...]) -> str | None:
    return None


class RecordedTurn(Turn):
    """A turn that is done again over its log.

    `really` says that its work runs here, a repair with its tests: then it ends where it would
    change the tree.
    """

    followed: Followed
    really: bool = False

    @classmethod
    def of(
        cls,
        followed: Followed,
        session: Session,
        model: RecordedModel,
        given: Given,
        context: ToolContext,
        really: bool,
    ) -> RecordedTurn:
        """Put it together."""
        root, settings = context.workspace.root, given.settings

        async def answered(asked: ApprovalAsked) -> ApprovalAnswered:
            head, finished = followed.head, _of(followed, ToolFinished, asked.call_id)
            cancelled = finished is not None and finished.result.text in _CUT_OFF
            if isinstance(head, ApprovalAnswered) and not cancelled:
                return head
            raise ending(followed)

        async def ahead() -> AsyncIterator[PromptTaken]:
            while isinstance(taken := followed.head, PromptTaken):
                yield taken

        turn = cls(
            session=session,
            model=model,
            context=context,
            stance=given.stance,
            ask=answered,
            checkpoints=Checkpoints(root, context.sandbox),
            copies=Copies(root),
            limits=RecordedLimits(
                steps=settings.max_steps,
                tokens=settings.max_tokens,
                cost=settings.max_cost,
                wall_s=settings.max_wall_time if really else None,
                followed=followed,
            ),
            effort=given.effort,
            rungs=settings.rungs,
            seed=settings.seed,
            form=given.form,
            ahead=ahead,
        )
        turn.followed, turn.really = followed, really
        turn.strong = _strong(followed, session.history)
        turn.calls.understand = turn.understood
        turn.calls.most = lambda: WHOLE  # answers were cut before they were logged
        return turn

    def understood(self, call: ToolCall, context: ToolContext) -> Understood:
        """Return a call as the log has it, if it can be made today; raises ToolError, Cut."""
        followed = self.followed
        registry.parse(call)

        def failed() -> BaseException:
            finished = _of(followed, ToolFinished, call.id)
            if finished is None or finished.result.text in _CUT_OFF:
                return ending(followed)
            return ToolError(finished.result.text.removeprefix("Error: "))

        decided = _of(followed, CallDecided, call.id)
        if decided is None:
            raise ending(followed)
        if not decided.effects:
            raise failed()

        def preview() -> Preview:
            if (asked := _of(followed, ApprovalAsked, call.id)) is None:
                raise failed()
            return asked.preview

        async def run() -> ToolResult:
            head = followed.head
            if self.really:
                followed.stop()
                raise Cut
            if isinstance(head, ToolFinished) and head.result.text not in _CUT_OFF:
                return head.result
            raise ending(followed)

        return Understood(frozenset(decided.effects), preview, lambda: "", run)

    def decided(self, call: ToolCall, effects: frozenset[Effect], read: History) -> Decision:
        """Decide as ever. Of a log from anywhere nothing really done reaches beyond the copy.

        Nor is anything done for which its turn did not wait.
        """
        beyond = effects & _BEYOND and call.name != ESCALATE
        if self.really and (beyond or self._cut_off(call)):
            self.followed.stop()
            raise Cut
        return super().decided(call, effects, read)

    def _cut_off(self, call: ToolCall) -> bool:
        ends = (each for each in self.followed.coming(ToolFinished) if each.call_id == call.id)
        end = next(ends, None)
        return self.followed.cut and (end is None or end.result.text in _CUT_OFF)

    def tools(self, model: Model) -> tuple[ToolSchema, ...]:
        """Return what a model is told of: whether `fetch` could be allowed, a log does not say."""
        told = super().tools(model)
        known = [each.name for each in getattr(model, "who", NOBODY).tools]
        return tuple(each for each in told if each.name != "fetch" or each.name in known)

    def in_play(self) -> Playing:
        """Return what tells of the instructions that were told."""
        return RecordedInstructions(self.followed)

    async def before_change(self) -> None:
        """Take no checkpoint: nothing is changed."""

    async def verify(self, prompt: str, *, asked: bool) -> Verification:
        """Return what the checks came to; raises what ended the turn in their midst."""
        end = self.followed.end
        if end is None:
            raise Cut
        for notice in self.followed.outside(Notice):
            if notice.text.startswith(_RED):  # a strong model may go on, and is checked again
                reason = notice.text.removeprefix(_RED).partition(")")[0]
                if self.done.verification.reason != reason:
                    return Verification(reason=reason, after=Tally(passed=0, failed=1))
        return end.verification

    async def changes(self) -> tuple[str, ...]:
        """Return the files that were changed then."""
        end = self.followed.end
        return end.changed if end else ()


E = TypeVar("E", CallDecided, ToolFinished, ApprovalAsked)


def _of(followed: Followed, kind: type[E], call_id: str) -> E | None:
    """Return the event of a kind that tells of a call."""
    every = (each for each in followed.events if isinstance(each, kind))
    return next((each for each in every if each.call_id == call_id), None)


def _strong(followed: Followed, history: History) -> Strong | None:
    """Return the model that took over, or was about to, where there was one."""
    for event in followed.events:
        match event:
            case ToolRequested(call=ToolCall(name=name, arguments=given)) if name == ESCALATE:
                model, host = str(given.get("model", "")), str(given.get("host", ""))
                who = Asked(model=model, reach="elsewhere", host=host)
                budget = _number(given.get("budget"))
            case Notice(text=text) if text.endswith(" takes over"):
                model, budget = text.split("; ")[-1].removesuffix(" takes over"), 1.0
                who = Asked(model=model, reach="served here")
            case _:
                continue
        return Strong(who.model, budget, partial(_opened, who, followed, history))
    return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _opened(who: Asked, followed: Followed, history: History, budget: float) -> Model:
    return recorded(who, followed, history, Estimate())

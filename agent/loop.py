"""Reason and act: ask the model, make its calls, until it rests.

The loop never asks who is watching: it emits. A call that fails is an answer to the model. What
ends the loop is the model's rest, a limit, a stall, an error of the model, or a cancellation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.asked import Asked
from agent.calls import Calls
from agent.compaction import Compaction
from agent.context.in_play import InPlay, Playing
from agent.context.nameable import Nameable
from agent.errors import ContextOverflow
from agent.events import (
    Ahead,
    Emit,
    HarnessSpoke,
    MessageFinished,
    StepStarted,
    nothing_ahead,
)
from agent.history import History
from agent.messages import Usage
from agent.models.base import Model, ModelRequest, ReplyChunk
from agent.nudges import AGAIN, EMPTY, Nudges, answer_to
from agent.replies import Replies
from agent.requested import Requests
from agent.stall import Advice, Stall
from tools.base import ToolSchema
from tools.report import CheckReport

Schema = Mapping[str, Any]

LOOKS = 5  # steps after which a small model that was asked a question is to answer it
WARM = 0.7  # the temperature of a reply after one that brought nothing new


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one turn; `wall_s` in seconds, `cost` in US dollars, None for no bound."""

    steps: int = 50
    tokens: int | None = None
    wall_s: float | None = None
    cost: float | None = None

    def reached(self, steps: int, usage: Usage, seconds: float) -> str:
        """Return which bound was reached, as a sentence, or an empty string."""
        if steps >= self.steps:
            return f"the limit of {self.steps} steps was reached"
        if self.tokens is not None and usage.total >= self.tokens:
            return f"the limit of {self.tokens} tokens was reached"
        if self.cost is not None and usage.cost >= self.cost:
            return f"the limit of ${self.cost:g} was reached"
        if self.wall_s is not None and seconds >= self.wall_s:
            return f"the limit of {self.wall_s:g} seconds was reached"
        return ""


@dataclass
class Rest:
    """How the loop came to rest; `limit` says which bound ended it, if one did.

    `stalled` says that it went round in circles, which is a limit too.
    """

    text: str = ""
    limit: str = ""
    stalled: bool = False
    steps: int = 0
    report: CheckReport | None = None  # of the last check that the model ran


@dataclass
class Loop:
    """The steps of one turn. What was done stands in `rest`, also after an error."""

    model: Model
    schemas: tuple[ToolSchema, ...]
    calls: Calls
    history: History
    emit: Emit
    limits: Limits
    effort: int = 2
    temperature: float = 0.0
    answering: bool = False  # the next reply is to be words
    barred: frozenset[str] = frozenset()  # tools that may not be called, for what was asked
    ahead: Ahead = nothing_ahead
    in_play: Playing | None = None  # what tells of instructions; made where it is not given
    rest: Rest = field(default_factory=Rest)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.replies = Replies(self.emit)
        self.room = Compaction(self.history, self.emit, self.replies)
        self.nameable = Nameable(self.calls.context.workspace, self.model.small)
        self.requests = Requests()

    async def run(self) -> Rest:
        """Step until the model rests or a bound is reached; raises ModelError.

        It may be called again, with another model: then it goes on from there.
        """
        rest, stall, nudges = self.rest, Stall(), Nudges()
        in_play = self.in_play or InPlay(self.calls.context)
        while not rest.limit and (reply := await self.ask()):
            advice: Advice = "go on"
            results = []
            for call in reply.message.calls:
                result = await self.calls.make(call)
                results.append(result)
                rest.report = result.report or rest.report
                advice = max(advice, stall.saw(call, result), key=_SEVERITY.index)
            made, messages = reply.message.calls, self.history.messages
            for event in in_play.after(made, results, messages, self.model.small):
                self.emit(event)
            if reply.problem:
                self.emit(HarnessSpoke(text=reply.problem))
                # calls beside it were seen already; they may have been the same again
                advice = max(advice, stall.saw_nothing(), key=_SEVERITY.index)
            elif not reply.message.calls:
                if reply.message.text.strip():
                    break
                advice = stall.saw_nothing()
            again = bool(results) and all(each.ok and not each.changed for each in results)
            # it has what it asked for, and asks again: then there is nothing left but to answer
            enough = bool(self.barred) and rest.steps >= LOOKS
            self.answering = self.model.small and again and (stall.repeats or enough)
            # asked in the same way, a model that takes the likeliest word each time says the same
            self.temperature = WARM if stall.repeats and self.model.local else 0.0
            if advice == "rest":
                break
            if advice == "stop":
                rest.limit, rest.stalled = "the model went round in circles", True
            elif self.answering:
                # it has come far from the question by then
                self.emit(HarnessSpoke(text=answer_to(self.history.essentials.said[-1])))
            elif advice == "nudge" and not reply.problem:
                self.emit(HarnessSpoke(text=AGAIN if results else EMPTY))
            elif self.model.small and (words := nudges.words(results)):
                self.emit(HarnessSpoke(text=words))
        return rest

    async def ask(self, said: str = "", schema: Schema | None = None) -> ReplyChunk | None:
        """Begin a step and return the model's reply, or None when a bound is reached.

        What is `said` comes before it. With a `schema` the reply is an answer in its form, and no
        call in it is made. Raises ModelError.
        """
        rest, seconds = self.rest, time.monotonic() - self.started
        rest.limit = self.limits.reached(rest.steps, self.replies.usage, seconds)
        if rest.limit:
            return None
        if said:
            self.emit(HarnessSpoke(text=said))
        if rest.steps and schema is None:
            async for taken in self.ahead():
                self.emit(taken)
                self.barred = frozenset()  # it may ask for more
        rest.steps += 1
        self.emit(StepStarted(step=rest.steps))
        reply = await self._reply(schema)
        rest.text = reply.message.text or rest.text
        return reply

    async def _reply(self, schema: Schema | None) -> ReplyChunk:
        await self.room.make_room(self.model, self.schemas)
        while True:
            try:
                return await self._ask_model(schema)
            except ContextOverflow:
                # the model counts exactly, we estimate; each time it gets shorter, or there is none
                if not await self.room.make_room(self.model, self.schemas, tightest=True):
                    raise

    async def _ask_model(self, schema: Schema | None) -> ReplyChunk:
        messages = tuple(self.history.messages)
        request = ModelRequest(
            messages,
            self.schemas,
            temperature=0.0 if schema else self.temperature,
            seed=self.rest.steps,
            schema=schema,
            words=self.answering and schema is None,
            barred=self.barred,
            effort=self.effort,
            known=lambda: self.nameable.known(messages),
        )
        told = self.requests.told(request, self.history.requested)
        reply = await self.replies.ask(self.model, request)
        if schema is not None and reply.message.calls:
            # what will not be made must not wait for its result
            reply = replace(reply, message=reply.message.model_copy(update={"calls": ()}))
        self.emit(
            MessageFinished(
                message=reply.message,
                usage=reply.usage,
                problem=reply.problem,
                stop=reply.stop,
                asked=Asked.of(self.model, self.schemas),
                request=told,
            )
        )
        return reply


_SEVERITY: tuple[Advice, ...] = ("go on", "nudge", "rest", "stop")

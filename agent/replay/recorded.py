"""A model that gives the replies of a log, and compares what it is asked for with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from agent.asked import Asked
from agent.errors import (
    Blocked,
    BudgetSpent,
    ContextOverflow,
    Failed,
    ModelUnusable,
    ProviderFailed,
    WispError,
)
from agent.events import (
    Forked,
    HistoryCompacted,
    MessageFinished,
    Sampled,
    Scored,
    SummaryGiven,
)
from agent.history import History
from agent.messages import AssistantMessage, Message, Usage
from agent.models.base import Chunk, Fork, ModelRequest, ReplyChunk, Sample, SampleRequest
from agent.models.choose import SCRIPTED
from agent.models.estimate import Estimate
from agent.models.rendering import counted
from agent.models.scripted import Script
from agent.models.three_roles import in_three_roles
from agent.replay.following import Cut, Diverged, Followed
from agent.requested import Requested, Requests
from tools.base import ToolSchema

LIMIT = "the limit of"  # how the errors begin that a bound of the user's is told by
_SCRIPT = Script(())  # which counts as all scripts do
_ERRORS: dict[int, type[WispError]] = {
    ModelUnusable.exit_code: ModelUnusable,
    Blocked.exit_code: Blocked,
    ContextOverflow.exit_code: ContextOverflow,
    ProviderFailed.exit_code: ProviderFailed,
}


def ending(followed: Followed) -> BaseException:
    """Return what ended the turn where its log goes no further, to be raised there again."""
    end = followed.end
    if end is None or followed.cut:
        followed.stop()
        return Cut()
    if not end.error:
        head = followed.head
        return Diverged(f"it goes on where the log has {type(head).__name__ if head else 'ended'}")
    if end.error.startswith(LIMIT):
        return BudgetSpent(end.error, end.hint)
    return _ERRORS.get(end.exit_code, Failed)(end.error, end.hint)


class RecordedModel:
    """Gives the replies that a log has, and looks at what it is asked for with.

    It is `who` answered: the one who answers next, where the log says, else the one before.
    """

    sees: bool | None = True

    def __init__(self, who: Asked, followed: Followed, history: History, estimate: Estimate):
        self._followed = followed
        self._history = history
        self._estimate = estimate
        self._requests = Requests()
        self._sampled: Sampled | None = None
        self._given = 0  # of its texts
        self._be(who)
        if (reply := followed.reply) is not None and reply.asked is not None:
            self._be(reply.asked)

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Count as a model of its kind does: a script, one in an engine of ours, one elsewhere."""
        if self._scripted:
            return _SCRIPT.count(messages, tools)
        return self._estimate.count(self._put(messages, tools))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Give the next reply. Raises Diverged, Cut, and the ModelError that ended the turn."""
        head = self._followed.head
        if isinstance(head, HistoryCompacted):  # what came next was room, so it did not fit
            raise ContextOverflow("it did not fit")
        if isinstance(head, SummaryGiven):
            self._be(head.asked or self.who)
            if not head.text:
                raise ProviderFailed("it did not sum up")
            yield ReplyChunk(AssistantMessage(text=head.text), Usage())
            return
        if isinstance(head, Sampled):  # asked so, a model that only talks gives one text a request
            yield ReplyChunk(AssistantMessage(text=self._text(head)), Usage())
            return
        if not isinstance(head, MessageFinished):
            raise ending(self._followed)
        self._be(head.asked or self.who)
        # what tools say in a copy hangs on the clock, so there only events are compared
        if head.request is not None and head.attempt is None:
            self._compare(request, head.request)
        if not self._scripted:
            self._estimate.learn(self._put(request.messages, request.tools), head.usage.input)
        yield ReplyChunk(head.message, head.usage, stop=head.stop, problem=head.problem)

    def _text(self, sampled: Sampled) -> str:
        self._given = self._given + 1 if sampled is self._sampled else 0
        self._sampled = sampled
        if self._given >= len(sampled.texts):
            raise BudgetSpent(f"{LIMIT} what was paid for was reached")
        return sampled.texts[self._given]

    async def start(self) -> None:
        """Nothing takes long."""

    async def close(self) -> None:
        """Nothing runs for it."""

    @property
    def _scripted(self) -> bool:
        return self.name.startswith(SCRIPTED.rstrip(":"))  # also one that is made in a test

    def _be(self, who: Asked) -> None:
        self.who, self.name, self.host = who, who.model, who.host
        self.context_window, self.small = who.window, who.small
        self.local = who.reach != "elsewhere"

    def _compare(self, request: ModelRequest, then: Requested) -> None:
        before = self._history.requested
        now = self._requests.told(request, before)
        old, new = then.after(before), now.after(before)
        for number, (was, is_now) in enumerate(zip(old, new, strict=False), 1):
            if was != is_now:
                message = request.messages[number - 1]
                what = f"{message.role}: {' '.join(message.text.split())[:60]!r}"
                raise Diverged(f"message {number} of the request is another one now, {what}")
        if len(old) != len(new):
            raise Diverged(f"the request had {len(old)} messages and has {len(new)}")
        if then.options != now.options:
            raise Diverged(f"the reply was bound by `{then.options}` and is by `{now.options}`")
        told = Asked.of(self, request.tools).tools
        for tool in (*self.who.tools, *told):
            if tool not in told or tool not in self.who.tools:
                raise Diverged(f"the model is not told of `{tool.name}` as it was")

    def _put(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema]
    ) -> Sequence[Mapping[str, Any]]:
        ours = self.who.reach == "engine"
        return in_three_roles(messages, tools) if ours else counted(messages, tools)


class RecordedEngine(RecordedModel):
    """A model in an engine of ours, which could be sampled."""

    def __init__(self, who: Asked, followed: Followed, history: History, estimate: Estimate):
        super().__init__(who, followed, history, estimate)
        self.used = Usage()
        self.tell: Callable[[str], None] = lambda text: None

    async def sample(self, request: SampleRequest) -> list[Sample]:
        """Return the samples that the log has next; raises what `stream` does."""
        head = self._followed.head
        if not isinstance(head, Sampled):
            raise ending(self._followed)
        return [Sample(text=each) for each in head.texts]

    async def complete(self, request: SampleRequest, starts: Sequence[str]) -> list[Sample]:
        """Return what followed the starts, if it were as many; raises what `stream` does."""
        found = await self.sample(request)
        if len(found) != len(starts):
            raise Diverged(f"{len(starts)} texts are begun where the log has {len(found)}")
        return found

    async def score(
        self, messages: Sequence[Message], prefill: str, continuations: Sequence[str]
    ) -> list[float]:
        """Return the scores that the log has next; raises what `stream` does."""
        head = self._followed.head
        if not isinstance(head, Scored):
            raise ending(self._followed)
        if len(head.scores) != len(continuations):
            many = f"{len(continuations)} texts are scored"
            raise Diverged(f"{many} where the log has {len(head.scores)}")
        return list(head.scores)

    async def forks(
        self, messages: Sequence[Message], prefill: str, text: str, top: int
    ) -> list[Fork]:
        """Return the forks that the log has next; raises what `stream` does."""
        head = self._followed.head
        if not isinstance(head, Forked):
            raise ending(self._followed)
        return [
            Fork(at=at, piece=piece, logprob=logprob, before=before)
            for at, piece, logprob, before in head.forks
        ]


def recorded(who: Asked, followed: Followed, history: History, estimate: Estimate) -> RecordedModel:
    """Return the model that answers as `who` did, else whoever is asked first in the turn."""
    asked = [getattr(each, "asked", None) for each in followed.events]
    every = [each for each in asked if isinstance(each, Asked)]
    named = [each for each in every if each.model == who.model]
    first = next(iter(named or every), who)
    kind = RecordedEngine if first.reach == "engine" else RecordedModel
    return kind(who, followed, history, estimate)

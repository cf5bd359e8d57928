"""What a model streams is taken in by one place, for the loop and for a repair alike."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest

from agent.errors import BudgetSpent, ProviderFailed
from agent.events import (
    Base,
    BytesLeft,
    ModelRetried,
    Notice,
    Prefill,
    Sampled,
    TextDelta,
    ThinkingDelta,
)
from agent.messages import AssistantMessage, Message, Usage, UserMessage
from agent.models.base import (
    Chunk,
    ModelRequest,
    NoticeChunk,
    PrefillChunk,
    ReplyChunk,
    RetryChunk,
    SentChunk,
    SpentChunk,
    TextChunk,
    ThinkingChunk,
)
from agent.repair.asking import Asking, Question
from agent.replies import Replies
from tools.base import ToolSchema

BEFORE: list[Chunk] = [
    SentChunk("a.test", 10),
    SpentChunk(Usage(input=5, cost=0.5)),
    RetryChunk("503", 2, 1.5),
    SentChunk("a.test", 10),
]
REPLY = ReplyChunk(AssistantMessage(text="Yes."), Usage(input=7, output=3, cost=0.25))
WHOLE = [
    *BEFORE,
    PrefillChunk(1, 2),
    ThinkingChunk("Hm."),
    TextChunk("Yes."),
    NoticeChunk("a price", "a hint"),
    REPLY,
]
TOLD: list[Base] = [
    BytesLeft(to="a.test", count=10),
    ModelRetried(reason="503", retry=2, seconds=1.5),
    BytesLeft(to="a.test", count=10),
    Prefill(done=1, total=2),
]
ASK = ModelRequest((UserMessage(text="?"),))


class Streaming:
    """A model that only streams, as remote ones do; what comes after a list is its error."""

    name, context_window, local, small, host = "streaming", 1000, False, False, "a.test"

    def __init__(self, *streams: Sequence[Chunk], error: Exception | None = None) -> None:
        self._streams = list(streams)
        self._error = error
        self.requests: list[ModelRequest] = []

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        return 1

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        for chunk in self._streams.pop(0) if self._streams else ():
            yield chunk
        if self._error is not None and not self._streams:
            raise self._error

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_every_chunk_is_an_event_or_a_sum() -> None:
    events: list[Base] = []
    replies = Replies(events.append)
    assert await replies.ask(Streaming(WHOLE), ASK) is REPLY
    words: list[Base] = [ThinkingDelta(text="Hm."), TextDelta(text="Yes.")]
    assert events == [*TOLD, *words, Notice(text="a price", hint="a hint")]
    assert replies.usage == Usage(input=12, output=3, cost=0.75) and replies.retrying == ""


async def test_what_is_known_stands_after_an_error_too() -> None:
    events: list[Base] = []
    replies = Replies(events.append)
    with pytest.raises(ProviderFailed):
        await replies.ask(Streaming(BEFORE, error=ProviderFailed("503")), ASK)
    assert events == TOLD[:3]
    assert (replies.usage, replies.retrying) == (Usage(input=5, cost=0.5), "503")


QUESTION = Question((UserMessage(text="?"),), "def f():", 10)


async def test_a_repair_tells_the_same_but_for_the_words() -> None:
    events: list[Base] = []
    asking = Asking(Streaming(WHOLE), events.append, 0, 2, Usage(input=100))
    assert await asking.answers(QUESTION) == ["Yes."]
    used = Usage(input=12, output=3, cost=0.75)
    told = [*TOLD, Notice(text="a price", hint="a hint")]
    assert events[:-1] == told
    sampled = events[-1]
    assert isinstance(sampled, Sampled) and sampled.asked is not None
    assert (sampled.texts, sampled.usage, sampled.request) == (("Yes.",), used, 1)
    assert (sampled.messages, sampled.prefill) == (QUESTION.messages, ""), "nothing was begun"
    assert (sampled.asked.reach, sampled.asked.host) == ("elsewhere", "a.test")
    assert asking.used == Usage(input=112, output=3, cost=0.75) and asking.retrying == ""


async def test_a_repair_knows_what_it_used_after_an_error_too() -> None:
    asking = Asking(Streaming(BEFORE, error=ProviderFailed("503")), lambda event: None, 0, 2)
    with pytest.raises(ProviderFailed):
        await asking.answers(QUESTION)
    assert (asking.used, asking.retrying) == (Usage(input=5, cost=0.5), "503")


async def test_what_was_paid_for_is_tried_when_the_budget_ends_between_two_samples() -> None:
    class Spent(Streaming):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
            if len(self.requests) == 2:
                raise BudgetSpent("the limit of $1 was reached")
            async for chunk in super().stream(request):
                yield chunk

    asking = Asking(Spent([REPLY], [REPLY]), lambda event: None, 0, 2)
    assert await asking.answers(QUESTION, samples=4) == ["Yes.", "Yes."]
    with pytest.raises(BudgetSpent):
        await asking.answers(QUESTION)

"""What the tests of remote models share: one server, one child for each dialect, one question."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fault_server
from fault_server import Answer, Asked, Call, FaultServer

from agent.errors import ModelError
from agent.messages import Message, SystemMessage, UserMessage
from agent.models.base import Chunk, ModelRequest, ReplyChunk, RetryChunk, TextChunk
from agent.models.litellm import LiteLlm
from agent.models.providers import Key
from agent.models.retrying import Pace
from tools.base import ToolSchema

KEY = "sk-not-to-be-seen-4711"
READ = ToolSchema(
    name="read",
    description="Show a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
    },
)
ASK: tuple[Message, ...] = (SystemMessage(text="Be brief."), UserMessage(text="What is in a.py?"))
# seconds for what takes minutes in earnest
QUICK = Pace(
    base=0.01,
    cap=0.02,
    tries=3,
    within=5,
    first=0.9,
    first_local=0.9,
    tokens_a_second=1e6,
    between=0.8,
    fruitless=1.2,
)
ARGUMENTS = '{"path": "a.py"}'


@dataclass(frozen=True)
class Dialect:
    """A provider, and how a reply is written in its way."""

    name: str
    base: str
    write: Callable[..., bytes]
    thinking: str

    def reply(
        self,
        text: Sequence[str] = (),
        calls: Sequence[Call] = (),
        thinking: Sequence[str] = (),
        **more: Any,
    ) -> bytes:
        return self.write(text, calls, **{self.thinking: thinking}, **more)

    def answer(self, *text: str, **more: Any) -> Answer:
        return Answer(self.reply(text or ("All ", "done."), **more))


OPENAI = Dialect("openai/gpt-4o", "/v1", fault_server.openai, "reasoning")
ANTHROPIC = Dialect("anthropic/claude-sonnet-4-20250514", "", fault_server.anthropic, "thinking")


@dataclass
class Said:
    """What came of one request."""

    chunks: list[Chunk]
    error: ModelError | None
    asked: list[Asked]

    @property
    def reply(self) -> ReplyChunk:
        assert self.error is None, (self.error.message, self.chunks)
        last = self.chunks[-1]
        assert isinstance(last, ReplyChunk)
        return last

    @property
    def arguments(self) -> list[dict[str, Any]]:
        return [call.arguments for call in self.reply.message.calls]

    @property
    def retries(self) -> list[str]:
        return [chunk.reason for chunk in self.chunks if isinstance(chunk, RetryChunk)]

    @property
    def shown(self) -> str:
        """The text that a face shows: what was streamed and not voided."""
        text = ""
        for chunk in self.chunks:
            match chunk:
                case TextChunk(text=more):
                    text += more
                case RetryChunk():
                    text = ""
        return text


@dataclass
class Talk:
    """A model, and the server that it talks to."""

    dialect: Dialect
    server: FaultServer
    model: LiteLlm

    async def ask(
        self,
        *answers: Answer,
        messages: Sequence[Message] = ASK,
        tools: tuple[ToolSchema, ...] = (READ,),
        **more: Any,
    ) -> Said:
        self.server.answers = list(answers)
        self.server.requests = []
        chunks: list[Chunk] = []
        error: ModelError | None = None
        try:
            request = ModelRequest(tuple(messages), tools, **more)
            async with contextlib.aclosing(self.model.stream(request)) as stream:
                async for chunk in stream:
                    chunks.append(chunk)
        except ModelError as caught:
            error = caught
        return Said(chunks, error, self.server.requests)

    def reply(self, *text: str, **more: Any) -> bytes:
        return self.dialect.reply(text, **more)

    def answer(self, *text: str, **more: Any) -> Answer:
        return self.dialect.answer(*text, **more)


@contextlib.asynccontextmanager
async def talking(
    dialect: Dialect,
    *,
    host: str = "127.0.0.1",
    pace: Pace = QUICK,
    tls: ssl.SSLContext | None = None,
    **more: Any,
) -> AsyncIterator[Talk]:
    scheme = "https" if tls else "http"
    async with fault_server.serving(tls=tls) as server:
        server.about = more.pop("about", {})
        model = LiteLlm(
            more.pop("name", dialect.name),
            api_base=f"{scheme}://{host}:{more.pop('port', server.port)}{dialect.base}",
            key_for=lambda provider: Key(KEY, "a test"),
            pace=pace,
            **more,
        )
        try:
            await model.start()
            yield Talk(dialect, server, model)
        finally:
            await model.close()


def children() -> set[int]:
    """Return the processes that this one has started."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= set(map(int, (task / "children").read_text().split()))
    return found


def calls(*arguments: str, name: str = "read", size: int = 7) -> list[Call]:
    """Return calls with these arguments, in fragments, each with an id of its own."""
    return [
        Call(name, fault_server.cut(text, size), f"call_{number}")
        for number, text in enumerate(arguments)
    ]


def halves(data: bytes) -> Iterator[int]:
    """Return the places between the events of a stream."""
    at = data.find(b"\n\n")
    while at >= 0:
        yield at + 2
        at = data.find(b"\n\n", at + 2)

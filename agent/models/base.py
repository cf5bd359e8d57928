"""What a model is to the rest of the program.

`Model` streams replies; `LocalModel` also samples and scores, which the repair ladder stands on.
A request holds the whole conversation: a model keeps nothing between requests but caches.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agent.messages import AssistantMessage, Message, Usage
from tools.base import Frozen, Named, ToolSchema

Groups = tuple[tuple[str, ...], ...]

BLIND = "leave --image out, or choose a model that sees with --model"  # a hint


@dataclass(frozen=True, slots=True)
class FileText:
    """A file that the conversation is about: what of it can be quoted, and what is defined in it.

    `texts` are parts of it as it is now. `quoted` was replaced in it: a model that does so again
    says that it is done.
    """

    path: str
    texts: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What calls can name, by kind, in groups, of which one may belong to several kinds.

    Where a kind has any names, a call can name no others. Of the files in `texts` a call can quote
    nothing that is not in them.
    """

    names: Mapping[Named, Groups] = field(default_factory=dict)
    texts: tuple[FileText, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request: the conversation so far and what the reply may use.

    With a `schema`, a JSON schema, the reply is to be one JSON value in that form. The tools are
    then those of the requests before it, so that the prompt still begins as theirs did; with
    `words` too, where the reply is to be words to the user and no call. `known`
    returns what the calls may name; it is for engines that hold a reply to a grammar, and may take
    a part of a second, so it is called in a thread.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    max_tokens: int | None = None
    temperature: float = 0.0
    seed: int = 0
    schema: Mapping[str, Any] | None = None
    effort: int = 2  # 0 to 4: how much thinking
    known: Callable[[], Known] | None = None
    words: bool = False
    barred: frozenset[str] = (
        frozenset()
    )  # tools that the prompt tells of and the reply may not call

    @property
    def usable(self) -> tuple[ToolSchema, ...]:
        """The tools that the reply may call; an answer in a form may look like a call."""
        if self.words or self.schema is not None:
            return ()
        return tuple(tool for tool in self.tools if tool.name not in self.barred)


@dataclass(frozen=True, slots=True)
class TextChunk:
    """More of the reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingChunk:
    """More of the model's reasoning, where it shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """How much of the prompt has been read, in tokens."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RetryChunk:
    """The model failed and is asked again in `seconds`; text streamed so far is void."""

    reason: str
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReplyChunk:
    """The end of every stream: the whole reply, and what it used.

    `problem` says what was wrong with a call that could not be read, and the shape expected; the
    loop gives it back to the model.
    """

    message: AssistantMessage
    usage: Usage
    stop: Literal["end", "length"] = "end"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SpentChunk:
    """What an attempt used that came to nothing."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A request left this machine: how many bytes of it, and to which host."""

    to: str
    count: int


@dataclass(frozen=True, slots=True)
class NoticeChunk:
    """Something the user should know of this model."""

    text: str
    hint: str = ""


Chunk = (
    TextChunk
    | ThinkingChunk
    | PrefillChunk
    | RetryChunk
    | SpentChunk
    | SentChunk
    | NoticeChunk
    | ReplyChunk
)


class Sample(Frozen):
    """One continuation. `logprob` is the mean over its tokens, in nats."""

    text: str
    tokens: int = 0
    logprob: float = 0.0
    stop: Literal["end", "length", "stopped"] = "end"


class Fork(Frozen):
    """A place in a text where the model would go on otherwise.

    The first `at` characters of the text come before it, `piece` is what would follow them, and
    `logprob` its log-probability there, in nats; `before` is that of the way there.
    """

    at: int
    piece: str
    logprob: float
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Ask for continuations of one prefix.

    `prefill` is the start of the reply, already written; samples continue it and do not repeat it.
    A sample ends at the first of `stop` (not included), at the model's own end or at `max_tokens`.
    `draft` is a text that the samples may well repeat in part: it makes them cheaper, never other.
    """

    messages: tuple[Message, ...]
    prefill: str = ""
    n: int = 1
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""  # Lark, as llguidance reads it; empty for none
    draft: str = ""


class Model(Protocol):
    """A model that holds a conversation.

    `stream` ends with exactly one ReplyChunk, or raises ModelError. Closing the iterator, or
    cancelling the task that reads it, stops the model within a second.
    """

    name: str
    context_window: int  # tokens, read from the server or the file, never guessed
    local: bool  # whether nothing leaves this machine
    small: bool  # whether it is told of fewer tools, and of less of each
    sees: bool | None  # pictures; None where nobody knows, or not before it was started
    host: str  # who is sent what the model is asked, empty where nobody is

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Return how many tokens a request with these would be, or a near upper estimate."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Stream a reply; raises only ModelError."""
        ...

    async def start(self) -> None:
        """Begin what takes long, such as loading; optional, and safe to call twice.

        Raises ModelError, as the first request would.
        """
        ...

    async def close(self) -> None:
        """End whatever runs for it."""
        ...


@runtime_checkable
class LocalModel(Model, Protocol):
    """A model that can be asked for many continuations of one prefix, and for probabilities."""

    used: Usage  # by all requests so far
    tell: Callable[[str], None]  # hears what a user should know of a request while it lasts

    async def sample(self, request: SampleRequest) -> list[Sample]:
        """Return `n` samples, fewer only when cancelled; raises only ModelError."""
        ...

    async def score(
        self, messages: Sequence[Message], prefill: str, continuations: Sequence[str]
    ) -> list[float]:
        """Return the log-probability, in nats, of each continuation of the prefix."""
        ...

    async def forks(
        self, messages: Sequence[Message], prefill: str, text: str, top: int
    ) -> list[Fork]:
        """Return where the model would leave a text that follows the prefix.

        For each of its tokens the `top` likeliest others; raises only ModelError.
        """
        ...

    async def complete(self, request: SampleRequest, starts: Sequence[str]) -> list[Sample]:
        """Continue each of several starts that follow the request's prefix; in their order.

        Greedily, whatever the request says, and without a grammar. A sample does not repeat its
        start. Raises only ModelError.
        """
        ...

"""A model whose replies stand in a file: for tests, demos and bug reports.

The file is a YAML list, one item for each reply:

```yaml
- say: I will look.
  calls:
    - read: {path: a.py}
- think: short
  say: Done.
- samples: ["return 1", "return 2"]   # answers one request of LocalModel.sample or .complete
- scores: [-1.5, -0.2]                # answers one request of LocalModel.score
- forks: [{at: 7, piece: "1", logprob: -0.5}]   # answers one request of LocalModel.forks
- fails: the server is gone   # in place of any reply
```
A first item `remote: HOST` makes it stand for a model at that host, which can only be talked to;
nothing is ever sent there. `script_parts` tells what else may stand between replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator

from agent.errors import ModelUnusable, ProviderFailed
from agent.messages import AssistantMessage, Message, Usage, UserMessage, last_call
from agent.models.base import (
    Chunk,
    Fork,
    ModelRequest,
    ReplyChunk,
    Sample,
    SampleRequest,
    TextChunk,
)
from agent.models.base import ThinkingChunk as Thinking
from agent.models.estimate import IMAGE
from agent.models.script_parts import chosen, split
from tools.base import Frozen, ToolCall, ToolSchema

WINDOW = 8192  # tokens
BYTES_PER_TOKEN = 4  # a scripted model has no tokenizer; its counts are only ever estimates


class Reply(Frozen):
    """One item of the file."""

    say: str = ""
    think: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    samples: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None
    forks: tuple[Fork, ...] | None = None
    problem: str = ""
    fails: str = ""  # why the model cannot answer, for now
    pause: float = Field(default=0.0, ge=0)  # seconds before the reply, cancellable

    @field_validator("calls", mode="before")
    @classmethod
    def _one_name_each(cls, value: object) -> object:
        if not isinstance(value, list):
            raise ValueError("`calls` is a list of {tool: arguments}")
        pairs: list[tuple[object, object]] = []
        for item in value:
            if not isinstance(item, dict) or len(item) != 1:
                raise ValueError("each call is one `tool: {arguments}`")
            pairs.extend(item.items())
        return [(name, arguments or {}) for name, arguments in pairs]


class Script:
    """Answers with the replies of a script, in order; raises ModelUnusable when they run out."""

    local = True
    small = False
    sees: bool | None = True
    host = ""

    def __init__(self, replies: Sequence[Reply], name: str = "scripted", window: int = WINDOW):
        self.name = name
        self.context_window = window
        self._replies = list(replies)
        self.used = Usage()
        self.tell: Callable[[str], None] = lambda text: None
        self._next = 0
        self._calls = 0
        self.requests: list[ModelRequest | SampleRequest] = []

    @classmethod
    def of(cls, items: object, name: str = "scripted", window: int = WINDOW) -> Self:
        """Make a model of plain data, as the file would hold it."""
        if not isinstance(items, list):
            raise ModelUnusable(f"{name} is not a list of replies")
        replies = []
        for number, item in enumerate(items, 1):
            try:
                replies.append(Reply.model_validate(item))
            except ValidationError as error:
                what = error.errors()[0]
                where = ".".join(str(part) for part in what["loc"])
                reason = what["msg"].removeprefix("Value error, ")
                message = f"{name}, reply {number}, {where or 'item'}: {reason}"
                raise ModelUnusable(message) from error
        return cls(replies, name, window)

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Estimate from bytes; each text is counted once, so it costs no rendering."""
        size = sum(_size(message) for message in messages)
        size += sum(len(tool.description) + 20 * len(tool.parameters) for tool in tools)
        return size // BYTES_PER_TOKEN

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the next reply word by word."""
        self.requests.append(request)
        reply = self._take(
            lambda reply: reply.samples is None and reply.scores is None and reply.forks is None,
            "a reply",
        )
        await asyncio.sleep(reply.pause)
        if reply.fails:
            raise ProviderFailed(reply.fails)
        if reply.think:
            yield Thinking(reply.think)
        for line in reply.say.splitlines(keepends=True):
            yield TextChunk(line)
            await asyncio.sleep(0)
        calls = []
        # another model may have made some before: an id is used once in a conversation
        self._calls = max(self._calls, last_call(request.messages))
        for name, arguments in reply.calls:
            self._calls += 1
            calls.append(ToolCall(id=f"c{self._calls}", name=name, arguments=arguments))
        message = AssistantMessage(text=reply.say, thinking=reply.think, calls=tuple(calls))
        usage = Usage(
            input=self.count(request.messages, request.tools),
            output=_size(message) // BYTES_PER_TOKEN,
        )
        self.used += usage
        yield ReplyChunk(message, usage, problem=reply.problem)

    async def start(self) -> None:
        """Nothing takes long."""

    async def close(self) -> None:
        """Nothing runs for it."""

    def _take(self, fits: Any, what: str) -> Reply:
        if self._next >= len(self._replies):
            raise ModelUnusable(f"{self.name} has no reply left after {self._next}")
        reply = self._replies[self._next]
        if not fits(reply):
            raise ModelUnusable(f"{self.name}, reply {self._next + 1}: {what} asked for, not there")
        self._next += 1
        return reply


class ScriptedModel(Script):
    """A script whose model can be sampled too, as one in an engine of ours."""

    async def sample(self, request: SampleRequest) -> list[Sample]:
        """Answer with the next item of `samples`, cut to `n`."""
        self.requests.append(request)
        reply = self._take(lambda reply: reply.samples is not None or reply.fails, "samples")
        await asyncio.sleep(reply.pause)
        if reply.fails:
            raise ProviderFailed(reply.fails)
        texts = (reply.samples or ())[: request.n]
        found = [Sample(text=text, tokens=len(text) // BYTES_PER_TOKEN) for text in texts]
        written = sum(each.tokens for each in found)
        self.used += Usage(input=self.count(request.messages, ()), output=written)
        return found

    async def score(
        self, messages: Sequence[Message], prefill: str, continuations: Sequence[str]
    ) -> list[float]:
        """Answer with the next item if it is `scores`, else with zeros: most scripts have none."""
        if self._next >= len(self._replies) or self._replies[self._next].scores is None:
            return [0.0] * len(continuations)
        reply = self._take(lambda reply: True, "scores")
        if len(reply.scores or ()) != len(continuations):
            raise ModelUnusable(f"{self.name}: {len(continuations)} scores were asked for")
        return list(reply.scores or ())

    async def forks(
        self, messages: Sequence[Message], prefill: str, text: str, top: int
    ) -> list[Fork]:
        """Answer with the next item if it is `forks`, else with none: most scripts have none."""
        if self._next >= len(self._replies) or self._replies[self._next].forks is None:
            return []
        return list(self._take(lambda reply: True, "forks").forks or ())

    async def complete(self, request: SampleRequest, starts: Sequence[str]) -> list[Sample]:
        """Answer with the next item of `samples`, one for each start."""
        found = await self.sample(replace(request, n=len(starts)))
        if len(found) != len(starts):
            raise ModelUnusable(f"{self.name}: {len(starts)} samples were asked for")
        return found


def load(named: str, window: int | None = None) -> ScriptedModel | Script:
    """Read a script, or a part of it, of a model here or elsewhere.

    Without a `window` that of the script counts. Raises ModelUnusable, naming file and item.
    """
    path, turn, by = split(named)
    name = f"scripted:{named}"
    part, items = chosen(_items(path), name, turn, by)
    kind = Script if part.remote or part.served else ScriptedModel
    model = kind.of(items, name, window or part.window or WINDOW)
    model.local, model.host, model.small = not part.remote, part.remote, part.small
    return model


def _items(path: Path) -> object:
    try:
        return _read(path.read_text(encoding="utf-8")) or []
    except OSError as error:
        raise ModelUnusable(f"cannot read the script {path}: {error.strerror}") from error
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise ModelUnusable(f"{path} is not YAML: {first}") from error


def _read(text: str) -> object:
    """Return what a YAML text holds; raises ValueError."""
    with contextlib.suppress(ValueError):  # a script by a program is JSON, which is read at once
        return json.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _size(message: Message) -> int:
    size = len(message.text) + 8
    if isinstance(message, UserMessage):
        size += len(message.images) * IMAGE * BYTES_PER_TOKEN
    if isinstance(message, AssistantMessage):
        size += sum(len(call.name) + len(str(call.arguments)) for call in message.calls)
    return size

"""Taking in what a model streams: chunks become events, and the reply is what is left.

The loop asks for replies through here, and so does the repair; what left the machine, what was used
and why a model is asked again is told in the same way by both.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from agent.events import (
    BytesLeft,
    Emit,
    ModelRetried,
    Notice,
    Prefill,
    TextDelta,
    ThinkingDelta,
)
from agent.messages import Usage
from agent.models.base import (
    Model,
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


@dataclass
class Replies:
    """The replies to a piece of work; what they came to stands here, after an error too.

    `aloud` shows the words as they come, which belong to a step. `retrying` says why a model is
    being asked again; it stands only until it has answered.
    """

    emit: Emit
    aloud: bool = True
    usage: Usage = field(default_factory=Usage)
    retrying: str = ""

    async def ask(self, model: Model, request: ModelRequest) -> ReplyChunk:
        """Return the whole reply; raises ModelError."""
        reply: ReplyChunk | None = None
        async with contextlib.aclosing(model.stream(request)) as chunks:
            async for chunk in chunks:
                match chunk:
                    case TextChunk(text=text):
                        if self.aloud:
                            self.emit(TextDelta(text=text))
                    case ThinkingChunk(text=text):
                        if self.aloud:
                            self.emit(ThinkingDelta(text=text))
                    case PrefillChunk(done=done, total=total):
                        self.emit(Prefill(done=done, total=total))
                    case RetryChunk(reason=reason, attempt=attempt, seconds=seconds):
                        self.retrying = reason
                        self.emit(ModelRetried(reason=reason, retry=attempt, seconds=seconds))
                    case SentChunk(to=to, count=count):
                        self.emit(BytesLeft(to=to, count=count))
                    case SpentChunk(usage=usage):
                        self.usage += usage
                    case NoticeChunk(text=text, hint=hint):
                        self.emit(Notice(text=text, hint=hint))
                    case ReplyChunk():
                        reply = chunk
        assert reply is not None, "a stream ends with its reply"
        self.retrying = ""
        self.usage += reply.usage
        return reply

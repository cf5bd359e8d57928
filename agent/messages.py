"""What the model reads and writes, in a form that no provider owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tools.base import Frozen, ToolCall


class SystemMessage(Frozen):
    """The fixed instructions; always first, never changed within a session."""

    role: Literal["system"] = "system"
    text: str


class Image(Frozen):
    """A picture, as base64."""

    media_type: str
    data: str


class UserMessage(Frozen):
    """Words of the user, or of the harness where `by` says so.

    `origin` says where a part came from that neither the user nor the project wrote.
    """

    role: Literal["user"] = "user"
    text: str
    images: tuple[Image, ...] = ()
    by: Literal["user", "harness"] = "user"
    origin: str = ""


class AssistantMessage(Frozen):
    """One reply. `calls` are well-formed, whatever the model wrote.

    `tokens` are the ids that a local model sampled, so that the next request can start with exactly
    these; empty where the text alone is known. `raw` is the reply as it was written, calls and all,
    where that differs from `text`. `replay` is what only its provider understands and wants back
    unchanged, such as signed reasoning.
    """

    role: Literal["assistant"] = "assistant"
    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    raw: str = ""
    tokens: tuple[int, ...] = ()
    replay: dict[str, Any] = Field(default_factory=dict)


class ToolMessage(Frozen):
    """What a call returned; `origin` as the result has it."""

    role: Literal["tool"] = "tool"
    call_id: str
    name: str
    text: str
    ok: bool = True
    origin: str = ""


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


def last_call(messages: Sequence[Message]) -> int:
    """Return the highest number of the calls that we named (`c1`, `c2`, …), 0 without any.

    Not how many there are: a compaction takes the oldest away, and no name may be given again.
    """
    calls = (c.id for each in messages if isinstance(each, AssistantMessage) for c in each.calls)
    numbers = (each[1:] for each in calls if each[:1] == "c")
    return max((int(each) for each in numbers if each.isdecimal()), default=0)


class Usage(Frozen):
    """Tokens of one request or of many; `cached` is the part of `input` that was not read again.

    `cost` is in US dollars, `bytes_out` counts what left this machine.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    cost: float = 0.0
    bytes_out: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
            cost=self.cost + other.cost,
            bytes_out=self.bytes_out + other.bytes_out,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input - other.input,
            cached=self.cached - other.cached,
            output=self.output - other.output,
            cost=self.cost - other.cost,
            bytes_out=self.bytes_out - other.bytes_out,
        )

    @property
    def total(self) -> int:
        """Tokens that were read anew or written: what a limit on tokens counts."""
        return self.input - self.cached + self.output

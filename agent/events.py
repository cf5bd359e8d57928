"""What happened: one union of facts, read by the faces, the log and the tests.

```
SessionStarted  SessionResumed*
  StanceTaken  ModelNamed
  TurnStarted
    StepStarted
      (ThinkingDelta | TextDelta | Prefill | ModelRetried | BytesLeft)*  MessageFinished
      ( ToolRequested  CallDecided  [ApprovalAsked  ApprovalAnswered]
          [ToolStarted  ToolOutput*]  ToolFinished )*
    PhaseStarted  CandidatesScreened  CheckStarted  CheckFinished
    AttemptStarted  (StepStarted …)*  PhaseStarted  CheckStarted  CheckFinished  AttemptFinished
  TurnFinished
  MemoryKept
```
Every event carries `seq` and `time`, which the session sets as it emits; events between the start
and the end of an attempt carry its number, and are no part of the session's own conversation. Steps
are counted over the whole turn, calls named within their attempt. The union is open for new
variants, never for changed ones. Deltas, progress and `Result` are not logged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from agent.asked import Asked
from agent.attempts import AttemptFinished as AttemptFinished
from agent.attempts import AttemptStarted as AttemptStarted
from agent.attempts import CandidatesScreened as CandidatesScreened
from agent.attempts import CheckFinished as CheckFinished
from agent.attempts import CheckStarted as CheckStarted
from agent.attempts import Forked as Forked
from agent.attempts import Phase as Phase
from agent.attempts import PhaseStarted as PhaseStarted
from agent.attempts import Sampled as Sampled
from agent.attempts import Scored as Scored
from agent.called import QuestionAnswered as QuestionAnswered
from agent.called import QuestionAsked as QuestionAsked
from agent.called import ToolFinished as ToolFinished
from agent.called import ToolOutput as ToolOutput
from agent.called import ToolRequested as ToolRequested
from agent.called import ToolStarted as ToolStarted
from agent.decisions import ApprovalAnswered as ApprovalAnswered
from agent.decisions import ApprovalAsked as ApprovalAsked
from agent.decisions import CallDecided as CallDecided
from agent.decisions import StanceTaken as StanceTaken
from agent.fact import Base as Base
from agent.json_lines import as_line as as_line
from agent.messages import AssistantMessage, Image, Usage
from agent.opening import SCHEMA as SCHEMA
from agent.opening import MemoryKept as MemoryKept
from agent.opening import ModelNamed as ModelNamed
from agent.opening import SessionResumed as SessionResumed
from agent.opening import SessionStarted as SessionStarted
from agent.policy import Autonomy
from agent.proof import Strength as Strength
from agent.proof import Tally as Tally
from agent.proof import Verification as Verification
from agent.requested import Requested
from sandbox.base import Containment

Outcome = Literal["done", "unverified", "blocked", "limit", "cancelled", "failed"]


class TurnStarted(Base):
    """The user, or the harness for them, asked for something."""

    type: Literal["turn_started"] = "turn_started"
    prompt: str
    # of a `check` the model is told by the next one, of a `compact` only by what it did
    kind: Literal["run", "fix", "check", "compact"] = "run"
    context: str = ""  # what the harness found in the repository for it; the model reads both
    images: tuple[Image, ...] = ()
    origin: str = ""  # of parts of the two that the user did not write, a line for each source
    form: dict[str, Any] | None = None  # the schema of the answer, where one was given


class StepStarted(Base):
    """The model is asked; `step` counts from 1 within the turn."""

    type: Literal["step_started"] = "step_started"
    step: int


class ThinkingDelta(Base):
    """More of the model's reasoning."""

    type: Literal["thinking_delta"] = "thinking_delta"
    text: str


class TextDelta(Base):
    """More of the model's text."""

    type: Literal["text_delta"] = "text_delta"
    text: str


class Prefill(Base):
    """How many tokens of the prompt the model has read."""

    type: Literal["prefill"] = "prefill"
    done: int
    total: int


class ModelRetried(Base):
    """The model failed and is asked again; deltas of this step so far are void."""

    type: Literal["model_retried"] = "model_retried"
    reason: str
    retry: int
    seconds: float


class MessageFinished(Base):
    """The model's whole reply, and what was wrong with a call in it that could not be read.

    `stop` says whether it was cut off, `asked` is who replied, where it is not who answered before,
    `request` what it was asked for with.
    """

    type: Literal["message_finished"] = "message_finished"
    message: AssistantMessage
    usage: Usage
    problem: str = ""
    stop: Literal["end", "length"] = "end"
    asked: Asked | None = None
    request: Requested | None = None


class SummaryGiven(Base):
    """What the model said when it was asked to sum up; nothing where that failed.

    It is logged for whoever replays the model. What the conversation took of it, and what it used,
    stands in the HistoryCompacted behind it, if there is one.
    """

    type: Literal["summary_given"] = "summary_given"
    text: str
    asked: Asked | None = None


class HarnessSpoke(Base):
    """A message of the harness to the model: a nudge, the failure of a check."""

    type: Literal["harness_spoke"] = "harness_spoke"
    text: str


class InstructionsTold(Base):
    """The model was told the project's instructions for files that it works on: `path` has them.

    `text` is all that the model reads, `tokens` about what it costs.
    """

    type: Literal["instructions_told"] = "instructions_told"
    path: str
    text: str
    tokens: int


class CheckpointMade(Base):
    """A restorable picture of the working tree was taken."""

    type: Literal["checkpoint_made"] = "checkpoint_made"
    id: str
    files: int
    left_out: tuple[str, ...] = ()


class Rewound(Base):
    """The working tree went back to a checkpoint; `backup` is how it was before."""

    type: Literal["rewound"] = "rewound"
    id: str
    backup: str
    files: tuple[str, ...] = ()


class HistoryCompacted(Base):
    """Room was made in the conversation; `before` and `after` are its tokens, as estimated.

    Observations were replaced by what they were (`masked` are the ids of their calls), or the
    oldest `replaced` messages behind the system prompt by `text`. `usage` is what a model used that
    summed them up.
    """

    type: Literal["history_compacted"] = "history_compacted"
    masked: tuple[str, ...] = ()
    replaced: int = 0
    text: str = ""
    before: int
    after: int
    usage: Usage = Field(default_factory=Usage)


class AutonomyChanged(Base):
    """The slider moved."""

    type: Literal["autonomy_changed"] = "autonomy_changed"
    autonomy: Autonomy


class EffortChanged(Base):
    """The effort knob moved."""

    type: Literal["effort_changed"] = "effort_changed"
    effort: int


class PromptQueued(Base):
    """The user typed ahead."""

    type: Literal["prompt_queued"] = "prompt_queued"
    prompt: str


class PromptTaken(Base):
    """What was typed ahead has joined the turn: the model reads it before its next step."""

    type: Literal["prompt_taken"] = "prompt_taken"
    prompt: str
    context: str = ""  # what it mentions
    origin: str = ""  # as a turn has it


class BytesLeft(Base):
    """Bytes left this machine, to whom."""

    type: Literal["bytes_left"] = "bytes_left"
    to: str
    count: int


class Notice(Base):
    """Something the user should know; `hint` is what to type."""

    type: Literal["notice"] = "notice"
    text: str
    hint: str = ""


class Ending(Base):
    """What a turn came to, as its last event and its result both say it."""

    outcome: Outcome
    exit_code: int = 0
    text: str = ""
    structured: Any = None  # the answer in the form asked for; `text` is then the same, or empty
    error: str = ""
    hint: str = ""
    verification: Verification = Field(default_factory=Verification)
    usage: Usage = Field(default_factory=Usage)
    steps: int = 0


class TurnFinished(Ending):
    """The end of a turn, reached in every way it can end."""

    type: Literal["turn_finished"] = "turn_finished"
    changed: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()


class Result(Ending):
    """The last line of `stream-json`, and all of `json`; printed, never logged."""

    type: Literal["result"] = "result"
    files_changed: tuple[str, ...] = ()
    diff: str = ""
    session: str = ""
    model: str = ""
    containment: Containment = Containment.NONE
    containment_features: tuple[str, ...] = ()  # what the live test saw held
    containment_why_not: str = ""  # FULL; empty when it is
    permission_denials: tuple[str, ...] = ()
    seconds: float = 0.0
    attempts: int = 0
    bytes_left: dict[str, int] = Field(default_factory=dict)  # by host
    escalated: str = ""  # the strong model that took over
    online_calls: int = 0  # that were allowed the network; what they sent is not counted


Event = Annotated[
    SessionStarted
    | StanceTaken
    | SessionResumed
    | ModelNamed
    | MemoryKept
    | TurnStarted
    | StepStarted
    | ThinkingDelta
    | TextDelta
    | Prefill
    | ModelRetried
    | MessageFinished
    | SummaryGiven
    | HarnessSpoke
    | InstructionsTold
    | ToolRequested
    | CallDecided
    | ApprovalAsked
    | ApprovalAnswered
    | QuestionAsked
    | QuestionAnswered
    | ToolStarted
    | ToolOutput
    | ToolFinished
    | PhaseStarted
    | CheckStarted
    | CheckFinished
    | CandidatesScreened
    | AttemptStarted
    | AttemptFinished
    | Sampled
    | Scored
    | Forked
    | CheckpointMade
    | Rewound
    | HistoryCompacted
    | AutonomyChanged
    | EffortChanged
    | PromptQueued
    | PromptTaken
    | BytesLeft
    | Notice
    | TurnFinished
    | Result,
    Field(discriminator="type"),
]

UNLOGGED = (ThinkingDelta, TextDelta, Prefill, ToolOutput, Result)

Emit = Callable[[Base], None]
Ahead = Callable[[], AsyncIterator[PromptTaken]]
"""Takes what the user typed ahead, one after the other."""
Ask = Callable[[ApprovalAsked], Awaitable[ApprovalAnswered]]


async def nothing_ahead() -> AsyncIterator[PromptTaken]:
    """Take nothing, where nobody types."""
    for each in tuple[PromptTaken, ...]():
        yield each


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Event)


def parse(line: str | bytes) -> Event:
    """Read one JSON line; raises pydantic's ValidationError."""
    return _adapter().validate_json(line)

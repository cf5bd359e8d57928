"""The events of a call: asked for, decided, perhaps asked about, started, finished."""

from __future__ import annotations

from typing import Literal

from agent.fact import Base
from agent.policy import Grant, Taint, Verdict
from sandbox.base import Containment
from tools.base import Effect, Preview, ToolCall, ToolResult


class ToolRequested(Base):
    """A call was asked for; closed by exactly one ToolFinished."""

    type: Literal["tool_requested"] = "tool_requested"
    call: ToolCall
    by: Literal["model", "user", "harness"] = "model"


class CallDecided(Base):
    """What the policy said of a call, and why."""

    type: Literal["call_decided"] = "call_decided"
    call_id: str
    effects: tuple[Effect, ...]
    verdict: Verdict
    reason: str
    containment: Containment
    taint: Taint | None = None


class ApprovalAsked(Base):
    """A person is asked to approve a call."""

    type: Literal["approval_asked"] = "approval_asked"
    call_id: str
    effects: tuple[Effect, ...]
    reason: str
    preview: Preview


class ApprovalAnswered(Base):
    """The answer; `feedback` is the person's word to the model."""

    type: Literal["approval_answered"] = "approval_answered"
    call_id: str
    approved: bool
    by: Literal["user", "slider", "edit", "headless", "script"]
    grant: Grant | None = None
    feedback: str = ""


class QuestionAsked(Base):
    """The model asks the user something."""

    type: Literal["question_asked"] = "question_asked"
    question: str
    choices: tuple[str, ...] = ()


class QuestionAnswered(Base):
    """What the user said; None when nobody was there."""

    type: Literal["question_answered"] = "question_answered"
    answer: str | None


class ToolStarted(Base):
    """An allowed call begins."""

    type: Literal["tool_started"] = "tool_started"
    call_id: str


class ToolOutput(Base):
    """Live output of a call."""

    type: Literal["tool_output"] = "tool_output"
    call_id: str
    text: str


class ToolFinished(Base):
    """What became of a call, refused and cancelled ones included."""

    type: Literal["tool_finished"] = "tool_finished"
    call_id: str
    result: ToolResult

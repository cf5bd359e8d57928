"""The events of a call: asked for, started, finished; `decisions` has what comes between."""

from __future__ import annotations

from typing import Literal

from agent.fact import Base
from tools.base import ToolCall, ToolResult


class ToolRequested(Base):
    """A call was asked for; closed by exactly one ToolFinished."""

    type: Literal["tool_requested"] = "tool_requested"
    call: ToolCall
    by: Literal["model", "user", "harness"] = "model"


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

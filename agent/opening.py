"""How a session opens, and what it leaves for the next opening.

`SessionStarted` is the first line of every log; `SessionResumed` stands wherever another process
went on with it, or a fork began. What a reader of an earlier version does not know of these it may
pass over: what was said and done is in other events.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agent.fact import Base
from agent.policy import Autonomy
from sandbox.base import Containment
from tools.base import PlanItem

SCHEMA = 1  # of the log; a reader refuses a newer one


class SessionStarted(Base):
    """The first line of every log."""

    type: Literal["session_started"] = "session_started"
    schema_version: int = SCHEMA
    id: str
    cwd: str
    model: str
    autonomy: Autonomy
    effort: int
    containment: Containment
    system: str = ""  # the system prompt, so that a resume starts with the same prefix
    version: str = ""  # of wisp
    commit: str = ""  # that the tree stood on, where it is a git repository
    settings: dict[str, Any] = Field(default_factory=dict)  # that are not as they come


class SessionResumed(Base):
    """The conversation goes on; `forked_from` is the session whose events stand before this."""

    type: Literal["session_resumed"] = "session_resumed"
    id: str
    cwd: str
    model: str
    autonomy: Autonomy
    effort: int
    containment: Containment
    turns: int  # before this
    forked_from: str = ""
    system: str = ""  # where there was none so far: a repair has none of its own
    version: str = ""  # of wisp
    commit: str = ""  # that the tree stood on, where it is a git repository
    settings: dict[str, Any] = Field(default_factory=dict)  # that are not as they come


class ModelNamed(Base):
    """By what the model was asked for, so that the next opening can ask for the same."""

    type: Literal["model_named"] = "model_named"
    model: str
    api_base: str = ""


class MemoryKept(Base):
    """What the tools remember at the end of a turn.

    `seen` has for each file the hash of what the model last saw or wrote.
    """

    type: Literal["memory_kept"] = "memory_kept"
    seen: dict[str, str]
    directory: str = "."
    plan: tuple[PlanItem, ...] = ()

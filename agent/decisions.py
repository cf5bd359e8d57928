"""Facts about approval: what the policy said of a call, who was asked, and the answer."""

from __future__ import annotations

from typing import Any, Literal, Self

from agent.fact import Base
from agent.grants import Grant
from agent.policy import Autonomy, Stance, Taint, Verdict
from sandbox.base import Containment
from tools.base import Effect, Preview


class StanceTaken(Base):
    """What the policy stands on from here, so that every decision can be made again.

    `lifted` is a person's `--sandbox=off`, `grants` are rules as they are written and `sources`
    where each was given, `opened` the tools whose network the user's settings have laid down.
    """

    type: Literal["stance_taken"] = "stance_taken"
    autonomy: Autonomy
    containment: Containment
    lifted: bool = False
    grants: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

    @classmethod
    def of(cls, stance: Stance) -> Self:
        """Return it as the log keeps it; taint is folded from the messages."""
        return cls(
            autonomy=stance.autonomy,
            containment=stance.containment,
            lifted=stance.lifted,
            grants=tuple(map(str, stance.grants)),
            sources=tuple(each.source for each in stance.grants),
            opened=tuple(sorted(stance.opened)),
        )


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
    """A person is asked to approve a call.

    `grant` is what they may choose to remember, where there is such a rule.
    """

    type: Literal["approval_asked"] = "approval_asked"
    call_id: str
    effects: tuple[Effect, ...]
    reason: str
    preview: Preview
    taint: Taint | None = None
    grant: Grant | None = None


class ApprovalAnswered(Base):
    """The answer; `feedback` is the person's word to the model, `grant` what they remember.

    `edited` are the arguments that they gave the call instead; it is then made anew, as theirs.
    """

    type: Literal["approval_answered"] = "approval_answered"
    call_id: str
    approved: bool
    by: Literal["user", "slider", "edit", "headless", "script"]
    grant: Grant | None = None
    feedback: str = ""
    edited: dict[str, Any] | None = None

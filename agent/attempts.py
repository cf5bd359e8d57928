"""The events of a repair: its phases, its attempts, the checks that decide, what was sampled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.asked import Asked
from agent.fact import Base
from agent.messages import Message, Usage

Phase = Literal["reproduce", "localise", "propose", "verify", "select"]
Verdict = Literal["verified", "failed", "regressed", "flaky", "refused", "not-run", "cancelled"]


class PhaseStarted(Base):
    """`fix` went on to its next phase."""

    type: Literal["phase_started"] = "phase_started"
    phase: Phase
    detail: str = ""


class CheckStarted(Base):
    """The harness runs a check; no `targets` means all of it."""

    type: Literal["check_started"] = "check_started"
    command: str
    targets: tuple[str, ...] = ()


class CheckFinished(Base):
    """What the check said; the newly passing and failing are against the baseline of the turn.

    `online` is whether the user's settings let it reach other machines; `notes` are the sandbox's.
    """

    type: Literal["check_finished"] = "check_finished"
    passed: int
    failed: int
    complete: bool
    newly_passing: tuple[str, ...] = ()
    newly_failing: tuple[str, ...] = ()
    seconds: float
    online: bool = False
    notes: tuple[str, ...] = ()


class CandidatesScreened(Base):
    """Many proposals were tried on the targets in one go; the rest of `tried` is not decided.

    It proves nothing: those that passed are still to be verified.
    """

    type: Literal["candidates_screened"] = "candidates_screened"
    tried: int
    passed: int
    failed: int
    seconds: float


class AttemptStarted(Base):
    """One try begins; `attempt` is its number, `detail` says what it is and where.

    `sample` is what it tries, where a model wrote that: the `request` of a Sampled, and the place
    of the answer in it, from 0.
    """

    type: Literal["attempt_started"] = "attempt_started"
    detail: str
    sample: tuple[int, int] | None = None


class AttemptFinished(Base):
    """How the try ended; `diff` is what it proposed.

    `passing` counts the failing tests that passed with it, of so many `targets`, None where no test
    was run; `newly_failing` are tests that passed without it.
    """

    type: Literal["attempt_finished"] = "attempt_finished"
    verdict: Verdict
    detail: str = ""
    diff: str = ""
    passing: int | None = None
    targets: int = 0
    newly_failing: tuple[str, ...] = ()


class Sampled(Base):
    """Answers to one request for samples, as a script can replay them.

    `request` counts the requests to one model in a turn, from 1. `prompt` is the digest of what was
    asked, and `messages` are that, where it was not asked before. Each answer followed `prefill`,
    and then its part of `starts`, if there are any: words that the harness wrote for the model.
    `asked` is who wrote the answers, where it is not who answered before.
    """

    type: Literal["sampled"] = "sampled"
    texts: tuple[str, ...]
    usage: Usage = Field(default_factory=Usage)
    request: int = 0
    messages: tuple[Message, ...] = ()
    prompt: str = ""
    prefill: str = ""
    starts: tuple[str, ...] = ()
    asked: Asked | None = None


class Scored(Base):
    """Answers to one request for scores; `asked` as a Sampled has it."""

    type: Literal["scored"] = "scored"
    scores: tuple[float, ...]
    asked: Asked | None = None


class Forked(Base):
    """Answer to one request for forks.

    Each is the characters before it, what follows, its log-probability and that of the way there.
    `asked` as a Sampled has it.
    """

    type: Literal["forked"] = "forked"
    forks: tuple[tuple[int, str, float, float], ...]
    asked: Asked | None = None

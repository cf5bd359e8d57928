"""The story of a session, as its JSON has it: plain data, each text and list within its bound.

`at` is seconds from the start of the turn. A list that is `cut` has its first and last items: cut
is behind how many of them some are missing, and how many. VERSION rises when a field goes or
changes its meaning, not when one comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.report.bounds import NO_NAMES, Names
from tools.shown import Shown

VERSION = 1
Cut = tuple[int, int]
Verdict = Literal["verified", "failed", "regressed", "flaky", "refused", "not-run", "cancelled", ""]
"""What an attempt came to; empty while it goes on."""


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens and money: read anew, read before, written; US dollars."""

    new: int = 0
    cached: int = 0
    written: int = 0
    cost: float = 0.0

    def __add__(self, other: Used) -> Used:
        return Used(
            self.new + other.new,
            self.cached + other.cached,
            self.written + other.written,
            self.cost + other.cost,
        )

    def less(self, other: Used) -> Used:
        """Return what of this is beyond the other."""
        return Used(
            max(0, self.new - other.new),
            max(0, self.cached - other.cached),
            max(0, self.written - other.written),
            max(0.0, self.cost - other.cost),
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What requests to a model used; they are counted from 1, and `what` names a single one."""

    first: int
    last: int
    what: str
    used: Used


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a prompt; `data` is base64, empty where it is left out."""

    media_type: str
    bytes: int
    data: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tests ended how."""

    passed: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What the harness saw of the checks before and after; fields as `Verification` has them."""

    verified: bool
    strength: str
    reason: str
    commands: Names
    targets: Names
    before: Counts | None
    after: Counts | None
    newly_passing: Names
    newly_failing: Names
    runs: int
    seconds: float
    in_place: bool
    rivals: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy said of a call and why, and what a person said where one was asked."""

    verdict: str
    reason: str
    effects: tuple[str, ...]
    containment: str
    taint: str  # where the text came from that neither the user nor the project wrote
    asked: bool = False
    approved: bool | None = None
    by: str = ""
    feedback: str = ""
    remembered: str = ""  # the rule that the person chose to keep
    edited: bool = False  # they gave the call other arguments


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool; `state` is open where no end is known."""

    at: float
    attempt: int | None
    name: str
    by: str
    arguments: tuple[tuple[str, str], ...]
    state: Literal["done", "failed", "refused", "open"] = "open"
    summary: str = ""
    output: str = ""
    diff: str = ""  # unless it is among those of the turn
    shown: int = 0  # which of the turn's diffs it is, from 1
    drew: int = 0  # which of what the turn showed it is, from 1
    changed: Names = NO_NAMES
    origin: str = ""
    seconds: float = 0.0
    decision: Decision | None = None
    kind: Literal["call"] = "call"


@dataclass(frozen=True, slots=True)
class Reply:
    """The model was asked: for a step, or for samples, scores or forks by a repair."""

    at: float
    attempt: int | None
    what: str
    text: str = ""
    thinking: str = ""
    used: Used | None = None
    seconds: float = 0.0
    kind: Literal["reply"] = "reply"


@dataclass(frozen=True, slots=True)
class Phase:
    """A repair went on to its next phase."""

    at: float
    attempt: int | None
    phase: str
    detail: str
    kind: Literal["phase"] = "phase"


@dataclass(frozen=True, slots=True)
class Check:
    """The harness ran a check; `counts` is None where no end is known."""

    at: float
    attempt: int | None
    command: str
    targets: Names
    counts: Counts | None = None
    complete: bool = False
    newly_passing: Names = NO_NAMES
    newly_failing: Names = NO_NAMES
    seconds: float = 0.0
    online: bool = False
    notes: Names = NO_NAMES
    kind: Literal["check"] = "check"


@dataclass(frozen=True, slots=True)
class Screen:
    """Many proposals were tried in one go; it decides, and proves nothing."""

    at: float
    attempt: int | None
    tried: int
    passed: int
    failed: int
    seconds: float
    kind: Literal["screen"] = "screen"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a repair; what follows it with its number belongs to it."""

    at: float
    attempt: int | None
    detail: str
    verdict: Verdict = ""
    why: str = ""
    diff: str = ""
    seconds: float = 0.0
    kind: Literal["attempt"] = "attempt"


@dataclass(frozen=True, slots=True)
class Note:
    """Something else that happened; `about` says what kind of thing."""

    at: float
    attempt: int | None
    about: str
    text: str
    more: str = ""
    kind: Literal["note"] = "note"


Entry = Call | Reply | Phase | Check | Screen | Attempt | Note


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt in the list of all."""

    number: int
    at: float
    seconds: float
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What one call changed."""

    paths: Names
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """From a prompt to the agent's rest; `outcome` is `open` where no end is known."""

    number: int
    asked: str  # the kind of turn: run, fix, check, compact
    prompt: str
    origin: str
    context: str
    pictures: tuple[Picture, ...]
    started: float
    seconds: float
    outcome: str
    exit_code: int
    answer: str
    error: str
    hint: str
    proof: Proof
    changed: Names
    denials: Names
    used: Used
    diffs: tuple[Diff, ...]
    diffs_left_out: int
    drawn: tuple[Shown, ...]  # what the model showed, as the tool made it
    drawn_left_out: int
    attempts: tuple[Tried, ...]
    attempts_cut: Cut
    rewound: int  # how often files were put back, or on again, after its end
    verdicts: dict[str, int]  # how many of all attempts came to what
    timeline: tuple[Entry, ...]
    timeline_cut: Cut


@dataclass(frozen=True, slots=True)
class Decided:
    """Calls that were decided alike; `answer` is who approved or declined, where one was asked."""

    verdict: str
    answer: str
    reason: str
    containment: str
    taint: str
    calls: int
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the session is; models, levels and containments are all that it had, in order."""

    id: str
    forked_from: str
    cwd: str
    models: Names
    addresses: Names  # where remote models were asked for
    levels: Names
    containments: Names
    effort: int
    grants: Names  # that counted from the start of a process
    lifted: bool  # a person let commands run without containment
    started: float  # seconds since the epoch
    seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over everything, also over what is left out of the lists."""

    events: int
    turns: int
    requests: int
    calls: int
    denied: int
    attempts: int
    checks: int
    used: Used
    bytes_left: dict[str, int]  # by host
    hosts_left_out: int
    online: int  # calls and checks that had the network; what they sent is not counted


@dataclass(frozen=True, slots=True)
class Story:
    """A session, as a reader wants to know it."""

    version: int
    opening: Opening
    turns: tuple[Turn, ...]
    turns_cut: Cut
    between: tuple[Entry, ...]  # what happened outside of turns; `at` from the session's start
    between_cut: Cut
    decisions: tuple[Decided, ...]
    decisions_left_out: int  # calls
    requests: tuple[Request, ...]
    totals: Totals
    damage: Names  # places of the log that could not be read

    @property
    def last(self) -> Turn | None:
        """The turn whose result is that of the session."""
        return self.turns[-1] if self.turns else None

"""May it? One table, read by a pure function; what can be done is the sandbox's question.

The strictest verdict over a call's effects wins. Grants turn *ask* into *allow*, never *deny*.
More autonomy never allows less: a property test holds that over the whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from sandbox.base import Containment
from tools.base import Effect, Frozen, ToolCall
from tools.commands import plain_words


class Autonomy(IntEnum):
    """The slider."""

    OBSERVE = 0
    ASK = 1
    EDIT = 2
    RUN = 3
    FULL = 4


class Verdict(StrEnum):
    """What becomes of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Cell(StrEnum):
    """What the table says before containment is looked at."""

    ALLOW = "allow"
    CONTAINED = "allow if contained, else ask"
    ASK = "ask"
    DENY = "deny"


A, C, K, D = Cell.ALLOW, Cell.CONTAINED, Cell.ASK, Cell.DENY
EFFECTS = tuple(Effect)  # the columns, in order
TABLE: dict[Autonomy, tuple[Cell, ...]] = {
    #                  READ EDIT EXECUTE NETWORK OUTSIDE DESTROY
    Autonomy.OBSERVE: (A, D, D, D, D, D),
    Autonomy.ASK: (A, K, K, K, K, K),
    Autonomy.EDIT: (A, A, K, K, K, K),
    Autonomy.RUN: (A, A, C, K, K, K),
    Autonomy.FULL: (A, A, A, A, A, K),
}

AFTER_TAINT = frozenset({Effect.NETWORK, Effect.OUTSIDE, Effect.DESTROY})


class Taint(Frozen):
    """Text that neither the user nor the project wrote has entered the context."""

    source: str
    text: str


class Grant(Frozen):
    """An approval that the user chose to remember: `tool`, and how its command must start.

    An empty `prefix` covers every call of the tool. `examples` are calls that it must cover; a
    grant that does not cover its own examples is refused when it is loaded.
    """

    tool: str
    prefix: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def covers(self, call: ToolCall) -> bool:
        """Whether the call is of this kind; a command that is not one plain command never is."""
        if call.name != self.tool:
            return False
        if not self.prefix:
            return True
        command: Any = call.arguments.get("command", "")
        words = plain_words(command) if isinstance(command, str) else None
        return words is not None and words[: len(self.prefix)] == self.prefix


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one call, and the sentence that explains it."""

    verdict: Verdict
    reason: str
    containment: Containment
    taint: Taint | None = None


@dataclass(slots=True)
class Stance:
    """Where the session stands; `Decide` closes over it, so a move of the slider acts at once.

    `lifted` is a person's `--sandbox=off` on the command line: what runs uncontained then is what
    they accepted. `network_off` says whether the sandbox keeps commands off the network, which
    REDUCED needs in order to count as contained.
    """

    autonomy: Autonomy
    containment: Containment
    network_off: bool = True
    lifted: bool = False
    grants: Sequence[Grant] = ()
    taint: Taint | None = None

    @property
    def contained(self) -> bool:
        """FULL, or REDUCED with the network off."""
        if self.containment is Containment.REDUCED:
            return self.network_off
        return self.containment is Containment.FULL


Decide = Callable[[ToolCall, frozenset[Effect]], Decision]

_ORDER = (Verdict.ALLOW, Verdict.ASK, Verdict.DENY)


def cell(autonomy: Autonomy, effect: Effect) -> Cell:
    """Look up the table."""
    return TABLE[autonomy][EFFECTS.index(effect)]


def verdict_for(effect: Effect, stance: Stance) -> Verdict:
    """Return what the table says of one effect, containment and taint included, grants not."""
    found = cell(stance.autonomy, effect)
    if found is Cell.DENY:
        return Verdict.DENY
    if found is Cell.ASK:
        return Verdict.ASK
    if effect is Effect.EXECUTE and not (stance.contained or stance.lifted):
        return Verdict.ASK
    if effect in AFTER_TAINT and stance.taint is not None:
        return Verdict.ASK
    return Verdict.ALLOW


def decide(call: ToolCall, effects: frozenset[Effect], stance: Stance) -> Decision:
    """Decide one call: the strictest verdict over its effects, and why."""
    ordered = sorted(effects, key=EFFECTS.index)
    verdicts = {effect: verdict_for(effect, stance) for effect in ordered}
    strictest = max(verdicts.values(), key=_ORDER.index, default=Verdict.ALLOW)
    level = stance.autonomy
    because = [effect for effect, verdict in verdicts.items() if verdict is strictest]
    names = " and ".join(because)
    tainted = stance.taint if stance.taint and AFTER_TAINT & effects else None
    if strictest is Verdict.ASK and tainted is None:
        for grant in stance.grants:
            if grant.covers(call):
                words = " ".join((grant.tool, *grant.prefix))
                return Decision(Verdict.ALLOW, f"you allowed `{words}`", stance.containment)
    if strictest is Verdict.ALLOW:
        reason = f"level {level.name} allows {' and '.join(ordered) or 'it'}"
    elif strictest is Verdict.DENY:
        reason = f"level {level.name} denies {names}"
    elif tainted is not None and any(cell(level, effect) is not Cell.ASK for effect in because):
        reason = f"text from {tainted.source} was read, so {names} is asked"
    elif any(cell(level, effect) is not Cell.ASK for effect in because):
        reason = f"level {level.name} asks before {names} when nothing contains it"
    else:
        reason = f"level {level.name} asks before {names}"
    reason += f" (table, row {int(level)})"
    return Decision(strictest, reason, stance.containment, tainted)

"""May it? One table, read by a pure function; what can be done is the sandbox's question.

The strictest verdict over a call's effects wins. Grants turn *ask* into *allow*, never *deny*.
More autonomy never allows less: a property test holds that over the whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from agent.grants import Grant as Grant
from agent.grants import covering
from sandbox.base import Containment
from tools.base import Effect, Frozen, ToolCall


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
    REDUCED needs in order to count as contained. `opened` names the tools whose network the user's
    settings have laid down: that is no longer asked, but after taint.
    """

    autonomy: Autonomy
    containment: Containment
    network_off: bool = True
    lifted: bool = False
    grants: Sequence[Grant] = ()
    taint: Taint | None = None
    opened: frozenset[str] = frozenset()

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
    if call.name in stance.opened and stance.taint is None:
        verdicts = {
            effect: Verdict.ALLOW if (effect, verdict) == (Effect.NETWORK, Verdict.ASK) else verdict
            for effect, verdict in verdicts.items()
        }
    strictest = max(verdicts.values(), key=_ORDER.index, default=Verdict.ALLOW)
    tainted = stance.taint if AFTER_TAINT & effects else None
    because = [effect for effect, verdict in verdicts.items() if verdict is strictest]
    reason = _why(strictest, because, stance)
    if strictest is Verdict.ASK and (grants := covering(stance.grants, call, effects)):
        allowed = "you allowed " + " and ".join(map(_told, grants))
        if tainted is None:
            return Decision(Verdict.ALLOW, allowed, stance.containment)
        reason += f"; {allowed}, but not after text from {tainted.source}"
    reason += f" (table, row {int(stance.autonomy)})"
    return Decision(strictest, reason, stance.containment, tainted)


def _why(verdict: Verdict, effects: Sequence[Effect], stance: Stance) -> str:
    """Return why these effects got this verdict, as a sentence without its end."""
    level = f"level {stance.autonomy.name}"
    if verdict is Verdict.ALLOW:
        return f"{level} allows {' and '.join(effects) or 'it'}"
    if verdict is Verdict.DENY:
        return f"{level} denies {' and '.join(effects)}"
    by_table = [effect for effect in effects if cell(stance.autonomy, effect) is Cell.ASK]
    others = [effect for effect in effects if effect not in by_table]
    reasons = [f"{level} asks before {' and '.join(by_table)}"] if by_table else []
    if Effect.EXECUTE in others:
        reasons.append(f"{level} asks before EXECUTE when nothing contains it")
    if after_taint := [effect for effect in others if effect is not Effect.EXECUTE]:
        source = stance.taint.source if stance.taint else "elsewhere"
        names = " and ".join(after_taint)
        reasons.append(f"text from {source} was read, so {level} asks before {names}")
    return "; ".join(reasons)


def _told(grant: Grant) -> str:
    return f"`{grant}`" + (f" ({grant.source})" if grant.source else "")


def as_markdown() -> str:
    """Return the table as documents show it; a test holds them to it."""
    rows = [["", *EFFECTS], ["---"] * (len(EFFECTS) + 1)]
    rows += [[f"{int(level)} {level.name}", *TABLE[level]] for level in Autonomy]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)

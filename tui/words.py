"""Words for the policy: what a notch of the slider allows here, made from the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rich.cells import cell_len, set_cell_size

from agent.grants import ARGUMENT
from agent.policy import EFFECTS, Autonomy, Cell, Stance, Taint, Verdict, cell, verdict_for
from agent.terminal import inert
from sandbox.base import Containment
from tools.base import Effect, ToolCall

NAMES: Mapping[Effect, str] = {
    Effect.READ: "reads",
    Effect.EDIT: "edits",
    Effect.EXECUTE: "commands",
    Effect.NETWORK: "network",
    Effect.OUTSIDE: "outside",
    Effect.DESTROY: "destroy",
}
_SINGULAR = ([Effect.NETWORK], [Effect.OUTSIDE], [Effect.DESTROY])
# what a containment is called at the end of the slider's line, long and short
SANDBOX: Mapping[Containment, tuple[str, str]] = {
    Containment.FULL: ("▣ FULL sandbox", "▣ FULL"),
    Containment.REDUCED: ("◧ REDUCED sandbox", "◧ REDUCED"),
    Containment.NONE: ("▢ NONE: no sandbox", "▢ NONE"),
}
SHORT = {Cell.ALLOW: "allow", Cell.CONTAINED: "allow*", Cell.ASK: "ask", Cell.DENY: "deny"}


def notch(stance: Stance) -> tuple[str, ...]:
    """Return what the slider's notch does here and what would still ask, the longest form first."""
    verdicts = {effect: verdict_for(effect, stance) for effect in EFFECTS}
    by = {verdict: [each for each in EFFECTS if verdicts[each] is verdict] for verdict in Verdict}
    allowed, asked = _allowed(by[Verdict.ALLOW], stance), by[Verdict.ASK]
    brief = _allowed(by[Verdict.ALLOW], None)
    if not asked:
        return (f"{allowed}; everything else is denied", f"{brief}; the rest is denied")
    long, short = _because(asked, stance)
    most = f"{_named(asked)} {'asks' if asked in _SINGULAR else 'ask'}"
    if len(asked) == len(EFFECTS) - 1:
        most = "everything else asks"
    others = f"everything else runs; {most}" if len(asked) == 1 else f"{allowed}; the rest asks"
    forms = [f"{allowed}; {most}{long}", f"{others}{long}"]
    forms += [f"{brief}; the rest asks{end}" for end in (short, "")]
    forms += [f"{brief.replace(' and ', ', ')}; rest asks{end}" for end in (short, "")]
    return tuple(sorted(dict.fromkeys(forms), key=len, reverse=True))


def _allowed(effects: Sequence[Effect], stance: Stance | None) -> str:
    """Return what runs unasked; reading is said only where nothing else is there."""
    said = dict(NAMES)
    if stance is not None and cell(stance.autonomy, Effect.EXECUTE) is not Cell.DENY:
        said[Effect.EXECUTE] = f"{'contained' if stance.contained else 'uncontained'} commands"
    others = [each for each in effects if each is not Effect.READ]
    return f"{_and(said[each] for each in others)} run" if others else "reads"


def _because(asked: Sequence[Effect], stance: Stance) -> tuple[str, str]:
    """Return why more asks than the table alone would have it, long and short, or nothing."""
    beyond = [each for each in asked if cell(stance.autonomy, each) is not Cell.ASK]
    reasons = []
    if Effect.EXECUTE in beyond:
        if stance.containment is Containment.NONE:
            reasons.append(("nothing contains commands", "no sandbox"))
        else:
            reasons.append(("commands have the network", "network not held"))
    if stance.taint is not None and set(beyond) - {Effect.EXECUTE}:
        reasons.append((f"text from {source(stance.taint)} was read", "foreign text"))
    long, short = (
        (" and ".join(form) for form in zip(*reasons, strict=True)) if reasons else ("", "")
    )
    return (f": {long}", f": {short}") if reasons else ("", "")


def source(taint: Taint) -> str:
    """Return where foreign text came from, on one short line."""
    return clip(inert(" ".join(taint.source.split())), 32)


def holds(stance: Stance) -> tuple[str, str]:
    """Return what contains commands, as a long and as a short mark."""
    if stance.lifted and stance.containment is Containment.NONE:
        return ("▢ NONE: sandbox off", "▢ OFF")
    return SANDBOX[stance.containment]


def verdict_at(effects: Iterable[Effect], stance: Stance, level: Autonomy) -> Verdict:
    """Return what another level would say of a call with these effects, rules not counted."""
    order = tuple(Verdict)
    there = replace(stance, autonomy=level)
    return max((verdict_for(each, there) for each in effects), key=order.index, default=order[0])


def allowing(effects: Iterable[Effect], stance: Stance) -> Autonomy | None:
    """Return the lowest level that allows a call with these effects without a question."""
    wanted = tuple(effects)
    fit = (each for each in Autonomy if verdict_at(wanted, stance, each) is Verdict.ALLOW)
    return next(fit, None)


def beyond_reading(effects: Iterable[Effect]) -> str:
    """Return the effects of a call as the table names them, `READ` only where it is alone."""
    ordered = sorted(effects, key=EFFECTS.index)
    return " + ".join(each for each in ordered if each is not Effect.READ) or Effect.READ.value


def target(call: ToolCall) -> str:
    """Return what a call is about, on one line: its path, command, address or pattern."""
    given = call.arguments.get(ARGUMENT.get(call.name, "path"))
    return inert(" ".join(given.split())) if isinstance(given, str) else ""


def clip(text: str, width: int) -> str:
    """Return text cut to so many cells, an ellipsis at its end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]


def count(number: int) -> str:
    """Return a count as a meter says it: `840`, `2.1k`, `131k`, `1.2M`."""
    if number < 1000:
        return str(number)
    for unit, size in (("k", 1e3), ("M", 1e6)):
        value = number / size
        if value < 9.95:
            return f"{value:.1f}".removesuffix(".0") + unit
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{number / 1e9:.1f}G"


def clock(seconds: float) -> str:
    """Return a duration as a clock says it: `00:41`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def size(count: int) -> str:
    """Return a number of bytes: `840 B`, `12.4 kB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def _named(effects: Iterable[Effect]) -> str:
    return _and(NAMES[each] for each in effects)


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last

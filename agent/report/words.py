"""The words of a report, the same in every drawing."""

from __future__ import annotations

from datetime import UTC, datetime

from agent import ledger
from agent.report.bounds import Names
from agent.report.story import Call, Check, Counts, Decision, Opening, Proof, Totals, Turn, Used

Tone = str  # good, bad, warm or quiet
# by the outcome of a turn: a sign, its tone, what it means
OUTCOMES: dict[str, tuple[str, Tone, str]] = {
    "done": ("✓", "good", "done"),
    "unverified": ("?", "warm", "changed, but not verified"),
    "blocked": ("⊘", "bad", "blocked: an approval was missing"),
    "limit": ("-", "warm", "a limit was reached"),
    "cancelled": ("-", "warm", "cancelled"),
    "failed": ("✗", "bad", "failed"),
    "open": ("●", "quiet", "not ended: it goes on, or was cut off"),
}
# what a proof of each strength stands on, where there is one
STRENGTHS = {
    "tests": "single tests of the project's own",
    "exit-status": "the check has only an exit status",
    "self-written": "only a test that was written in this turn proves it",
}
STATES: dict[str, tuple[str, Tone]] = {
    "done": ("✓", "good"),
    "failed": ("✗", "bad"),
    "refused": ("⊘", "bad"),
    "open": ("●", "quiet"),
}


def outcome(turn: Turn) -> tuple[str, Tone, str]:
    """Return the sign of how a turn ended, its tone, and the words."""
    sign, tone, words = OUTCOMES.get(turn.outcome, OUTCOMES["failed"])
    if turn.outcome == "done":
        if turn.proof.verified:
            words = "done, and verified"
        elif not turn.changed.items:
            words = "done, nothing was changed"
    return sign, tone, words


def afterwards(turn: Turn) -> str:
    """Return what was done to the files after a turn; empty for nothing."""
    if not turn.rewound:
        return ""
    times = plural(turn.rewound, "time")
    return f"files were put back, or on again, {times}: they may not be as told here"


def counts(told: Counts | None) -> str:
    """Return how many tests ended how."""
    if told is None:
        return "not known"
    skipped = f", {told.skipped:,} skipped" if told.skipped else ""
    return f"{told.passed:,} passed, {told.failed:,} failed{skipped}"


def checked(check: Check) -> str:
    """Return what a check came to."""
    if check.counts is None:
        return "no end is known"
    cut = "" if check.complete else ", cut off"
    online = ", with the network" if check.online else ""
    return f"{counts(check.counts)}{cut}{online}"


def rivalled(proof: Proof) -> str:
    """Return what other changes say of the proof; empty without any."""
    if not proof.rivals:
        return ""
    others = "another change passes" if proof.rivals == 1 else f"{proof.rivals:,} others pass"
    return f"{others} the failing tests too: they leave it open which is right"


def decided(decision: Decision) -> str:
    """Return a decision as a line."""
    answer = ""
    if decision.asked:
        answer = f", {'approved' if decision.approved else 'declined'} by {decision.by or '?'}"
    edited = ", with other arguments" if decision.edited else ""
    return f"{decision.verdict}{answer}{edited}: {because(decision.reason, decision.taint)}"


def because(reason: str, taint: str) -> str:
    """Return a reason, and whose text had been read where it does not say so itself."""
    return reason if not taint or taint in reason else f"{reason}; after text from {taint}"


def called(call: Call) -> str:
    """Return a call as one line."""
    return " ".join([call.name, *(f"{name}={brief(value)}" for name, value in call.arguments)])


def brief(text: str, most: int = 50) -> str:
    """Return the first words of a text as a line."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def used(told: Used) -> str:
    """Return tokens and money as a line."""
    read = told.new + told.cached
    cost = f", ${told.cost:,.4f}" if told.cost else ""
    return f"{read:,} tokens read ({told.cached:,} from cache), {told.written:,} written{cost}"


def left(totals: Totals) -> str:
    """Return what left the machine."""
    return ledger.told(totals.bytes_left, totals.online)


def holds(opening: Opening) -> str:
    """Return what contained commands."""
    lifted = "; a person let commands run without it" if opening.lifted else ""
    return f"{listed(opening.containments)}{lifted}"


def listed(names: Names, between: str = ", ") -> str:
    """Return names as text, and how many more there are."""
    more = (f"and {names.left_out:,} more",) if names.left_out else ()
    return between.join((*names.items, *more))


def seconds(told: float) -> str:
    """Return how long something took."""
    if told < 10:
        return f"{told:.1f} s"
    minutes, rest = divmod(round(told), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def when(time: float) -> str:
    """Return a time as people write it, in UTC; empty where a log says none that there can be."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC" if time else ""
    except (ValueError, OverflowError, OSError):
        return ""


def plural(number: int, noun: str) -> str:
    """Return a number with its noun."""
    if number == 1:
        return f"{number:,} {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{number:,} {noun}s"

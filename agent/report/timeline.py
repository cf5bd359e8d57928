"""The timeline of a turn as a list: a line for each thing that happened, opened for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from agent.report import charts, words
from agent.report.markup import Html, element, joined
from agent.report.parts import block, code, diff, facts, listed, opens, said, toned, with_gap
from agent.report.story import (
    Attempt,
    Call,
    Check,
    Cut,
    Decision,
    Entry,
    Note,
    Phase,
    Reply,
    Screen,
)

_SHORT, _LINES = 600, 10  # characters and lines of a reply that need not be opened


def timeline(entries: Sequence[Entry], cut: Cut, turn: int) -> Html:
    """Return what happened in a turn; 0 for what happened between turns."""
    items = [_entry(entry, turn) for entry in entries]
    return element("ol", with_gap(items, cut, "entry"), class_="timeline")


def _entry(entry: Entry, turn: int) -> Html:
    within = entry.attempt is not None and not isinstance(entry, Attempt)
    at = element("span", f"+{words.seconds(entry.at)}", class_="at")
    return element("li", at, _drawn(entry, turn), class_="within" if within else "")


def _drawn(entry: Entry, turn: int) -> Html:
    match entry:
        case Call():
            return _call(entry, turn)
        case Reply():
            return _reply(entry)
        case Phase(phase=phase, detail=detail):
            return joined(element("strong", phase), f": {detail}" if detail else "")
        case Check():
            return _check(entry)
        case Screen():
            told = f"{entry.passed:,} of {entry.tried:,} pass, {entry.failed:,} fail"
            return joined(f"screened: {told}, {words.seconds(entry.seconds)}")
        case Attempt():
            return _attempt(entry)
        case Note(about=about, text=text, more=more):
            head = joined(f"{about}: ", element("span", text, class_="said"))
            return opens(head, block(more, about)) if more else head


def _call(call: Call, turn: int) -> Html:
    sign, tone = words.STATES[call.state]
    by = "" if call.by == "model" else f" (by the {call.by})"
    first = next((value for _, value in call.arguments), "")
    brief = words.brief(first, 100)
    head = joined(
        toned(sign, tone, f"{call.state}: "),
        element("strong", call.name),
        by,
        " ",
        code(brief) if brief else "",
        f" {call.summary}" if call.summary else "",
    )
    place, drew = f"#change-{turn}-{call.shown}", f"#shown-{turn}-{call.drew}"
    return opens(
        head,
        _decision(call.decision),
        facts(
            [
                ("took", words.seconds(call.seconds) if call.state != "open" else ""),
                ("text from", call.origin),
                ("shown", element("a", "as a figure", href=drew) if call.drew else ""),
                ("diff", element("a", "among the changes", href=place) if call.shown else ""),
            ]
        ),
        [block(value, f"argument {name}") for name, value in _named(call)],
        joined("its answer", block(call.output, f"answer of {call.name}")) if call.output else None,
        diff(call.diff, "diff") if call.diff else None,
        listed(call.changed, "files"),
    )


def _named(call: Call) -> list[tuple[str, str]]:
    return [(name, f"{name}: {value}") for name, value in call.arguments]


def _decision(decision: Decision | None) -> Html:
    if decision is None:
        return element("p", "not decided")
    return facts(
        [
            ("decided", words.decided(decision)),
            ("would do", ", ".join(decision.effects)),
            ("containment", decision.containment),
            ("they said", decision.feedback),
            ("remembered", code(decision.remembered) if decision.remembered else ""),
        ]
    )


def _reply(reply: Reply) -> Html:
    took = f", {words.seconds(reply.seconds)}" if reply.seconds else ""
    spent = f", {words.used(reply.used)}" if reply.used else ""
    head = joined("model, ", element("strong", reply.what), took, spent)
    thought = opens("thought", said(reply.thinking)) if reply.thinking else None
    return joined(head, thought, _words(reply.text))


def _words(text: str) -> Html | None:
    """Return what the model said; much of it is opened."""
    if len(text) <= _SHORT and text.count("\n") <= _LINES:
        return said(text) if text else None
    return opens(words.brief(text, 100), said(text))


def _check(check: Check) -> Html:
    red = check.counts is None or check.counts.failed or not check.complete
    sign, tone = ("✗", "bad") if red else ("✓", "good")
    chosen = len(check.targets.items) + check.targets.left_out
    head = joined(
        "check: ",
        toned(sign, tone, words.checked(check)),
        f", {words.seconds(check.seconds)}",
        f", {words.plural(chosen, 'chosen test')}" if chosen else ", all tests",
    )
    return opens(
        head,
        facts(
            [
                ("command", code(check.command)),
                ("chosen", listed(check.targets, "tests")),
                ("pass now", listed(check.newly_passing, "tests")),
                ("fail now", listed(check.newly_failing, "tests")),
                ("notes", listed(check.notes, "notes")),
            ]
        ),
    )


def _attempt(attempt: Attempt) -> Html:
    word = charts.verdict(attempt.verdict)
    head = joined(
        charts.sign(attempt.verdict),
        element("strong", f"attempt {attempt.attempt}: {word}"),
        f", {attempt.why}" if attempt.why else "",
        f", {words.seconds(attempt.seconds)}",
    )
    told = element("p", attempt.detail)
    if not attempt.diff:
        return joined(head, f", {attempt.detail}" if attempt.detail else "")
    return opens(head, told, diff(attempt.diff, f"diff of attempt {attempt.attempt}"))

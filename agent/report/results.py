"""The result of a turn on the page: how it ended, the proof, what changed."""

from __future__ import annotations

from agent.report import words
from agent.report.markup import Html, element
from agent.report.parts import code, diff, facts, listed, opens, pictures, said, table, toned
from agent.report.story import Proof, Turn


def result(turn: Turn) -> list[object]:
    """Return how a turn ended, what was asked and answered, and the proof."""
    return [
        _outcome(turn),
        facts(
            [
                ("asked", _asked(turn)),
                ("answer", said(turn.answer) if turn.answer else ""),
                ("error", said(turn.error) if turn.error else ""),
                ("hint", code(turn.hint) if turn.hint else ""),
                (
                    "afterwards",
                    element("span", words.afterwards(turn), class_="warm") if turn.rewound else "",
                ),
                ("exit code", str(turn.exit_code) if turn.outcome != "open" else ""),
                ("took", words.seconds(turn.seconds)),
                ("used", words.used(turn.used)),
                ("refused", listed(turn.denials, "calls")),
            ]
        ),
        _proof(turn.proof),
    ]


def _outcome(turn: Turn) -> Html:
    return element("p", toned(*words.outcome(turn)), class_="outcome")


def _asked(turn: Turn) -> list[object]:
    told: list[object] = [said(turn.prompt) if turn.prompt else element("p", turn.asked)]
    if turn.origin:
        told.append(element("p", f"a part of it comes from {turn.origin}", class_="warm"))
    told += pictures(turn.pictures)
    if turn.context:
        told.append(opens("what the harness added", said(turn.context)))
    return told


def _proof(proof: Proof) -> list[object]:
    heading = element("h3", "Proof")
    if proof.after is None and proof.before is None:
        reason = proof.reason or "no check was run before and after"
        return [heading, element("p", f"None: {reason}")]
    rows = [
        [name, *([told.passed, told.failed, told.skipped] if told else ["not known", "", ""])]
        for name, told in (("before", proof.before), ("after", proof.after))
    ]
    runs = f"run {words.plural(proof.runs, 'time')}, {words.seconds(proof.seconds)}"
    return [
        heading,
        table(
            "What the harness itself saw of the checks",
            ["checks", "passed", "failed", "skipped"],
            rows,
            numbers=3,
        ),
        facts(
            [
                ("verified", "yes" if proof.verified else f"no: {proof.reason}"),
                ("strength", ": ".join((proof.strength, *_strength(proof)))),
                ("check", listed(proof.commands, "commands")),
                ("runs", runs),
                ("in", "the user's own tree, under a checkpoint" if proof.in_place else "a copy"),
                ("targets", listed(proof.targets, "tests")),
                ("pass now", listed(proof.newly_passing, "tests")),
                ("fail now", listed(proof.newly_failing, "tests")),
                ("rivals", words.rivalled(proof)),
            ]
        ),
    ]


def _strength(proof: Proof) -> tuple[str, ...]:
    told = words.STRENGTHS.get(proof.strength)
    return (told,) if told else ()


def changes(turn: Turn) -> list[object]:
    """Return what a turn changed, with the diffs that the session holds."""
    if not (turn.changed.items or turn.diffs):
        return [element("p", "Nothing was changed.")]
    told: list[object] = [listed(turn.changed, "files")]
    for number, each in enumerate(turn.diffs, 1):
        named = words.listed(each.paths) or f"change {number}"
        told.append(element("h3", named, id=f"change-{turn.number}-{number}"))
        told.append(diff(each.text, f"diff {number} of turn {turn.number}"))
    if turn.diffs_left_out:
        left = words.plural(turn.diffs_left_out, "more diff")
        told.append(element("p", f"{left} left out", class_="quiet"))
    if not turn.diffs:
        why = "The session holds no diff of it: a command made the change."
        told.append(element("p", why, class_="quiet"))
    return told

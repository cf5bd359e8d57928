"""A story as Markdown, as the summary of a CI job shows it: the result first, the rest to open.

Every text of the session stands as code, in a fence that it does not hold: what it says as
Markdown, HTML, a link or a name of somebody is none there.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.report import charts, words
from agent.report.bounds import Names
from agent.report.marks import block, code, table
from agent.report.mermaid import shown
from agent.report.story import Attempt, Call, Check, Entry, Note, Phase, Reply, Screen, Story, Turn

MARK = "<!-- a report of wisp -->"


def draw(story: Story) -> str:
    """Return the whole report."""
    last = story.last
    lines = [MARK, "", *(_result(last) if last else ["## Wisp: no turn was begun"])]
    lines += _others(story)
    for turn in story.turns:
        lines += shown(turn)
    for turn in story.turns:
        lines += _attempts(turn)
    lines += _decisions(story)
    lines += _usage(story)
    for turn in story.turns:
        lines += _folded(f"Timeline of turn {turn.number}", _timeline(turn))
    lines += _folded("Session", _session(story))
    return "\n".join(lines) + "\n"


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    gap = [""] if lines[0] else []
    return ["", "<details>", f"<summary>{title}</summary>", *gap, *lines, "", "</details>"]


def _names(names: Names) -> str:
    more = f" and {names.left_out:,} more" if names.left_out else ""
    return ", ".join(map(code, names.items)) + more


# -- the result


def _result(turn: Turn) -> list[str]:
    sign, _, told = words.outcome(turn)
    proof = turn.proof
    lines = [f"## {sign} Wisp: {told}", *block(turn.prompt or turn.asked)]
    lines += block(turn.answer) if turn.answer else []
    for name, text in (("Error", turn.error), ("Hint", turn.hint)):
        lines += ["", f"{name}: {code(text)}"] if text else []
    if proof.after or proof.before:
        rows = [
            [name, each.passed, each.failed, each.skipped] if each else [name, "not known", "", ""]
            for name, each in (("before", proof.before), ("after", proof.after))
        ]
        lines += table(["checks", "passed", "failed", "skipped"], rows)
    verdict = "verified" if proof.verified else f"not verified: {code(proof.reason) or 'no check'}"
    lines += ["", f"- Proof: {verdict}"]
    if proof.strength in words.STRENGTHS:
        lines.append(f"- Strength: {proof.strength}, {words.STRENGTHS[proof.strength]}")
    for name, names in (
        ("Check", proof.commands),
        ("Passes now", proof.newly_passing),
        ("Fails now", proof.newly_failing),
        ("Changed", turn.changed),
        ("Refused", turn.denials),
    ):
        lines += [f"- {name}: {_names(names)}"] if names.items else []
    lines += [f"- Afterwards: {words.afterwards(turn)}"] if turn.rewound else []
    lines += [f"- Rivals: {words.rivalled(proof)}"] if proof.rivals else []
    lines.append(f"- Used: {words.used(turn.used)}, {words.seconds(turn.seconds)}")
    diffs = [line for each in turn.diffs for line in block(each.text, "diff")]
    if turn.diffs_left_out:
        diffs.append(f"{words.plural(turn.diffs_left_out, 'more diff')} left out")
    return [*lines, *_folded("What changed", diffs)]


def _others(story: Story) -> list[str]:
    """Return a line for each turn, where there are several."""
    if len(story.turns) < 2:
        return []
    rows = [
        [each.number, each.asked, code(each.prompt[:80]), words.outcome(each)[2]]
        for each in story.turns
    ]
    _, missing = story.turns_cut
    note = ["", f"{words.plural(missing, 'turn')} in between left out"] if missing else []
    return [*table(["turn", "kind", "asked", "outcome"], rows), *note]


def _attempts(turn: Turn) -> list[str]:
    rows = [
        [each.number, charts.verdict(each.verdict), code(each.detail), words.seconds(each.seconds)]
        for each in turn.attempts
    ]
    _, missing = turn.attempts_cut
    note = ["", f"{words.plural(missing, 'attempt')} in between left out"] if missing else []
    counted = ", ".join(f"{count:,} {name}" for name, count in turn.verdicts.items())
    listed = table(["attempt", "verdict", "what", "took"], rows)
    return _folded(f"Attempts of turn {turn.number}: {counted}", [*listed, *note] if rows else [])


def _decisions(story: Story) -> list[str]:
    rows = [
        [each.verdict, each.answer, code(each.reason), code(each.taint), each.calls]
        for each in story.decisions
    ]
    total = story.totals
    title = f"Decisions: {words.plural(total.calls, 'call')}, {total.denied:,} refused"
    more = words.plural(story.decisions_left_out, "other call")
    note = ["", f"{more} left out"] if story.decisions_left_out else []
    listed = table(["verdict", "answer", "why", "after text from", "calls"], rows)
    return _folded(title, [*listed, *note])


def _usage(story: Story) -> list[str]:
    total = story.totals
    hosts = [f"{code(host)}: {count:,}" for host, count in total.bytes_left.items()]
    sent = f"{sum(total.bytes_left.values()):,} bytes left this machine" if hosts else ""
    online = f"; {words.plural(total.online, 'call')} used the network" if total.online else ""
    more = f", {total.hosts_left_out:,} more hosts" if total.hosts_left_out else ""
    told = f"{sent} ({', '.join(hosts)}{more})" if hosts else "nothing left this machine"
    return ["", f"In all: {words.used(total.used)}; {told}{online}."]


# -- what happened


def _timeline(turn: Turn) -> list[str]:
    lines = [f"- +{words.seconds(each.at)} {_line(each)}".rstrip() for each in turn.timeline]
    behind, missing = turn.timeline_cut
    if missing:
        lines.insert(behind, f"- … {words.plural(missing, 'entry')} left out here …")
    return lines


def _line(entry: Entry) -> str:
    match entry:
        case Call(state=state, summary=summary, decision=decision):
            told = f"{state}: {code(words.called(entry))} {code(summary)}"
            if decision is None or decision.verdict == "allow":  # as the table has it
                return told
            return f"{told}; {code(words.decided(decision))}"
        case Reply(what=what, used=spent, text=text):
            used = f", {words.used(spent)}" if spent else ""
            return f"model, {what}{used} {code(text[:200])}"
        case Phase(phase=phase, detail=detail):
            return f"{phase} {code(detail)}"
        case Check():
            return f"check: {words.checked(entry)}, {words.seconds(entry.seconds)}"
        case Screen():
            return f"screened: {entry.passed:,} of {entry.tried:,} pass, {entry.failed:,} fail"
        case Attempt(attempt=number, verdict=verdict, why=why):
            return f"attempt {number}: {charts.verdict(verdict)} {code(why)}"
        case Note(about=about, text=text):
            return f"{about}: {code(text[:300])}"


def _session(story: Story) -> list[str]:
    opening = story.opening
    rows = [
        ("session", code(opening.id)),
        ("fork of", code(opening.forked_from)),
        ("folder", code(opening.cwd)),
        ("model", _names(opening.models)),
        ("level", words.listed(opening.levels)),
        ("containment", words.holds(opening)),
        ("allowed beforehand", _names(opening.grants)),
        ("begun", words.when(opening.started)),
        ("took", words.seconds(opening.seconds)),
        ("could not be read", _names(story.damage)),
    ]
    return [f"- {name}: {told}" for name, told in rows if told]

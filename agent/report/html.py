"""A story as one page of HTML: without a script, and without anything from outside of it."""

from __future__ import annotations

from agent.report import charts, words
from agent.report.figures import figures
from agent.report.markup import Html, element, joined
from agent.report.parts import (
    code,
    facts,
    listed,
    opens,
    table,
    toned,
)
from agent.report.results import changes, result
from agent.report.story import Request, Story, Turn
from agent.report.style import POLICY, STYLE
from agent.report.timeline import timeline

MARK = "<!-- a report of wisp -->"
_POLICY = {"http-equiv": "Content-Security-Policy", "content": POLICY}
_TITLE = 90  # characters of a task as a heading


def draw(story: Story) -> str:
    """Return the whole page."""
    title = _title(story)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", attributes=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{title} - wisp {story.opening.id}"),
        element("style", Html(STYLE)),
    )
    sections = _sections(story)
    links = [element("li", element("a", name, href=f"#{at}")) for at, name, _ in sections]
    body = element(
        "body",
        element("a", "Skip to the result", class_="skip", href="#result"),
        element(
            "header",
            element("p", "Report of a session of wisp", class_="quiet"),
            element("h1", title),
            _facts(story),
            element("nav", element("ul", links), attributes={"aria-label": "Contents"}),
        ),
        element("main", [_section(*each) for each in sections]),
    )
    page = element("html", head, body, lang="en")
    return f"<!doctype html>\n{MARK}\n{page}\n"


def _sections(story: Story) -> list[tuple[str, str, object]]:
    """Return each section: its place, its heading, what is in it."""
    last = story.last
    told: list[tuple[str, str, object]] = []
    if last is None:
        told.append(("result", "Result", element("p", "No turn was begun.")))
    else:
        told.append(("result", "Result", result(last)))
        if last.drawn:
            told.append(("shown", "Shown", figures(last)))
        told.append(("changes", "What changed", changes(last)))
    if len(story.turns) > 1:
        told.append(("turns", "Turns", _turns(story)))
    for turn in story.turns:
        whole = turn is not last
        told.append((f"turn-{turn.number}", f"Turn {turn.number}", _turn(turn, whole)))
    told.append(("decisions", "Decisions", _decisions(story)))
    told.append(("usage", "Usage", _usage(story)))
    told.append(("session", "Session", _session(story)))
    return told


def _section(place: str, heading: str, content: object) -> Html:
    named = {"aria-labelledby": f"{place}-heading", "id": place}
    return element(
        "section", element("h2", heading, id=f"{place}-heading"), content, attributes=named
    )


def _title(story: Story) -> str:
    """Return the first words of the first task."""
    if not story.turns:
        return "nothing was asked"
    return words.brief(story.turns[0].prompt, _TITLE) or story.turns[0].asked


def _facts(story: Story) -> Html:
    opening = story.opening
    return facts(
        [
            ("session", code(opening.id)),
            ("folder", code(opening.cwd)),
            ("model", words.listed(opening.models)),
            ("level", words.listed(opening.levels)),
            ("containment", words.holds(opening)),
            ("begun", words.when(opening.started)),
            ("took", words.seconds(opening.seconds)),
        ]
    )


# -- turns


def _turns(story: Story) -> list[object]:
    rows = [
        [
            element("a", str(each.number), href=f"#turn-{each.number}"),
            each.asked,
            words.brief(each.prompt, _TITLE),
            toned(*words.outcome(each)),
            words.seconds(each.seconds),
        ]
        for each in story.turns
    ]
    heads = ["turn", "kind", "asked", "outcome", "took"]
    _, missing = story.turns_cut
    note = f"{words.plural(missing, 'turn')} in between left out" if missing else ""
    return [
        table("All turns", heads, rows, numbers=1),
        element("p", note, class_="quiet") if note else None,
    ]


def _turn(turn: Turn, whole: bool) -> list[object]:
    """Return a turn; `whole` where its result does not stand above."""
    told: list[object] = []
    if whole:
        told.append(result(turn))
        told += [element("h3", "Shown"), figures(turn)] if turn.drawn else []
        told += [element("h3", "What changed"), changes(turn)]
    if turn.attempts:
        told += [element("h3", "Attempts"), _attempts(turn)]
    told.append(element("h3", "Timeline"))
    told.append(timeline(turn.timeline, turn.timeline_cut, turn.number))
    return told


def _attempts(turn: Turn) -> Html:
    legend = [
        element("li", charts.sign(name), f"{charts.verdict(name)}: {turn.verdicts.get(name, 0):,}")
        for name in charts.VERDICTS
        if turn.verdicts.get(name)
    ]
    rows = [
        [
            str(each.number),
            joined(charts.sign(each.verdict), charts.verdict(each.verdict)),
            each.detail,
            f"+{words.seconds(each.at)}",
            words.seconds(each.seconds),
        ]
        for each in turn.attempts
    ]
    heads = ["attempt", "verdict", "what", "at", "took"]
    _, missing = turn.attempts_cut
    note = f"{words.plural(missing, 'attempt')} in between left out" if missing else None
    return element(
        "figure",
        element(
            "figcaption",
            f"{words.plural(sum(turn.verdicts.values()), 'attempt')}, each at"
            " its time in the turn and as long as it took",
        ),
        charts.attempts(turn),
        element(
            "div",
            element("span", "0 s"),
            element("span", words.seconds(turn.seconds)),
            class_="ends",
        ),
        element("ul", legend, class_="legend"),
        opens("as a table", table("Attempts", heads, rows, numbers=2), note),
    )


# -- decisions, usage, the session


def _decisions(story: Story) -> list[object]:
    if not story.decisions:
        return [element("p", "No call was made.")]
    rows = [
        [
            element("strong", each.verdict),
            each.answer,
            words.because(each.reason, each.taint),
            ", ".join(each.tools),
            each.containment,
            str(each.calls),
        ]
        for each in story.decisions
    ]
    heads = ["verdict", "answer", "why", "tools", "containment", "calls"]
    totals = story.totals
    said_first = (
        f"{words.plural(totals.calls, 'call')}, {totals.denied:,} of them refused. "
        "Each call in the timeline has its own."
    )
    more = words.plural(story.decisions_left_out, "other call")
    return [
        element("p", said_first),
        table("How calls were decided", heads, rows, numbers=1),
        element("p", f"{more} left out", class_="quiet") if story.decisions_left_out else None,
    ]


def _usage(story: Story) -> list[object]:
    totals = story.totals
    told: list[object] = [
        facts(
            [
                ("tokens", words.used(totals.used)),
                ("left this machine", words.left(totals)),
                ("cost", f"${totals.used.cost:,.4f}"),
            ]
        )
    ]
    if story.requests:
        told.append(_requests(story.requests))
    if totals.bytes_left:
        more = f", and {totals.hosts_left_out:,} more hosts" if totals.hosts_left_out else ""
        rows = [[code(host), f"{count:,}"] for host, count in totals.bytes_left.items()]
        told.append(table(f"Bytes by host{more}", ["host", "bytes"], rows, numbers=1))
    return told


def _requests(requests: tuple[Request, ...]) -> Html:
    legend = [element("li", charts.key(name), about) for name, about in charts.SERIES]
    rows = [
        [
            _numbered(each),
            each.what,
            *(f"{number:,}" for number in (each.used.cached, each.used.new, each.used.written)),
            f"{each.used.cost:,.4f}",
        ]
        for each in requests
    ]
    at_once = requests[0].last - requests[0].first + 1
    many = f", {at_once:,} in one bar" if at_once > 1 else ""
    heads = ["request", "for", "read before", "read anew", "written", "US dollars"]
    return element(
        "figure",
        element("figcaption", f"Tokens of each request{many}, stacked from below as in the legend"),
        charts.tokens(requests),
        element(
            "div",
            element("span", f"request {requests[0].first}"),
            element("span", f"request {requests[-1].last}"),
            class_="ends",
        ),
        element("ul", legend, class_="legend"),
        opens("as a table", table("Tokens", heads, rows, numbers=4)),
    )


def _numbered(request: Request) -> str:
    if request.first == request.last:
        return f"{request.first:,}"
    return f"{request.first:,} to {request.last:,}"


def _session(story: Story) -> list[object]:
    opening, totals = story.opening, story.totals
    told: list[object] = [
        facts(
            [
                ("session", code(opening.id)),
                ("fork of", code(opening.forked_from) if opening.forked_from else ""),
                ("models", listed(opening.models, "models") if opening.models.items[1:] else ""),
                ("served at", listed(opening.addresses, "addresses")),
                ("effort", str(opening.effort)),
                ("allowed beforehand", listed(opening.grants, "rules")),
                ("events", f"{totals.events:,}"),
                ("checks", f"{totals.checks:,}"),
                ("could not be read", listed(story.damage, "places")),
            ]
        )
    ]
    if story.between:
        told += [
            element("h3", "Between turns"),
            timeline(story.between, story.between_cut, 0),
        ]
    told.append(
        element(
            "p",
            "Made from the log of the session, in which secrets were replaced by marks. "
            "What hides in a text is shown by its number, such as \\x1b.",
            class_="quiet",
        )
    )
    return told

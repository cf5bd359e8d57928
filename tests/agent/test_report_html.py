"""The report as a page: whatever a session holds, it shows it, and nothing of it acts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from poison import ATTACK, UNION, log
from test_events import values

from agent.events import (
    Base,
    MessageFinished,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.log import LogView
from agent.messages import AssistantMessage, Image, Usage
from agent.redaction import Redaction
from agent.report.bounds import BOUNDS
from agent.report.drawing import DRAW, LIMITS, MARKS, Form, drawn
from agent.report.folding import fold
from agent.report.html import draw
from agent.report.markup import Html, element, joined
from agent.report.style import DARK, GROUNDS, LIGHT, STYLE, TEXTS
from agent.terminal import inert
from sandbox.base import Containment
from tools.base import ToolCall, ToolResult

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1",
    "h2", "h3", "p", "a", "ul", "ol", "li", "dl", "dt", "dd", "strong", "span", "code", "pre",
    "div", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure",
    "figcaption", "img", "svg", "desc", "rect", "line", "path", "g", "pattern", "text",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "name", "content", "class", "id", "href", "src", "alt", "role",
    "tabindex", "scope", "aria-label", "aria-labelledby", "aria-hidden", "x", "y", "x1", "x2", "y1",
    "y2", "width", "height", "d", "fill", "viewbox", "transform", "patternunits", "overflow",
    "preserveaspectratio",
}  # fmt: skip
FORMS: tuple[Form, ...] = ("html", "markdown", "json")
STARTED = SessionStarted(
    id="s1", cwd="/w", model="m", autonomy=3, effort=2, containment=Containment.FULL, time=5.0
)


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, their texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.declared: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_decl(self, decl: str) -> None:
        self.declared.append(decl)

    def handle_comment(self, data: str) -> None:
        self.declared.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def view(events: list[Base]) -> LogView:
    return LogView(events=list(events), ends=list(range(len(events))))  # type: ignore[arg-type]  # of the union


def safe(text: str) -> Page:
    """Assert that a page can do nothing but be looked at."""
    page = Page(text)
    assert page.declared == ["doctype html", " a report of wisp "]
    assert {tag for tag, _ in page.elements} <= TAGS
    assert {name for _, attributes in page.elements for name in attributes} <= ATTRIBUTES
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(each["href"]) for each in page.of("a")} <= {f"#{each}" for each in ids}
    assert all(str(each["src"]).startswith("data:image/png;base64,") for each in page.of("img"))
    fills = {attributes.get("fill") for _, attributes in page.elements} - {None}
    assert fills <= {"url(#hatch)"}
    (style,) = [text for tag, text in page.texts if tag == "style"]
    assert style == STYLE
    (policy,) = [each["content"] for each in page.of("meta") if "http-equiv" in each]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert str(policy).split("; ")[:3] == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
    ]
    assert inert(text) == text, "nothing in it hides or moves a cursor"
    return page


def test_a_session_of_attacks_is_shown_and_does_nothing() -> None:
    page = safe(drawn(view(log()), "html", Redaction()))
    told = "".join(text for _, text in page.texts)
    assert told.count("<script>alert(1)</script>") > 200
    assert "\\u202e\\x1b[31m" in told and "\\U000e0001" in told
    assert "script" not in {tag for tag, _ in page.elements}


@pytest.mark.parametrize("bounds", BOUNDS, ids=range(len(BOUNDS)))
def test_an_attack_is_shown_in_every_length(bounds: object) -> None:
    safe(draw(fold(log(), bounds)))  # type: ignore[arg-type]  # one of BOUNDS


def test_every_event_may_come_alone() -> None:
    for event in log():
        safe(drawn(view([event]), "html", Redaction()))
    safe(drawn(view([]), "html", Redaction()))


@settings(max_examples=15)
@given(st.lists(st.sampled_from(UNION).flatmap(values), max_size=8))
def test_events_in_any_order_with_anything_in_them_are_told(events: list[Base]) -> None:
    safe(drawn(view(events), "html", Redaction()))
    assert without_code(drawn(view(events), "markdown", Redaction())).count("<details>") >= 1
    json.loads(drawn(view(events), "json", Redaction()))


def test_only_what_was_made_markup_is_markup() -> None:
    ours = element("b", "x")
    assert element("p", ours, "<i>", class_='"') == '<p class="&quot;"><b>x</b>&lt;i&gt;</p>'
    # whatever is put together as text is text again
    assert joined(f"{ours}") == joined(ours + "") == "&lt;b&gt;x&lt;/b&gt;"
    assert joined(None, [1, ["<"]], Html("<br>")) == "1&lt;<br>"
    assert element("a", href="", attributes={"open": True, "x": False}) == "<a open></a>"
    with pytest.raises(TypeError):
        joined(object())


def test_a_picture_is_within_the_page_only_where_it_is_one_and_small() -> None:
    def told(media: str, data: str) -> list[dict[str, str | None]]:
        image = Image(media_type=media, data=data)
        return safe(
            drawn(view([STARTED, TurnStarted(prompt="", images=(image,))]), "html", Redaction())
        ).of("img")

    assert told("image/png", "iVBORw0KGgo=")[0]["src"] == "data:image/png;base64,iVBORw0KGgo="
    assert told("image/svg+xml", "iVBORw0KGgo=") == []
    assert told("image/png", '"><script>') == []
    assert told("image/png", "A" * (BOUNDS[0].pictures + 4)) == []


# -- sizes


def turn(calls: int, output: str, prompt: str = "do it") -> list[Base]:
    events: list[Base] = [TurnStarted(prompt=prompt, time=6.0)]
    for number in range(1, calls + 1):
        call = ToolCall(id=f"c{number}", name="shell", arguments={"command": output[:9000]})
        events += [
            StepStarted(step=number, time=6.0 + number),
            MessageFinished(
                message=AssistantMessage(text=output[:9000], calls=(call,)),
                usage=Usage(input=100 + number, cached=number, output=7, cost=0.01),
                time=6.5 + number,
            ),
            ToolRequested(call=call, time=6.6 + number),
            ToolFinished(
                call_id=call.id, result=ToolResult(text=output, diff=output[:9000]), time=7 + number
            ),
        ]
    return [*events, TurnFinished(outcome="done", text=output[:9000], time=8.0 + calls)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "output", ["<b>\u202e&\n" * 10_000_000, "<" * 50_000_000], ids=("lines", "one")
)
def test_an_output_of_50_mb_is_cut_with_a_note(form: Form, output: str) -> None:
    text = drawn(view([STARTED, *turn(1, output)]), form, Redaction())
    assert len(text.encode()) < 200_000
    assert form == "markdown" or f"{len(output) - 8000:,} characters left out" in text


@pytest.mark.parametrize("form", FORMS)
def test_a_session_of_10_000_events_fits(form: Form) -> None:
    events = [STARTED, *turn(2500, "an answer\n" * 300)]
    text = drawn(view(events), form, Redaction())
    assert len(events) > 10_000 and len(text.encode()) < LIMITS[form]
    told = fold(events, BOUNDS[-1])
    assert told.totals.calls == told.totals.requests == 2500
    assert told.totals.used.written == 7 * 2500 == sum(each.used.written for each in told.requests)
    assert told.requests[0].first == 1 and told.requests[-1].last == 2500
    behind, missing = told.turns[0].timeline_cut
    assert behind and missing + len(told.turns[0].timeline) == 5000


@pytest.mark.parametrize("form", FORMS)
def test_the_narrowest_bounds_hold_whatever_fills_them(form: Form) -> None:
    worst = "\U000e0001" * 9000  # ten characters each, once it is shown
    events: list[Base] = [STARTED]
    for _ in range(20):
        events += [*turn(20, worst, worst), *log(worst), *log(worst)[::-1]]
    text = drawn(view(events), form, Redaction())
    assert len(text.encode()) < LIMITS[form]
    assert len(DRAW[form](fold(events, BOUNDS[-1])).encode()) < LIMITS[form]


# -- colours


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 has it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lower, upper = sorted((light(one), light(other)))
    return (upper + 0.05) / (lower + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=("light", "dark"))
def test_every_text_can_be_read_on_every_ground(palette: dict[str, str]) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [("text", "added"), ("text", "removed")]
    low = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in pairs}
    assert {pair: found for pair, found in low.items() if found < 4.5} == {}
    # what charts draw with
    marks = [(mark, "page") for mark in ("new", "written", "good", "bad", "warm", "quiet")]
    assert min(contrast(palette[mark], palette[ground]) for mark, ground in marks) >= 3


# -- Markdown and JSON


def without_code(text: str) -> str:
    """Markdown without its blocks and spans of code, as CommonMark ends them."""
    kept, fence = [], ""
    for line in text.split("\n"):
        ticks = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line.rstrip() == fence else fence
        elif ticks:
            fence = ticks[0]
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line))
    assert not fence, "every block is closed"
    return "\n".join(kept)


def test_an_attack_is_only_code_in_markdown() -> None:
    text = drawn(view(log()), "markdown", Redaction())
    assert "<script>alert(1)</script>" in text
    rest = without_code(text)
    found = re.findall(r"<[^>\n]*>?", rest)
    assert set(found) == {
        "<!-- a report of wisp -->",
        "<details>", "</details>", "<summary>", "</summary>",
    }  # fmt: skip
    for word in ("alert", "evil", "someone", "](", "\\"):
        assert word not in rest
    rows = [line for line in rest.split("\n") if line.startswith("|")]
    assert rows and inert(text) == text


def test_a_table_in_markdown_has_as_many_cells_in_each_row() -> None:
    rows = [
        line for line in drawn(view(log()), "markdown", Redaction()).split("\n") if line[:1] == "|"
    ]
    heads = [at for at, line in enumerate(rows, -1) if set(line) == set("| -")]
    assert len(rows) > 8 and len(heads) > 4
    for at, after in zip(heads, [*heads[1:], len(rows)], strict=True):
        assert len({line.count("|") for line in rows[at:after]}) == 1


def test_the_json_is_ascii_and_says_its_version() -> None:
    text = drawn(view(log()), "json", Redaction())
    told = json.loads(text)
    assert text.isascii() and told["wisp_report"] == 1
    assert told["turns"][0]["prompt"] == ATTACK
    strict = json.dumps(told, allow_nan=False)
    assert "alert(1)" in strict


@pytest.mark.parametrize("form", FORMS)
def test_a_report_begins_so_that_it_is_known_as_one(form: Form) -> None:
    assert drawn(view([STARTED]), form, Redaction()).startswith(MARKS[form])

"""What the model showed, in each form of a report: all of it is there, and nothing of it acts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from poison import ATTACK
from support import agent, put, script
from test_report_html import FORMS, STARTED, safe, view, without_code

from agent.events import Base, ToolFinished, ToolRequested, TurnFinished, TurnStarted
from agent.redaction import Redaction
from agent.report.drawing import Form, drawn
from tools.base import ToolCall, ToolResult
from tools.shown import Edge, Graph, Grid, Kind, Plot, Series, Shown, Still


def showing(*every: Shown) -> list[Base]:
    events: list[Base] = [STARTED, TurnStarted(prompt="show me", time=6.0)]
    for number, shown in enumerate(every):
        call = ToolCall(id=f"c{number}", name="show", arguments={"kind": shown.kind})
        result = ToolResult(text="shown", summary="1 row", shown=shown)
        events += [
            ToolRequested(call=call, time=7.0),
            ToolFinished(call_id=call.id, result=result, time=8.0),
        ]
    return [*events, TurnFinished(outcome="done", text="so", time=9.0)]


GRID = Grid(columns=("<b>", "n"), rows=((ATTACK, "1"), ("a|b", "2")))
EDGES = (
    Edge(source="<a>", target="b", label='"]; click'),
    Edge(source="b", target="<a>", label=ATTACK),
    Edge(source="b", target="b", label="again"),
)
GRAPH = Graph(nodes=("<a>", "b", "lone"), edges=EDGES)
PLOT = Plot(
    across=ATTACK,
    labels=("x", ATTACK, "z"),
    at=(0.0, 1.0, 2.0, 3.0),
    series=(
        Series(name="one", values=(1.0, None, 1e300)),
        Series(name=ATTACK, values=(-1e99, 2.0, float("nan"))),
    ),
)
STILL = Still(media_type="image/png", width=2, height=3, bytes=9, data="iVBORw0KGgo=")
KINDS = get_args(Kind)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_shown_is_inert_in_every_form(kind: Kind, form: Form) -> None:
    every = Shown(
        kind=kind, title=ATTACK, source=ATTACK, notes=(ATTACK,),
        grid=GRID, plot=PLOT, graph=GRAPH, still=STILL,
    )  # fmt: skip
    text = drawn(view(showing(every, every)), form, Redaction())
    if form == "html":
        page = safe(text)
        assert len(page.of("figure")) == 2 and len(page.of("img")) == 2
        assert "#shown-1-2" in {each["href"] for each in page.of("a")}
    elif form == "markdown":
        rest = without_code(text)
        assert "alert" not in rest and "](" not in rest and "<b>" not in rest
    else:
        (told, _) = json.loads(text, parse_constant=pytest.fail)["turns"][0]["drawn"]
        assert told["grid"]["rows"][1] == ["a|b", "2"] and told["kind"] == kind


def test_a_diagram_in_markdown_is_one_that_github_draws() -> None:
    def mermaid(kind: Kind) -> list[str]:
        text = drawn(view(showing(Shown(kind=kind, graph=GRAPH))), "markdown", Redaction())
        return text.split("```mermaid\n")[1].split("\n```")[0].split("\n")

    flow = mermaid("calls")
    assert flow[:4] == ["flowchart TD", '  n0["#60;a#62;"]', '  n1["b"]', '  n2["lone"]']
    assert flow[4] == '  n0 -->|"#34;#93;#59; click"| n1'
    assert mermaid("sequence")[1] == "  participant p0 as #60;a#62;"
    plain = re.compile(r"[A-Za-z0-9 .,_/#;\[\]\"|>-]+")
    assert all(plain.fullmatch(line) for line in flow)


def test_a_plot_is_drawn_with_a_line_for_each_series_and_a_table() -> None:
    series = (Series(name="a", values=(1, 2, 3)), Series(name="b", values=(3, None, 1)))
    plot = Plot(across="day", labels=("mon", "tue", "wed"), series=series)
    page = safe(drawn(view(showing(Shown(kind="line", plot=plot))), "html", Redaction()))
    lines = [each["d"] for each in page.of("path") if str(each.get("class")).endswith(" stroke")]
    assert lines[:2] == [
        "M0.0 208.0L500.0 108.0L1000.0 8.0",
        "M0.0 8.0L0.0 8.0M1000.0 208.0L1000.0 208.0",
    ]
    told = [text for tag, text in page.texts if tag == "td"]
    assert told[:6] == ["mon", "1", "3", "tue", "2", "wed"]


def test_what_is_no_picture_stands_in_no_page() -> None:
    for data in ('"><script>', "AAAA", "PHN2Zy8+", "correct-horse-battery"):
        still = Still(media_type="image/svg+xml", width=2, height=3, bytes=9, data=data)
        assert still.data == ""
    svg = STILL.model_copy(update={"media_type": "image/svg+xml"})
    page = safe(drawn(view(showing(Shown(kind="image", still=svg))), "html", Redaction()))
    assert page.of("img") == []


def test_a_secret_that_is_known_by_now_is_left_out_of_what_was_shown() -> None:
    secret = "correct-horse-battery"
    grid = Grid(columns=("key",), rows=((secret,),))
    shown = Shown(kind="table", grid=grid, still=STILL)
    for form in FORMS:
        text = drawn(view(showing(shown)), form, Redaction({secret: "PHRASE"}))
        assert secret not in text and "[redacted: PHRASE]" in text


def test_a_run_shows_it_reports_it_and_tells_the_model_a_line(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"times.csv": "run,seconds\n1,2.5\n2,7\n"})
    calls = [{"show": {"kind": "table", "path": "times.csv", "title": "Times"}}]
    model = script(tmp_path / "model.yaml", {"say": "Look.", "calls": calls}, "That is all.")
    words = ["run", "-p", "show me", "-m", model, "--report", str(tmp_path / "r.json")]
    ended = agent(*words, cwd=root, env={"XDG_STATE_HOME": str(tmp_path / "state")})
    assert ended.code == 0 and ended.out == "That is all.\n"
    assert "    run │ seconds\n    ────┼────────\n      1 │     2.5\n" in ended.err
    turn = json.loads((tmp_path / "r.json").read_text())["turns"][0]
    assert turn["drawn"][0]["grid"]["rows"] == [["1", "2.5"], ["2", "7"]]
    (call,) = [each for each in turn["timeline"] if each["kind"] == "call"]
    assert call["drew"] == 1
    assert call["output"] == "shown to the user: table of 2 rows, 2 columns"

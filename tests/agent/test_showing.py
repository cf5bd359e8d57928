"""What was shown, in characters: each kind as it looks, and anything at all within a width."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from test_events import values

from agent.showing.layers import layout
from agent.showing.pieces import cells
from agent.showing.text import lines, plain
from agent.terminal import inert
from tools.plotting import plot_of
from tools.shown import Edge, Graph, Grid, Kind, Plot, Series, Shown, Still
from tools.steps import steps
from tools.tabular import rows_of


def drawn(shown: Shown, width: int = 72, rows: int = 20) -> str:
    return "\n" + "\n".join(plain(shown, width, rows)) + "\n"


def flow(text: str, kind: Kind = "flow") -> Shown:
    graph, notes = steps(text)
    return Shown(kind=kind, graph=graph, notes=notes)


def plotted(kind: Kind, text: str) -> Shown:
    plot, notes = plot_of(kind, rows_of(text, "`data`", (), 10**6))
    return Shown(kind=kind, plot=plot, notes=notes)


TABLE = Shown(
    kind="table",
    title="Slowest tests",
    grid=Grid(
        columns=("test", "seconds", "what"),
        rows=(
            ("test_a_step", "12.4", "世界"),
            ("test_index", "7", "\x1b[31mred\u202e\nline"),
            ("x", "", "a long text that says much more than there is room for it"),
        ),
    ),
    notes=("showing 3 of 12 rows",),
)


def test_how_a_table_looks() -> None:
    assert drawn(TABLE, 60) == snapshot("""\

Slowest tests
test        │ seconds │ what
────────────┼─────────┼─────────────────────────────────────
test_a_step │    12.4 │ 世界
test_index  │       7 │ \\x1b[31mred\\u202e line
x           │         │ a long text that says much more tha…
showing 3 of 12 rows
""")
    assert drawn(TABLE, 12, rows=1) == snapshot("""\

Slowest tes…
test
───────────
test_a_step
… not wide …
… 2 more ro…
showing 3 o…
""")


def test_how_plots_look() -> None:
    line = "x,y\n" + "".join(f"{at},{(at - 10) ** 2}\n" for at in range(21))
    assert drawn(plotted("line", line), 40) == snapshot("""\

100 ┤⢣                                 ⡜
    │⠈⡆                               ⢰⠁
    │ ⠘⡄                             ⢀⠇
    │  ⠑⡄                           ⢀⠇
    │   ⠱⡀                         ⢀⠇
    │    ⠱⡀                       ⢀⠎
 50 ┤     ⠱⡀                     ⢀⠎
    │      ⠘⢄                   ⡠⠃
    │       ⠈⢆                 ⡰⠁
    │         ⠑⢄             ⡠⠊
    │           ⠣⡀         ⢀⠎
  0 ┤            ⠈⠉⠢⢄⣀⣀⣀⡠⠔⠉⠁
    └───────────────────────────────────
     0                                20
     y  by x
""")
    assert drawn(plotted("line", "day,a,b\nmon,1,9\ntue,4,4\nwed,9,1\n"), 40) == snapshot("""\

9 ┤**                                 ••
  │  **                             ••
  │    ***                       •••
  │       **                   ••
  │         ***             •••
  │            ***       •••
5 ┤               **   ••
  │                •****
  │            ••••     ****
  │       •••••             *****
  │   ••••                       ****
1 ┤•••                               ***
  └─────────────────────────────────────
   mon                               wed
   • a  * b  by day
""")
    assert drawn(plotted("bar", "what,n\nspeed,12.5\nmemory,-7\nnone,\n"), 40) == snapshot("""\

speed             █████████████████ 12.5
memory  ██████████ -7
none
1 value that is no number left out
""")
    assert drawn(plotted("bar", "what,a,b\none,2,8\ntwo,4,1\n"), 40) == snapshot("""\

one  █ a ███████▎ 2
     ▓ b ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 8
two  █ a ██████████████▌ 4
     ▓ b ▓▓▓▓ 1
""")
    assert drawn(plotted("histogram", "n\n1\n2\n2\n3\n3\n3\n"), 40) == snapshot("""\

1 to 1.5  █████████▎ 1
1.5 to 2   0
2 to 2.5  ██████████████████▋ 2
2.5 to 3  ████████████████████████████ 3
""")


def test_how_a_flow_looks() -> None:
    text = "prompt -> model: asks\nmodel -> policy: a call\npolicy -> model: denied\n"
    assert drawn(flow(text + "policy -> sandbox\nmodel -> model\nlone")) == snapshot("""\

┌────────┐   ┌──────┐
│ prompt │   │ lone │
└────────┘   └──────┘
     │
     │asks
     ▼
┌─────────┐
│ model ↻ │
└─────────┘
    │ ▲
    │1│denied
    ▼ │
┌────────┐
│ policy │
└────────┘
     │
     ▼
┌─────────┐
│ sandbox │
└─────────┘
1  a call
""")


def test_lines_that_cross_do_not_touch() -> None:
    assert drawn(flow("a -> c\na -> d\nb -> d\nb -> c\nb -> e\na -> e")) == snapshot("""\

    ┌───┐   ┌───┐
    │ a │   │ b │
    └───┘   └───┘
      │       │
 ┌────┴──┬────│──┐
 │ ┌─────│─┬──┴──│─┐
 ▼ ▼     ▼ ▼     ▼ ▼
┌───┐   ┌───┐   ┌───┐
│ c │   │ d │   │ e │
└───┘   └───┘   └───┘
""")


def test_what_is_too_wide_for_boxes_is_a_list() -> None:
    text = "\n".join(f"the first of all -> number {at} of many: to it" for at in range(6))
    assert drawn(flow(text + "\nlone"), 60) == snapshot("""\

the first of all
  ├─▶ number 0 of many: to it
  ├─▶ number 1 of many: to it
  ├─▶ number 2 of many: to it
  ├─▶ number 3 of many: to it
  ├─▶ number 4 of many: to it
  └─▶ number 5 of many: to it
lone
""")
    assert drawn(flow("one -> other: asks\nother -> third", "sequence"), 20) == snapshot("""\

one
  └─▶ other: asks
other
  └─▶ third
""")


def test_how_a_sequence_looks() -> None:
    text = "browser -> server: GET /\nserver -> server: render\nserver -> browser: 200 OK"
    assert drawn(flow(text, "sequence")) == snapshot("""\

 browser     server
    │           │
    │ GET /     │
    │──────────▶│
    │           │↻ render
    │ 200 OK    │
    │◀──────────│
    │           │
""")


def test_a_picture_is_named_with_how_to_open_it() -> None:
    still = Still(media_type="image/png", width=240, height=120, bytes=60_848)
    text = drawn(Shown(kind="image", source="-a; rm b.png", still=still))
    assert "240 x 120 pixels, 60,848 bytes, image/png" in text
    assert "open './-a; rm b.png'" in text
    assert "hint" not in drawn(Shown(kind="image", source="a\x1b.png", still=still))


# -- anything

NAMES = st.sampled_from("abcdefghij")
GRAPHS = st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["", "says", "世界"])), max_size=40)


def graph_of(ends: list[tuple[str, str, str]]) -> Graph:
    nodes = dict.fromkeys(name for one, other, _ in ends for name in (one, other))
    edges = [Edge(source=one, target=other, label=label) for one, other, label in ends]
    return Graph(nodes=tuple(nodes), edges=tuple(edges))


@settings(max_examples=60)
@given(GRAPHS)
def test_nodes_keep_apart_and_edges_run_down(ends: list[tuple[str, str, str]]) -> None:
    laid = layout(graph_of(ends), [5 + 3 * at for at in range(10)][: len(graph_of(ends).nodes)])
    for layer in laid.layers:
        for one, other in pairwise(layer):
            assert laid.spots[one].left + laid.spots[one].wide < laid.spots[other].left
    for route in laid.routes:
        depths = [laid.spots[at].layer for at in route.spots]
        assert depths == list(range(depths[0], depths[0] + len(depths)))
    assert min((each.left for each in laid.spots), default=0) == 0


def arrows(text: str) -> int:
    return text.count("▼") + text.count("▲")


@settings(max_examples=60)
@given(GRAPHS)
def test_each_edge_in_boxes_has_its_end(ends: list[tuple[str, str, str]]) -> None:
    graph = graph_of(ends)
    text = drawn(Shown(kind="flow", graph=graph), 400)
    joined = {(one, other) for one, other, _ in ends if one != other}
    targets = len({other for _, other in joined})
    assert text.count("│ ") >= len(graph.nodes)
    assert targets <= arrows(text) + text.count("▶") and arrows(text) <= len(joined)


@settings(max_examples=60)
@given(values(Shown), st.integers(8, 120))
def test_anything_is_drawn_inert_and_within_the_width(shown: Shown, width: int) -> None:
    for line in lines(shown, width):
        text = "".join(piece for piece, _ in line)
        assert inert(text) == text and "\n" not in text
        assert cells(text) <= width


@pytest.mark.parametrize("kind", ["line", "bar", "scatter", "histogram"])
@pytest.mark.parametrize("value", [0.0, 1e300, -1e99, 5e-324, float("nan"), float("inf"), None])
def test_no_number_is_too_odd_to_be_drawn(kind: Kind, value: float | None) -> None:
    series = Series(name="y", values=(value, 1.0, None))
    plot = Plot(across="x", labels=("a", "b", "c"), at=(0.0, value or 0.0, 2.0), series=(series,))
    assert plain(Shown(kind=kind, plot=plot), 60)


def test_a_graph_of_the_largest_size_is_drawn() -> None:
    nodes = tuple(f"node {at}" for at in range(40))
    ends = [(at * 7 % 40, at * 11 % 40 + at // 40) for at in range(120)]
    edges = tuple(Edge(source=nodes[a], target=nodes[b % 40]) for a, b in ends)
    graph = Graph(nodes=nodes, edges=edges)
    for width in (5000, 60):
        text = drawn(Shown(kind="calls", graph=graph), width)
        assert all(name in text for name in nodes)

"""`show` through the border of the tools: each kind, each bound, what a repository may hold."""

from __future__ import annotations

import json
import os

import pytest

from tests.tools.bench import Bench
from tools import registry
from tools.base import Effect
from tools.shown import CHARACTERS, POINTS, ROWS, SERIES, Shown

CSV = "name,count,share\nalpha,12,0.5\nbeta,30,1.25\n"


async def show(bench: Bench, **arguments: object) -> Shown:
    result = await bench.call("show", **arguments)
    assert result.shown is not None and result.ok
    assert not (result.diff or result.changed)
    return result.shown


def test_a_small_model_is_not_told_of_it() -> None:
    assert "show" in {each.name for each in registry.schemas()}
    assert "show" not in {each.name for each in registry.schemas(small=True)}


# -- tables


async def test_a_table_is_data_and_the_model_is_told_one_line(bench: Bench) -> None:
    result = await bench.call("show", kind="table", data=CSV, title="Counts")
    assert result.text == "shown to the user: table of 2 rows, 3 columns"
    shown = result.shown
    assert shown is not None and shown.grid is not None and shown.title == "Counts"
    assert shown.grid.columns == ("name", "count", "share")
    assert shown.grid.rows == (("alpha", "12", "0.5"), ("beta", "30", "1.25"))
    assert bench.effects("show", kind="table", data=CSV) == {Effect.READ}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", CSV),
        ("a.tsv", CSV.replace(",", "\t")),
        ("semicolons.csv", CSV.replace(",", ";")),
        ("quoted.csv", '"name","count","share"\r\n"alpha",12,0.5\r\n"beta",30,"1.25"\r\n'),
        (
            "objects.json",
            '[{"name": "alpha", "count": 12, "share": 0.5},'
            ' {"name": "beta", "count": 30, "share": 1.25}]',
        ),
        ("rows.json", '[["name", "count", "share"], ["alpha", 12, 0.5], ["beta", 30, 1.25]]'),
        ("columns.json", '{"name": ["alpha", "beta"], "count": [12, 30], "share": [0.5, 1.25]}'),
        (
            "a.jsonl",
            '{"name": "alpha", "count": 12, "share": 0.5}\n\n'
            '{"name": "beta", "count": 30, "share": 1.25}\n',
        ),
    ],
)
async def test_a_table_comes_from_every_form_of_file(bench: Bench, name: str, text: str) -> None:
    bench.file(f"data/{name}", text)
    shown = await show(bench, kind="table", path=f"data/{name}", columns=["Share", "name"])
    assert shown.source == f"data/{name}" and shown.grid is not None
    assert shown.grid.columns == ("share", "name")
    assert shown.grid.rows == (("0.5", "alpha"), ("1.25", "beta"))


async def test_rows_beyond_the_bound_are_counted_and_said(bench: Bench) -> None:
    bench.file("long.csv", "n\n" + "".join(f"{at}\n" for at in range(12_000)))
    result = await bench.call("show", kind="table", path="long.csv")
    assert result.text.endswith("table of 200 rows, 1 column; showing 200 of 12,000 rows")
    assert result.shown is not None and result.shown.grid is not None
    assert len(result.shown.grid.rows) == ROWS


async def test_wide_rows_and_long_cells_are_cut(bench: Bench) -> None:
    head = ",".join(f"c{at}" for at in range(300))
    row = ",".join("x" * 1000 for _ in range(300))
    shown = await show(bench, kind="table", data="\n".join([head, *[row] * 40]))
    assert shown.grid is not None and len(shown.grid.columns) == 20
    cells = [cell for row in shown.grid.rows for cell in row]
    assert max(map(len, cells)) == 200 and sum(map(len, cells)) <= CHARACTERS + 4000
    assert shown.notes[-1] == "showing 20 of 200 columns"


async def test_ragged_rows_are_made_even_and_said(bench: Bench) -> None:
    shown = await show(bench, kind="table", data="a,b,a,\n1,2,3,4\n1\n1,2,3,4,5\n")
    assert shown.grid is not None
    assert shown.grid.columns == ("a", "b", "a (3)", "column 4")
    assert shown.grid.rows == (("1", "2", "3", "4"), ("1", "", "", ""), ("1", "2", "3", "4"))
    assert shown.notes[0].startswith("2 rows have not 4 cells")


async def test_a_name_with_line_breaks_becomes_one_line(bench: Bench) -> None:
    shown = await show(bench, kind="table", data='"a\nb"\n"c\n\n\td"\n', title="x\ny")
    assert shown.grid is not None and shown.title == "x y"
    assert (shown.grid.columns, shown.grid.rows) == (("a b",), (("c d",),))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "table"}, "give `data` (CSV with a header) or the `path`"),
        ({"kind": "table", "data": "a,b\n"}, "`data` has no rows; the first line names"),
        ({"kind": "table", "data": CSV, "columns": ["cuont"]}, "there are: name, count, share"),
        ({"kind": "line", "data": "a,b\nx,y\n"}, "there is no number to draw"),
        ({"kind": "scatter", "data": "a,b\nx,1\n"}, "needs two columns of numbers; `a` has none"),
        ({"kind": "histogram", "data": "a\nnan\n"}, "no number in the column `a`"),
        ({"kind": "flow"}, "there are no steps in `data`"),
        ({"kind": "flow", "data": "-> b"}, "`-> b` is no step; write it as `a -> b: label`"),
        ({"kind": "calls"}, "name files or functions in `names`"),
        ({"kind": "calls", "names": ["nowhere"]}, "nothing is called nowhere"),
        ({"kind": "modules", "names": ["nowhere"]}, "there is no file or folder nowhere"),
        ({"kind": "image"}, "give the `path` of a PNG, JPEG, GIF or WebP image"),
        ({"kind": "image", "path": "none.png"}, "none.png does not exist"),
        ({"kind": "table", "path": "deep.json"}, "deep.json is no JSON"),
        ({"kind": "table", "path": "big.json"}, "big.json is too long for a JSON file"),
        ({"kind": "table", "path": "cell.csv"}, "cell.csv is no CSV: field larger than"),
        ({"kind": "table", "path": "binary.csv"}, "binary"),
        ({"kind": "table", "path": "pipe"}, "pipe"),
        ({"kind": "image", "path": "page.svg"}, "page.svg cannot be shown: it is no PNG"),
    ],
)
async def test_what_cannot_be_shown_is_answered_with_one_line(
    bench: Bench, arguments: dict[str, object], said: str
) -> None:
    bench.file("deep.json", "[" * 100_000)
    bench.file("big.json", f'["{"x" * (9 << 20)}"]')
    bench.file("cell.csv", f"a,b\n{'x' * 200_000},1\n")
    bench.file("binary.csv", b"\x00\x01" * 600)
    bench.file("page.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    os.mkfifo(bench.root / "pipe")
    answer = await bench.refused("show", **arguments)
    assert said in answer and "\n" not in answer and len(answer) < 300


async def test_a_csv_of_50_mb_is_shown_from_its_first_part(bench: Bench) -> None:
    bench.file("huge.csv", b"a,b\n" + b"some words in a cell,12345\n" * 1_900_000)
    shown = await show(bench, kind="table", path="huge.csv")
    assert shown.notes[0].startswith("only the first 16 MB of 51,300,004 bytes were read")
    assert shown.notes[-1].startswith("showing 200 of ")


async def test_a_file_outside_is_asked_about_and_no_link_leads_to_one(bench: Bench) -> None:
    (bench.root / "out.csv").symlink_to("/etc/passwd")
    assert Effect.OUTSIDE in bench.effects("show", kind="table", path="/etc/passwd")
    assert Effect.OUTSIDE in bench.effects("show", kind="image", path="out.csv")


# -- plots


async def test_a_plot_of_numbers_is_in_their_order_and_skips_what_is_none(bench: Bench) -> None:
    data = "x,y,z,word\n3,9,nan,a\n1,1,2,b\n2,inf,1e300,c\n4,-,7,d\n"
    plot = (shown := await show(bench, kind="line", data=data)).plot
    assert plot is not None and plot.at == (1, 2, 3, 4) and plot.across == "x"
    assert [each.name for each in plot.series] == ["y", "z"]
    assert plot.series[0].values == (1, None, 9, None)
    assert plot.series[1].values == (2, None, None, 7)
    assert shown.notes == ("4 values that are no numbers left out",)
    json.dumps(shown.model_dump(), allow_nan=False)


async def test_words_go_across_in_the_order_of_their_rows(bench: Bench) -> None:
    plot = (await show(bench, kind="line", data="day,n\nmon,1\ntue,3\n")).plot
    assert plot is not None and plot.labels == ("mon", "tue") and plot.at == ()
    bars = (await show(bench, kind="bar", data="day,n\nmon,1\ntue,3\n")).plot
    assert bars is not None and bars.labels == ("mon", "tue")


async def test_points_bars_and_series_have_their_bounds(bench: Bench) -> None:
    head = ",".join(["x", *(f"s{at}" for at in range(9))])
    rows = "\n".join(",".join([str(at)] * 10) for at in range(1000))
    shown = await show(bench, kind="line", data=f"{head}\n{rows}")
    assert shown.plot is not None and len(shown.plot.series) == SERIES
    assert len(shown.plot.at) == POINTS and shown.plot.at[0] == 0 and shown.plot.at[-1] == 999
    assert "showing 400 of 1,000 points, evenly chosen" in shown.notes
    assert "showing 6 of 9 columns" in shown.notes
    bars = await show(bench, kind="bar", data="a,b\n" + "x,1\n" * 99)
    assert bars.notes == ("showing 40 of 99 bars",)


async def test_a_histogram_counts_every_value_once(bench: Bench) -> None:
    data = "name,n\n" + "".join(f"x,{at % 10}\n" for at in range(1000)) + "x,\n"
    shown = await show(bench, kind="histogram", data=data, columns=["n"])
    assert shown.plot is not None and len(shown.plot.at) == 12
    assert sum(value or 0 for value in shown.plot.series[0].values) == 1000
    same = (await show(bench, kind="histogram", data="n\n7\n7\n")).plot
    assert same is not None and sum(value or 0 for value in same.series[0].values) == 2

"""`show` through the border of the tools: each kind, each bound, what a repository may hold."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib

import pytest

from tests.tools.bench import Bench
from tools.base import Effect
from tools.shown import CHARACTERS, EDGES, NODES, POINTS, ROWS, SERIES, Shown
from tools.stills import Broken, bare

CSV = "name,count,share\nalpha,12,0.5\nbeta,30,1.25\n"


async def show(bench: Bench, **arguments: object) -> Shown:
    result = await bench.call("show", **arguments)
    assert result.shown is not None and result.ok
    assert not (result.diff or result.changed)
    return result.shown


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


# -- diagrams


async def test_steps_become_nodes_and_edges_with_their_labels(bench: Bench) -> None:
    data = "a -> b: asks\n\nb --> c -> a: tells: it\nlone\na::b -> C:\\x\n"
    graph = (await show(bench, kind="flow", data=data)).graph
    assert graph is not None
    assert graph.nodes == ("a", "b", "c", "lone", "a::b", "C:\\x")
    edges = [(each.source, each.target, each.label) for each in graph.edges]
    assert edges == [
        ("a", "b", "asks"),
        ("b", "c", ""),
        ("c", "a", "tells: it"),
        ("a::b", "C:\\x", ""),
    ]


async def test_a_huge_graph_keeps_the_nodes_with_the_most_edges(bench: Bench) -> None:
    data = "\n".join(f"hub -> n{at}\nn{at} -> n{at + 1}\nn{at} -> hub" for at in range(3000))
    shown = await show(bench, kind="flow", data=data)
    assert shown.graph is not None and "hub" in shown.graph.nodes
    assert len(shown.graph.nodes) == NODES and len(shown.graph.edges) <= EDGES
    assert shown.notes[0] == "showing 40 of 3,002 nodes, those with the most edges"


PY = """\
class Cart:
    def total(self):
        return self.tax() + net(self)

    def tax(self):
        return rate("total()")


def net(cart):  # calls tax()
    return net(cart)
"""


async def calls_of(bench: Bench, *names: str) -> tuple[set[tuple[str, str]], Shown]:
    shown = await show(bench, kind="calls", names=names)
    assert shown.graph is not None
    return {(each.source, each.target) for each in shown.graph.edges}, shown


async def test_calls_are_those_of_the_syntax_not_of_words(bench: Bench) -> None:
    bench.file("shop/cart.py", PY)
    bench.file("shop/rates.py", "def rate(name):\n    return Cart().total()\n")
    within, _ = await calls_of(bench, "shop/cart.py")
    assert within == {("Cart.total", "Cart.tax"), ("Cart.total", "net"), ("net", "net")}
    around, _ = await calls_of(bench, "Cart.tax")
    assert around == {("Cart.total", "Cart.tax"), ("Cart.tax", "rate")}
    every, _ = await calls_of(bench, "shop")
    assert ("Cart.tax", "rate") in every and ("rate", "Cart.total") in every


async def test_a_call_that_could_mean_several_is_left_out_and_said(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.file(f"{name}.py", "def same():\n    pass\n\n\ndef own():\n    same()\n")
    bench.file("c.py", "def other():\n    same()\n    own()\n    third()\n\ndef third(): pass\n")
    found, shown = await calls_of(bench, ".")
    assert ("other", "third") in found and len(found) == 3
    assert "2 calls left out that could mean several definitions" in shown.notes
    assert ("a.py:own", "a.py:same") in found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.js", "function one() { two(); }\nfunction two() {}\n"),
        ("a.ts", "function one(): void { two(); }\nfunction two() {}\n"),
        ("a.tsx", "function one() { return two(); }\nfunction two() {}\n"),
        ("a.go", "package a\nfunc one() { two() }\nfunc two() {}\n"),
        ("a.rs", "fn one() { two(); }\nfn two() {}\n"),
        ("A.java", "class A { void one() { two(); } void two() {} }\n"),
        ("a.c", "int two(void) { return 1; }\nint one(void) { return two(); }\n"),
        ("a.cpp", "int two() { return 1; }\nint one() { return two(); }\n"),
        ("a.sh", "two() { :; }\none() { two; }\n"),
    ],
)
async def test_calls_are_known_in_every_language(bench: Bench, name: str, text: str) -> None:
    bench.file(name, text)
    found, _ = await calls_of(bench, name)
    assert {(one.removeprefix("A."), other.removeprefix("A.")) for one, other in found} == {
        ("one", "two")
    }


async def test_modules_are_joined_by_what_they_import(bench: Bench) -> None:
    bench.file("src/shop/__init__.py", "")
    bench.file("src/shop/cart.py", "import html\nfrom shop import rates\nfrom .html import x\n")
    bench.file("src/shop/rates.py", "import shop.cart as c, os.path\n")
    bench.file("src/shop/html.py", "from .. import nothing\nfrom shop.rates import a as b\n")
    graph = (await show(bench, kind="modules")).graph
    assert graph is not None
    assert {(each.source, each.target) for each in graph.edges} == {
        ("cart.py", "rates.py"),
        ("cart.py", "html.py"),
        ("rates.py", "cart.py"),
        ("html.py", "rates.py"),
    }


async def test_modules_of_scripts_are_joined_by_their_paths(bench: Bench) -> None:
    bench.file("web/a.ts", 'import { b } from "./lib/b";\nexport * from "./c.js";\n')
    bench.file("web/lib/b.ts", 'import x from "react"; import "../../out";\n')
    bench.file("web/c.js", "")
    graph = (await show(bench, kind="modules", names=["web"])).graph
    assert graph is not None
    edges = {(each.source, each.target) for each in graph.edges}
    assert edges == {("a.ts", "lib/b.ts"), ("a.ts", "c.js")}


async def test_many_modules_are_told_by_their_folders(bench: Bench) -> None:
    for at in range(50):
        bench.file(f"p{at % 2}/m{at}.py", f"import p{(at + 1) % 2}.m{(at + 1) % 50}\n")
    shown = await show(bench, kind="modules")
    assert shown.graph is not None and shown.graph.nodes == ("p0", "p1")
    assert {(each.source, each.target) for each in shown.graph.edges} == {
        ("p0", "p1"),
        ("p1", "p0"),
    }
    assert "50 modules by their folders" in shown.notes


# -- pictures


def png(wide: int, high: int, *more: bytes, tail: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    pixels = zlib.compress(b"\0" * min((wide * 3 + 1) * high, 1 << 16))
    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    inner = [chunk(each[:4], each[4:]) for each in more]
    parts = [chunk(b"IHDR", head), *inner, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + tail


def gif(*inner: bytes, tail: bytes = b"") -> bytes:
    image = b",\0\0\0\0\2\0\2\0\0" + b"\x02\x02\x4c\x01\0"
    return b"GIF89a\2\0\2\0\x80\0\0" + b"\0" * 6 + b"".join(inner) + image + b";" + tail


def jpeg(*inner: bytes, tail: bytes = b"") -> bytes:
    size = b"\xff\xc0\0\x0b\x08\0\x03\0\x02\x01\x01\x11\0"
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\xff\0\x34\xff\xd0\x56"
    return b"\xff\xd8" + b"".join(inner) + size + scan + b"\xff\xd9" + tail


def webp(*inner: bytes, tail: bytes = b"") -> bytes:
    lossless = b"VP8L" + struct.pack("<I", 10) + b"/" + struct.pack("<I", 1 | 2 << 14) + b"\0" * 5
    inside = b"WEBP" + lossless + b"".join(inner)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside + tail


SECRET = b"<script>alert(1)</script>"
CARRIERS = {
    "image/png": (png(2, 3), png(2, 3, b"tEXt" + SECRET, tail=SECRET), (2, 3)),
    "image/gif": (gif(), gif(b"!\xfe\x19" + SECRET + b"\0", tail=SECRET), (2, 2)),
    "image/jpeg": (jpeg(), jpeg(b"\xff\xfe\0\x1b" + SECRET, tail=SECRET), (2, 3)),
    "image/webp": (
        webp(),
        webp(b"XMP " + struct.pack("<I", 25) + SECRET + b"\0", tail=SECRET),
        (2, 3),
    ),
}


@pytest.mark.parametrize("media_type", CARRIERS)
def test_only_the_picture_is_left_of_a_file(media_type: str) -> None:
    plain, carrier, size = CARRIERS[media_type]
    assert SECRET in carrier
    found = bare(carrier)
    assert (found.media_type, (found.width, found.height)) == (media_type, size)
    assert found.data == bare(plain).data == plain


@pytest.mark.parametrize("media_type", CARRIERS)
def test_a_picture_that_is_cut_off_anywhere_is_none(media_type: str) -> None:
    plain, *_ = CARRIERS[media_type]
    for end in range(len(plain)):
        with pytest.raises(Broken):
            bare(plain[:end])


async def test_a_picture_is_carried_as_it_is(bench: Bench) -> None:
    bench.file("a.png", png(2, 3))
    result = await bench.call("show", kind="image", path="a.png")
    assert result.text == "shown to the user: image of 2 x 3 pixels"
    still = result.shown.still if result.shown else None
    assert still is not None and base64.b64decode(still.data) == png(2, 3)


async def test_a_picture_that_unpacks_into_too_much_is_refused(bench: Bench) -> None:
    bench.file("bomb.png", png(100_000, 100_000))
    said = await bench.refused("show", kind="image", path="bomb.png")
    assert said == (
        "bomb.png cannot be shown: it has 100,000 x 100,000 pixels, which is too large to open"
    )


async def test_a_large_picture_is_named_and_not_carried(bench: Bench) -> None:
    noise = b"IDAT" + os.urandom(800_000)
    bench.file("large.png", png(900, 900, noise))
    still = (await show(bench, kind="image", path="large.png")).still
    assert still is not None and still.data == "" and still.bytes > 800_000

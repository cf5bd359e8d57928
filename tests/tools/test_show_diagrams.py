"""Diagrams that `show` draws: steps, and what the syntax of sources says of calls and imports."""

from __future__ import annotations

import pytest

from tests.tools.bench import Bench
from tools.shown import EDGES, NODES, Shown


async def show(bench: Bench, **arguments: object) -> Shown:
    result = await bench.call("show", **arguments)
    assert result.shown is not None and result.ok
    return result.shown


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

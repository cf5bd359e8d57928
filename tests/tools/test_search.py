from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tools.base import Effect
from tools.grep import BadPattern, Hit, Query, grep, ripgrep
from tools.likely import asked

CART = "class Cart:\n    def total(self):\n        return 1  # Total\n\n\ntotal = Cart().total()\n"


OURS = "(?=)"  # a look-around, which ripgrep leaves to our own program


@pytest.fixture(params=["", OURS], ids=["ripgrep", "our own program"])
def plain(request: pytest.FixtureRequest, bench: Bench) -> str:
    """What to put before a pattern to have it searched by either program."""
    if not request.param and not ripgrep(bench.context):
        pytest.skip("ripgrep is not installed: apt-get install ripgrep")
    return str(request.param)


async def test_matches_come_by_file_with_the_definition_around_them(
    bench: Bench, plain: str
) -> None:
    bench.file("a.py", CART)
    bench.file("b/notes.txt", "the total\nno\n")
    result = await bench.call("search", pattern=plain + "total|nothing")
    assert result.text == (
        "a.py\n  2: def total(self):\n  6: total = Cart().total()\nb/notes.txt\n  1: the total\n"
        "[3 matches in 2 files]"
    )
    assert result.summary == "3 matches in 2 files"
    around = await bench.call("search", pattern=plain + "return")
    assert around.text == "a.py\n  3 (Cart.total): return 1  # Total"


async def test_definitions_come_first_then_sources_tests_and_the_rest(bench: Bench) -> None:
    bench.file("a.lock", "total\n")
    bench.file("b.md", "def total\n")
    bench.file("c.py", "x = total()\n")
    bench.file("tests/test_a.py", "def test_total():\n    total()\n")
    bench.file("vendor/x.py", "def total():\n    pass\n")
    bench.file("z.py", "total()\n\n\n@cached\ndef total(a):\n    total()\n")
    bench.file("w/cart.rb", "def total\n")
    expected = """\
w/cart.rb
  1 defines total: def total
z.py
  5 defines total: def total(a):
  1: total()
  6 (total): total()
c.py
  1: x = total()
tests/test_a.py
  1: def test_total():
  2: total()
a.lock
  1: total
b.md
  1: def total
vendor/x.py
  1 defines total: def total():
[10 matches in 7 files]"""
    assert (await bench.call("search", pattern="total")).text == expected


async def test_what_defines_a_name_is_found_behind_hundreds_of_its_uses(bench: Bench) -> None:
    for number in range(20):
        bench.file(f"a{number:02}.py", "x = LIMIT\n" * 5)
    bench.file("b.py", "x = LIMIT\n" * 500 + "LIMIT: int = 3\n")
    result = await bench.call("search", pattern=r"\bLIMIT\b")
    assert result.text.startswith("b.py\n  501 defines LIMIT: LIMIT: int = 3\n  1: x = LIMIT\n")
    assert result.text.endswith(
        "[… 40 of 601 matches in 21 files shown; use a narrower path, glob or pattern …]"
    )


async def test_a_definition_that_is_asked_for_in_another_form_is_found(bench: Bench) -> None:
    bench.file("a.py", CART)
    bench.file("b.py", "class Other:\n    async def total(self): ...\n")
    dotted = await bench.call("search", pattern="Cart.total$")
    assert "defines" not in dotted.text  # an expression, and no name
    dotted = await bench.call("search", pattern="Cart.total")
    assert dotted.text == (
        "no match for `Cart.total` (2 files searched)\na.py\n"
        "  2 defines Cart.total: def total(self):"
    )
    other = await bench.call("search", pattern="function total")
    assert "b.py\n  2 defines Other.total: async def total(self): ..." in other.text


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("total", "total"),
        (r"\btotal\b", "total"),
        (r"def\s+total\(", "total"),
        ("class Cart", "Cart"),
        (r"Cart\.total", "Cart.total"),
        ("a b", ""),
        ("tot.*", ""),
        ("", ""),
    ],
)
def test_a_pattern_that_looks_for_a_name_is_known(pattern: str, name: str) -> None:
    found = asked(pattern)
    assert (found.name if found else "") == name


@pytest.mark.parametrize(
    ("line", "defines"),
    [
        ("def total(self):", True),
        ("\tasync def total(", True),
        ("func (c *Cart) total() int {", True),
        ("pub fn total<T>(", True),
        ("export const total = () =>", True),
        ("export function total(", True),
        ("int Cart::total()", False),
        ("total = 3", True),
        ("    total = 3", False),
        ("total == 3", False),
        ("def subtotal():", False),
        ("print(total)", False),
    ],
)
def test_a_line_that_defines_is_told_from_one_that_uses(line: str, defines: bool) -> None:
    found = asked("total")
    assert found is not None
    assert found.defined_by(line) is defines


async def test_what_is_left_out_is_said(bench: Bench, plain: str) -> None:
    for name in ("a", "b"):
        bench.file(f"{name}.txt", "hit\n" * 30)
    result = await bench.call("search", pattern=plain + "hit", limit=10)
    assert result.text.count(": hit") == 10
    assert "  … 25 more in this file" in result.text
    assert result.text.endswith(
        "[… 10 of 60 matches in 2 files shown; use a narrower path, glob or pattern …]"
    )


async def test_ignored_files_dependencies_and_git_are_left_out(bench: Bench, plain: str) -> None:
    bench.file(".gitignore", "*.log\n")
    for name in ("a.log", "node_modules/x/a.js", ".git/config", ".venv/a.py", "sub/.git/x"):
        bench.file(name, "needle\n")
    bench.file(".github/ci.yml", "needle\n")
    result = await bench.call("search", pattern=plain + "needle")
    assert result.text == ".github/ci.yml\n  1: needle"
    inside = await bench.call("search", pattern=plain + "needle", path="node_modules")
    assert inside.summary == "1 match in 1 file"


async def test_path_and_glob_narrow_the_search(bench: Bench, plain: str) -> None:
    for name in ("a.py", "src/b.py", "src/c.txt", "src/deep/d.py"):
        bench.file(name, "needle\n")

    async def found(**where: str) -> list[str]:
        text = (await bench.call("search", pattern=plain + "needle", **where)).text
        return [row for row in text.split("\n") if not row.startswith(("  ", "["))]

    assert await found(glob="*.py") == ["a.py", "src/b.py", "src/deep/d.py"]
    assert await found(path="src", glob="*.py") == ["src/b.py", "src/deep/d.py"]
    assert await found(path="src/c.txt") == ["src/c.txt"]
    assert await found(path="./src/deep/") == ["src/deep/d.py"]


async def test_a_pattern_that_is_no_regular_expression_is_taken_literally(bench: Bench) -> None:
    bench.file("a.py", "f(x\n")
    result = await bench.call("search", pattern="f(x")
    assert result.text.startswith("[not a regular expression (")
    assert result.text.endswith("]\na.py\n  1: f(x")


async def test_a_literal_that_only_looks_like_an_expression_is_found(bench: Bench) -> None:
    bench.file("a.py", "x = total(items)[0]\n")
    result = await bench.call("search", pattern="total(items)[0]")
    assert "searched as plain text" in result.text
    assert result.text.endswith("a.py\n  1: x = total(items)[0]")


async def test_our_own_program_takes_literals_and_finds_the_column(bench: Bench) -> None:
    bench.file("a.py", "é f(x\n")
    found = await grep(bench.context, Query("F(x", literal=True, ignore_case=True), program="")
    assert (found.files, found.hits("a.py")) == (["a.py"], [Hit(1, "é f(x", 2)])
    assert (found.counts, found.cut_off) == ({"a.py": 1}, False)
    with pytest.raises(BadPattern):
        await grep(bench.context, Query("f(x"), program="")


async def test_a_pattern_may_reach_over_lines(bench: Bench) -> None:
    bench.file("a.py", "def f(\n    x,\n):\n    pass\n")
    result = await bench.call("search", pattern=r"f\(\n\s+x")
    assert result.text == "a.py\n  1: def f(\n  2: x,\n[2 matches in 1 file]"


async def test_no_match_says_so_and_what_would_match(bench: Bench, plain: str) -> None:
    bench.file("a.py", "Needle = 1\n")
    result = await bench.call("search", pattern=plain + "needle")
    assert result.text == (
        f"no match for `{plain}needle` (1 file searched)\n"
        "1 line matches with ignore_case=true, first a.py:1: Needle = 1"
    )
    found = await bench.call("search", pattern=plain + "needle", ignore_case=True)
    assert found.text == "a.py\n  1: Needle = 1"
    nothing = await bench.call("search", pattern=plain + "needle", glob="*.rs")
    assert "no file fits the glob" in nothing.text


async def test_nothing_is_taken_for_an_option(bench: Bench, plain: str) -> None:
    bench.file("-n", "--files\n")
    bench.file("--pre=sh", "x\n")
    result = await bench.call("search", pattern=plain + "--files")
    assert result.text == "-n\n  1: --files"
    assert (
        await bench.call("search", pattern=plain + "x", path="--pre=sh")
    ).text == "--pre=sh\n  1: x"
    assert "no match" in (await bench.call("search", pattern=plain + "--pre=sh x")).text


async def test_odd_names_and_long_lines_are_shown_short(bench: Bench, plain: str) -> None:
    bench.file("two\nlines é.txt", "a" * 5000 + "needle" + "b" * 5000 + "\n")
    result = await bench.call("search", pattern=plain + "needle")
    assert result.text.startswith("two\nlines é.txt\n  1: …")
    assert "needle" in result.text
    assert len(result.text) < 400


async def test_utf_16_and_crlf_are_read_and_data_is_not(bench: Bench, plain: str) -> None:
    bench.file("a.txt", "ein needle\r\n".encode("utf-16"))
    bench.file("b.txt", "needle\r\n")
    bench.file("c.bin", b"needle\0needle\n")
    result = await bench.call("search", pattern=plain + "needle$")
    assert result.text == "a.txt\n  1: ein needle\nb.txt\n  1: needle\n[2 matches in 2 files]"


async def test_a_pattern_that_looks_like_a_file_name_lists_files_too(bench: Bench) -> None:
    bench.file("src/parser.py", "x\n")
    bench.file("a.md", "see parser.py\n")
    result = await bench.call("search", pattern="parser.py")
    assert result.text == "a.md\n  1: see parser.py\nfiles named so: src/parser.py"
    other = await bench.call("search", pattern="src/parser.py")
    assert other.text.endswith("files named so: src/parser.py")


async def test_an_empty_pattern_lists_files(bench: Bench) -> None:
    for name in ("a.py", "src/b.py", "src/c.txt"):
        bench.file(name, "")
    assert (await bench.call("search", pattern="", glob="*.py")).text == "a.py\nsrc/b.py"
    assert (await bench.call("search", pattern="", path="src")).text == "src/b.py\nsrc/c.txt"
    assert (await bench.call("search", pattern="", glob="*.rs")).text == "no such file"


async def test_a_wrong_path_is_answered_with_the_nearest(bench: Bench, tmp_path: Path) -> None:
    bench.file("src/parser.py", "x\n")
    assert "did you mean" in await bench.refused("search", pattern="x", path="src/parsr.py")
    assert "outside" in await bench.refused("search", pattern="x", path="..")
    assert bench.effects("search", pattern="x", path="..") == {Effect.READ, Effect.OUTSIDE}
    assert bench.effects("search", pattern="x") == {Effect.READ}


async def test_a_ripgrep_of_the_workspace_is_not_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = bench.file("bin/rg", "#!/bin/sh\ntouch planted\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", str(planted.parent))
    assert ripgrep(bench.context) != str(planted)
    bench.file("a.txt", "needle\n")
    assert (await bench.call("search", pattern="needle")).text == "a.txt\n  1: needle"
    assert not (bench.root / "planted").exists()


async def test_a_pattern_that_never_ends_can_be_cancelled(bench: Bench) -> None:
    bench.file("a.txt", "a" * 60 + "!\n")
    search = asyncio.ensure_future(bench.call("search", pattern=OURS + "(a+)+$"))
    done, _ = await asyncio.wait({search}, timeout=0.3)
    assert not done  # it would run for years
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search

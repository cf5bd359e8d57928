"""What a repair's prompt keeps of a long test and of a long failure, at a price in tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import PYTEST, agent, put, script

from agent.models.estimate import upper
from agent.repair.focus import head_of, part_of_test, said_for, tail_of
from tools.report import Failure

LONG = """@pytest.mark.parametrize("case", [
    1,
])
def test_long(case):
    shop = Shop("a name")
    other = Unrelated(with_many, words, in_it)
    basket = shop.basket(case)
    assert other.works() == "and is of no use here, whatever it says at such length"
    if case:
        noise = [number for number in range(100) if number % 7 == 3 and number % 5 == 2]
        with basket.opened() as opened:
            opened.add("apple")
            assert opened.total() == 3
    assert noise
    assert more_of_it
"""
FAILED = Failure(
    test="t.py::test_long[1]", trace=">           assert opened.total() == 3\nE       assert 2 == 3"
)


def test_of_a_long_test_the_failing_line_and_what_it_needs_stay() -> None:
    kept = part_of_test(LONG, FAILED, 60).split("\n")
    assert kept == [
        "def test_long(case):",
        '    shop = Shop("a name")',
        "    …",
        "    basket = shop.basket(case)",
        "    …",
        "    if case:",
        "        …",
        "        with basket.opened() as opened:",
        "            …",
        "            assert opened.total() == 3",
        "…",
    ]


def test_a_test_that_costs_less_stays_whole() -> None:
    assert part_of_test(LONG, FAILED, 1000) == LONG


def test_without_the_failing_line_a_test_is_cut_at_its_end() -> None:
    kept = part_of_test(LONG, None, 40)
    assert LONG.startswith(kept.removesuffix("\n…")) and kept.endswith("\n…")


def test_of_what_is_no_python_the_lines_before_the_failing_one_stay() -> None:
    lines = [f"expect(basket({n})).toBe({n});" for n in range(30)]
    test = "\n".join(["it('adds', () => {", *lines, "});"])
    failure = Failure(test="t", trace=f"> {lines[20]}\nE   not so")
    kept = part_of_test(test, failure, 80)
    assert lines[20] in kept and lines[19] in kept and lines[2] not in kept
    assert upper(kept) <= 90


def test_of_a_long_failure_the_last_and_its_first_lines_stay() -> None:
    much = "\n".join(f"E     - line {n}" for n in range(90))
    failure = Failure(
        test="t", trace=f">   first()\nE  once\n>   assert a == b\nE  assert 1\n{much}"
    )
    kept = said_for(failure, 60)
    assert kept.startswith(">   assert a == b\nE  assert 1\n") and kept.endswith("…")


@given(st.text("ab \n_.(=5é", max_size=400), st.integers(5, 80))
def test_nothing_costs_more_than_it_may(text: str, most: int) -> None:
    for cut in (head_of, tail_of):
        kept = cut(text, most)
        assert kept == text if upper(text) <= most else upper(kept) <= 2 * most + 8
        assert all(line == "…" or line in text for line in kept.split("\n"))


@pytest.mark.full
def test_the_price_of_each_part_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    code = "def double(number):\n    return number * 3\n"
    tests = "from lib import double\n\ndef test_it():\n    assert double(2) == 4\n"
    root = put(tmp_path / "work", {"lib.py": code, "test_lib.py": tests})
    model = script(tmp_path / "model.yaml", {"samples": [code.replace("3", "2")]})
    words = ("--rungs", "rewrite", "--explain-context")
    ended = agent("fix", "twice too much", "-m", model, "--check", PYTEST, *words, cwd=root)
    assert ended.code == 0, ended.err
    (line,) = [each for each in ended.err.split("\n") if "prompt for double in lib.py" in each]
    assert "bug 7 (what the user says)" in line and "test " in line and "failure " in line

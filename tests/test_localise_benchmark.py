"""What the benchmark of localisation takes for the truth, counts and prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import put

from benchmarks._truth import Changed, changed
from benchmarks.localise import Row, line, report

Differ = Callable[..., Changed]

OLD = '''\
"""A module."""

LIMIT = 3


def half(n):
    """Return half of it."""
    return n / 2


class Box:
    def open(self):
        def inner():
            return 1

        return inner()

    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value):
        self.kept = value
'''


@pytest.fixture
def differ(tmp_path: Path) -> Differ:
    def differ(*pairs: tuple[str, str]) -> Changed:
        new = OLD
        for old, fresh in pairs:
            assert old in new
            new = new.replace(old, fresh)
        older = put(tmp_path / "old", {"lib.py": OLD, "tests/test_lib.py": "def test():\n  1\n"})
        newer = put(tmp_path / "new", {"lib.py": new, "tests/test_lib.py": "def test():\n  2\n"})
        return changed(older, newer, ("tests",))

    return differ


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("n / 2", "n // 2", ("half", 6)),
        ("half(n):", "half(n, m=0):", ("half", 6)),
        ("return inner()", "return inner() + 1", ("Box.open", 12)),
        ("            return 1", "            return 2", ("Box.open.inner", 13)),
        ("self.kept = value", "self.kept = -value", ("Box.size", 22)),
        ("    @property\n", "", ("Box.size", 18)),
    ],
)
def test_the_innermost_function_that_does_something_else_is_the_truth(
    differ: Differ, old: str, new: str, place: tuple[str, int]
) -> None:
    assert differ((old, new)) == Changed(frozenset({("lib.py", *place)}), ())


def test_words_about_a_function_and_its_place_are_no_change(differ: Differ) -> None:
    for old, new in (
        ('"""Return half of it."""', '"""Return a half."""'),
        ("    return n / 2", "    # halves\n    return n / 2"),
        ("def half(n):", "def half(n: int) -> float:"),
        ("LIMIT = 3\n", "LIMIT = 3\n\n\n"),
        ('"""A module."""\n', ""),
    ):
        assert differ((old, new)) == Changed(frozenset(), ())


def test_what_stands_outside_of_functions_is_told_apart(differ: Differ) -> None:
    for old, new in (
        ("LIMIT = 3", "LIMIT = 4"),
        ("class Box:", "class Box(dict):"),
        ("class Box:", "def third(n):\n    return n / 3\n\n\nclass Box:"),
    ):
        assert differ((old, new)) == Changed(frozenset(), ("lib.py",))
    both = differ(("LIMIT = 3", "LIMIT = 4"), ("n / 2", "n // 2"))
    assert both == Changed(frozenset({("lib.py", "half", 6)}), ("lib.py",))


def row(place: int | None, without: int | None = None, *, truth: bool = True) -> Row:
    functions = frozenset({("lib.py", "half", 6)}) if truth else frozenset()
    outside = () if truth else ("lib.py",)
    return Row(Changed(functions, outside), {"": place, "title": without}, 2.0)


def test_ranks_are_counted_with_and_without_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"a": row(1, 4), "b": row(3, 13), "c": row(None, 1), "d": row(None, truth=False)}
    report("historic", rows)
    told = [" ".join(each.split()) for each in capsys.readouterr().out.splitlines()]
    assert told[1] == (
        "historic: 3 cases where functions changed, in 0 of them something beside;"
        " 1 where only something else did, which are not counted"
    )
    assert told[3].startswith("all sources 1 [6%-79%] 2 [21%-94%] 2 [21%-94%] 2 [21%-94%] 1 ")
    assert told[4].startswith("without title 1 [6%-79%] 1 [6%-79%] 2 [21%-94%] 2 [21%-94%] 0 ")
    assert told[5] == "median 2.0 s a case"


def test_a_list_without_a_case_to_count_is_reported_too(capsys: pytest.CaptureFixture[str]) -> None:
    report("historic", {"d": row(None, truth=False)})
    assert "0 cases where functions changed" in capsys.readouterr().out


def test_the_line_of_a_case_says_its_rank() -> None:
    told = " ".join(line("a", row(3, 7)).split())
    assert told == "a 3 2.0 s 1 changed without title: 7"
    assert " ".join(line("d", row(None, truth=False)).split()).startswith("d - 2.0 s 0 changed, 1")

"""Bugs that are put into a source: named, repeatable, each a change that parses."""

from __future__ import annotations

import ast
import inspect

import pytest

from benchmarks import _seeding
from benchmarks._seeding import LOST, UNDONE, bugs, put_in
from benchmarks._source import CaseError

TEXT = '''"""Ä."""


class Box:
    def area(self, unit, other=2):
        """Return 1 < 2."""
        wide = self.wide * unit
        if wide > 0 and other is not None:
            return max(wide, other - 1)
        self.log("ä", wide)
        return False


def short(x):
    return x < 1
'''
DATA = TEXT.encode()


def made(kind: str) -> list[str]:
    """Return the lines that come of each bug of a kind."""
    changed = [put_in(each.name, DATA).decode() for each in bugs("b.py", DATA) if each.kind == kind]
    return [
        next(new for old, new in zip(TEXT.split("\n"), each.split("\n"), strict=True) if old != new)
        for each in changed
    ]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("comparison", ["if wide >= 0 and other is not None:", "if wide > 0 and other is None:"]),
        ("logic", ["if wide > 0 or other is not None:"]),
        ("arithmetic", ["wide = self.wide // unit", "return max(wide, other + 1)"]),
        ("negation", ["if not (wide > 0 and other is not None):"]),
        ("arguments", ["return max(other - 1, wide)", 'self.log(wide, "ä")']),
        ("statement", ["pass", "pass"]),
        ("result", ["return None"]),
    ],
)
def test_each_kind(kind: str, lines: list[str]) -> None:
    assert [line.strip() for line in made(kind)] == lines


def test_constants_and_variables() -> None:
    assert "if wide > 1 and other is not None:" in [line.strip() for line in made("constant")]
    assert "return True" in [line.strip() for line in made("constant")]
    assert "wide = self.wide * other" in [line.strip() for line in made("variable")]


def test_docstrings_signatures_and_functions_of_two_lines_are_left_alone() -> None:
    for each in bugs("b.py", DATA):
        new = put_in(each.name, DATA).decode()
        assert "Return 1 < 2." in new and "unit, other=2):" in new and "return x < 1" in new


def test_every_bug_has_a_name_of_its_own_and_parses() -> None:
    data = inspect.getsource(_seeding).encode()
    found = bugs("s.py", data)
    assert {each.kind for each in found} == {*UNDONE, *LOST}
    assert len({each.name for each in found}) == len(found)
    for each in found[::7]:
        ast.parse(put_in(each.name, data))


def test_a_bug_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CaseError, match="no such bug"):
        put_in("b.py::Box.area::logic:9", DATA)

"""Problems that came with a change, and none that were there before."""

from __future__ import annotations

from tools.problems import told


def test_a_name_that_nothing_defines_is_told_with_its_line() -> None:
    before = "from a import b\n\n\ndef f():\n    return b()\n"
    after = "def f():\n    return b()\n"
    assert list(told("a.py", before, after)) == ["line 2 (f): undefined name 'b'"]


def test_what_was_wrong_before_is_not_told_again_wherever_it_stands_now() -> None:
    before = "def f():\n    return b\n"
    assert list(told("a.py", before, "\n\n" + before)) == []
    assert list(told("a.py", before, before + "\nc = b\n")) == ["line 4: undefined name 'b'"]


def test_a_definition_that_takes_the_place_of_another_is_told() -> None:
    before = "def f():\n    return 1\n"
    (said,) = told("a.py", before, before + "\n\ndef f():\n    return 2\n")
    assert said == "line 5 (f): redefinition of unused 'f' from line 1"


def test_an_import_without_a_use_may_be_the_first_of_two_edits() -> None:
    assert list(told("a.py", "", "import os\n")) == []


def test_many_are_counted() -> None:
    said = list(told("a.py", "", "a\nb\nc\nd\ne\n"))
    assert len(said) == 4
    assert said[-1] == "and 2 more such problems"


def test_what_is_no_python_or_does_not_parse_has_none() -> None:
    assert list(told("a.js", "", "b()")) == []
    assert list(told("a.py", "", "def f(:\n")) == []
    assert list(told("a.py", "", "x = '\\d'\nprint(x)\n")) == []

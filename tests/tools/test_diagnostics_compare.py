"""Which problems came with a change: told by what they are about, not by where they stand."""

from __future__ import annotations

from tools.diagnostics.base import Diagnosed, Finding
from tools.diagnostics.compare import new

BEFORE = "def f():\n    return y\n\n\ndef g():\n    return 1\n"
OLD = [Finding(2, "Undefined name `y`", "F821")]


def test_a_problem_that_moved_is_old() -> None:
    found = [Finding(5, "Undefined name `y`", "F821")]
    assert new("a.py", BEFORE, "import os\n\n\n" + BEFORE, OLD, found) == []


def test_the_same_words_of_another_function_are_new() -> None:
    after = BEFORE.replace("return 1", "return y")
    found = [*OLD, Finding(6, "Undefined name `y`", "F821")]
    assert new("a.py", BEFORE, after, OLD, found) == [found[1]]
    moved = BEFORE.replace("return y", "return 2").replace("return 1", "return y")
    assert new("a.py", BEFORE, moved, OLD, found[1:]) == [found[1]]


def test_the_second_of_two_that_are_the_same_is_new() -> None:
    after = BEFORE.replace("return y", "y\n    return y")
    found = [*OLD, Finding(3, "Undefined name `y`", "F821")]
    assert new("a.py", BEFORE, after, OLD, found) == [found[0]]


def test_what_stays_in_a_line_that_was_edited_is_old() -> None:
    after = BEFORE.replace("return y", "return y + 1")
    assert new("a.py", BEFORE, after, OLD, OLD) == []


def test_what_stays_in_a_function_that_was_renamed_is_old() -> None:
    after = BEFORE.replace("def f", "def h")
    assert new("a.py", BEFORE, after, OLD, OLD) == []


def test_another_code_or_message_is_new() -> None:
    for found in (Finding(2, "Undefined name `z`", "F821"), Finding(2, OLD[0].message, "F822")):
        assert new("a.py", BEFORE, BEFORE, OLD, [found]) == [found]


def test_a_line_that_a_message_names_may_move_too() -> None:
    old = [Finding(5, "Redefinition of `f` from line 1", "F811")]
    found = [Finding(6, "Redefinition of `f` from line 2", "F811")]
    assert new("a.py", BEFORE, "\n" + BEFORE, old, found) == []


def test_what_is_known_is_known_of_one_content_and_of_a_hundred_files() -> None:
    memory = Diagnosed()
    for number in range(101):
        memory.keep("ruff", f"{number}.py", "sha", tuple(OLD))
    assert memory.of("ruff", "100.py", "sha") == tuple(OLD)
    assert memory.of("ruff", "100.py", "other") is None
    assert memory.of("ruff", "0.py", "sha") is None

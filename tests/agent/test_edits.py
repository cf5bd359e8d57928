from __future__ import annotations

from typing import Any

import pytest

from agent.models.base import LocalModel
from agent.models.scripted import ScriptedModel
from agent.repair.asking import Asking
from agent.repair.edits import AT_A_TIME, LINES, LineEdits, lines_to_edit, replaced
from agent.repair.localise import Suspect
from agent.repair.prompts import Evidence
from tools import symbols

TEXT = """class Box:
    def area(self, unit=1):
        \"\"\"Return the area.\"\"\"
        # a comment
        if unit:
            wide = max(
                self.wide,
                0,
            )
        else:
            wide = 0
        return wide + self.high
"""
EVIDENCE = Evidence("", None, "", "")


def suspect(text: str = TEXT, name: str = "Box.area", lines: tuple[int, ...] = ()) -> Suspect:
    (found,) = symbols.find(symbols.definitions("box.py", text), name)
    return Suspect("box.py", found, text, 1.0, "", lines)


def bare(each: Suspect) -> list[str]:
    return [line.text for line in lines_to_edit(each)]


def test_neither_head_nor_docstring_nor_comments_nor_brackets_are_edited() -> None:
    assert bare(suspect()) == [
        "if unit:",
        "wide = max(",
        "self.wide,",
        "0,",
        "else:",
        "wide = 0",
        "return wide + self.high",
    ]


def test_only_statements_that_ran_are_edited_with_all_of_their_lines() -> None:
    ran = suspect(lines=(2, 5, 6, 12))
    assert bare(ran) == [
        "if unit:",
        "wide = max(",
        "self.wide,",
        "0,",
        "else:",
        "return wide + self.high",
    ]


def test_the_most_suspicious_statement_comes_first_with_all_of_its_lines() -> None:
    assert bare(suspect(lines=(12, 6, 5, 2)))[:4] == [
        "return wide + self.high",
        "wide = max(",
        "self.wide,",
        "0,",
    ]


@pytest.mark.asyncio
async def test_of_a_long_function_the_first_lines_are_tried_before_the_others_are_looked_at() -> (
    None
):
    text = "def f():\n" + "".join(f"    x{i} = {i}\n" for i in range(AT_A_TIME + 1))
    first = [forks((0, f"y{i}", -1.0 - i)) for i in range(AT_A_TIME)]
    other = forks((0, "z", -0.5))
    asked, model, _ = asking(*first, {"samples": [" = 0"]}, other, {"samples": [" = 1"]})
    edits = LineEdits(asked, EVIDENCE, suspect(text, "f"))
    assert "    y0 = 0\n    x1 = 1\n" in (await edits.next(1))[0]
    assert (await edits.next(1))[0].endswith("    z = 1")
    assert model._next == len(model._replies)


def test_a_long_function_is_edited_in_part() -> None:
    text = "def f():\n" + "".join(f"    x{i} = {i}\n" for i in range(2 * LINES))
    assert len(bare(suspect(text, "f"))) == LINES


def test_one_line_may_become_several_at_its_own_depth() -> None:
    each = suspect()
    line = next(line for line in lines_to_edit(each) if line.text == "wide = 0")
    new = replaced(each, line, "wide = 1\nif unit is None:\n    wide = 2")
    assert "        wide = 1\n        if unit is None:\n            wide = 2\n" in new
    assert new.startswith("def area(self, unit=1):") and new.endswith("return wide + self.high")


def asking(*items: dict[str, Any]) -> tuple[Asking, ScriptedModel, list[Any]]:
    model = ScriptedModel.of(list(items))
    emitted: list[Any] = []
    assert isinstance(model, LocalModel)
    return Asking(model, emitted.append, 0, 2), model, emitted


def forks(*found: tuple[int, str, float]) -> dict[str, Any]:
    return {"forks": [{"at": at, "piece": piece, "logprob": value} for at, piece, value in found]}


@pytest.mark.asyncio
async def test_the_likeliest_fork_is_written_first_and_each_once() -> None:
    text = "def f(a, b):\n    c = a - b\n    return c\n"
    asked, _, emitted = asking(
        forks((6, "+", -0.5), (4, "b", -2.0)),  # of `c = a - b`
        forks((7, "a", -1.0), (7, "c ", -0.1), (7, "# c", -0.1)),  # of `return c`
        {"samples": [" b", ""]},
        {"samples": [" - a\n```\nsince"]},
    )
    edits = LineEdits(asked, EVIDENCE, suspect(text, "f"))
    assert await edits.next(2) == [
        "def f(a, b):\n    c = a + b\n    return c",
        "def f(a, b):\n    c = a - b\n    return a",
    ]
    assert await edits.next(5) == ["def f(a, b):\n    c = b - a\n    return c"]
    assert await edits.next(5) == []
    told = [each for each in emitted if each.type == "forked"]
    assert [len(each.forks) for each in told] == [2, 1], "layout and comments are left out"


@pytest.mark.asyncio
async def test_a_piece_that_only_ends_sooner_may_lead_to_other_code() -> None:
    asked, _, _ = asking(
        forks((9, ".tim", -0.5)),
        {"samples": ["etz()"]},
    )
    edits = LineEdits(asked, EVIDENCE, suspect("def f(at):\n    return at.time()\n", "f"))
    assert await edits.next(1) == ["def f(at):\n    return at.timetz()"]


@pytest.mark.asyncio
async def test_what_is_likely_by_the_whole_way_takes_turns_with_what_is_so_at_its_place() -> None:
    far = {"at": 10, "piece": "c", "logprob": -0.1, "before": -4.0}
    near = {"at": 5, "piece": "b", "logprob": -1.0, "before": -0.2}
    asked, _, _ = asking({"forks": [far, near]}, {"samples": ["", ""]})
    edits = LineEdits(asked, EVIDENCE, suspect("def f(a, b, c):\n    x = (a + a)\n", "f"))
    assert await edits.next(2) == [
        "def f(a, b, c):\n    x = (b",
        "def f(a, b, c):\n    x = (a + ac",
    ]


@pytest.mark.asyncio
async def test_what_comes_before_the_closing_fence_is_a_line_more() -> None:
    asked, _, _ = asking(
        forks((12, "    ", -0.5), (12, "\n", -0.4), (12, "```", -0.1), (5, " ", -0.1)),
        forks(),
        {"samples": ["log(at)\n```"]},
    )
    text = "def f(at):\n    if at.hour:\n        at = 0\n"
    edits = LineEdits(asked, EVIDENCE, suspect(text, "f"))
    added = "def f(at):\n    if at.hour:\n        log(at)\n        at = 0"
    assert await edits.next(3) == [added]

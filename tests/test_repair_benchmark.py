"""What the benchmark of repairs holds back, counts and prints."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks._held import held_back
from benchmarks._shares import wilson
from benchmarks.cases import Case
from benchmarks.repair import ARMS, line, report


def case(*failing: str) -> Case:
    return Case("n", "lib", "1", "", "2", "", "", ("tests",), failing)


def row(name: str, arm: str, verified: bool, wrong: str = "", rung: str = "rewrite") -> Any:
    return {
        "case": name,
        "arm": arm,
        "exit": 0 if verified else 1,
        "wrong": wrong,
        "rung": rung if verified else "",
        "seconds": 10.0,
        "attempts": 2,
        "read": 100,
        "written": 20,
    }


def test_every_second_failing_function_is_held_back() -> None:
    assert held_back(case("t.py::a[1]", "t.py::a[2]")) == ()
    assert held_back(case("t.py::c", "t.py::a[x]", "t.py::C::b", "t.py::d")) == (
        "t.py::a",
        "t.py::d",
    )


def test_only_cases_that_every_arm_was_run_on_are_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        row(name, arm, name == "one" or arm == "all") for name in ("one", "two") for arm in ARMS
    ]
    rows += [row("three", "all", True), row("one", "all", True, "t.py::hidden", "small changes")]
    report(rows, "historic")
    told = " ".join(capsys.readouterr().out.split())
    assert "historic: 2 cases that were run in each of: all, without slips, rewriting" in told
    assert "all 2 [34%-100%] 1 10 120" in told
    assert "rewriting 1 [9%-91%] 0 10 240" in told
    assert "by small changes 1, 1 wrong, 10 s, 120 tokens" in told


def test_a_wrong_repair_stands_out() -> None:
    assert line(row("one", "all", True, "t.py::hidden")).endswith("WRONG: t.py::hidden")
    assert "WRONG" not in line(row("one", "all", True))


@pytest.mark.parametrize(("good", "of"), [(0, 5), (5, 5), (3, 40)])
def test_an_interval_holds_the_share(good: int, of: int) -> None:
    low, high = wilson(good, of)
    assert 0 <= round(low, 9) <= good / of <= round(high, 9) <= 1
    assert wilson(10, 100)[1] - wilson(10, 100)[0] < wilson(1, 10)[1] - wilson(1, 10)[0]

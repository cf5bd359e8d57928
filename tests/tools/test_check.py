"""The check tool: which check it finds, and how it tells of it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from tests.tools.bench import Bench
from tests.tools.running import QUICK, put, refused, use
from tools.base import Effect
from tools.check import Check, CheckArgs, describe
from tools.report import CheckReport, Failure, TestOutcome

CHECK = Check()
FILES = {
    "lib.py": "def add(a, b):\n    return a - b\n",
    "test_lib.py": "import lib\ndef test_ok(): pass\ndef test_bad(): assert lib.add(1, 2) == 3\n",
}


@pytest.fixture
def given(bench: Bench) -> Bench:
    """A bench whose user gave a check: pytest with the Python that runs these tests."""
    command = " ".join((sys.executable, "-m", "pytest", *QUICK))
    bench.context = replace(bench.context, check_command=command)
    return bench


async def test_failures_are_counted_named_and_traced(given: Bench) -> None:
    put(given.root, FILES)
    result = await use(CHECK, given)
    lines = result.text.splitlines()
    assert lines[0].startswith("1 passed, 1 failed (")
    assert lines[1] == "FAILED test_lib.py::test_bad: assert -1 == 3"
    assert "test_lib.py:3: in test_bad" in lines
    assert not result.ok
    assert result.report is not None
    assert result.report.failed == ("test_lib.py::test_bad",)


async def test_a_file_without_a_test_makes_all_of_them_run(given: Bench) -> None:
    put(given.root, FILES)
    result = await use(CHECK, given, targets=["lib.py"])
    assert result.text.startswith("no test in lib.py, so all ran\n1 passed, 1 failed (")
    assert result.report is not None
    assert len(result.report.tests) == 2


async def test_a_target_that_does_not_exist_is_said_not_to_have_run(given: Bench) -> None:
    put(given.root, FILES)
    result = await use(CHECK, given, targets=["test_lib.py::test_gone"])
    assert "not run: test_lib.py::test_gone" in result.text
    assert not result.ok
    result = await use(CHECK, given, targets=["test_lib.py::test_ok"])
    assert result.text.startswith("1 passed (")
    assert result.ok


async def test_a_command_that_is_no_known_runner_is_told_by_its_status(bench: Bench) -> None:
    bench.context = replace(bench.context, check_command="echo looks bad; exit 3")
    result = await use(CHECK, bench, targets=["x"])
    assert result.text.startswith("failed, exit status 3 (echo looks bad; exit 3, ")
    assert "cannot run a part" in result.text
    assert result.text.endswith("--- output\nlooks bad")


async def test_no_check_says_how_to_give_one(bench: Bench) -> None:
    said = await refused(CHECK, bench)
    assert "no tests found" in said
    assert "--check CMD" in said


async def test_the_projects_own_check_is_found(bench: Bench) -> None:
    put(bench.root, {"Makefile": "test:\n\t@echo fine\n"})
    result = await use(CHECK, bench)
    assert result.text.startswith("passed, exit status 0 (make test, ")
    assert CHECK.preview(CheckArgs(), bench.context).title == "make test"


async def test_running_a_check_executes(bench: Bench) -> None:
    assert CHECK.effects(CheckArgs(), bench.context) == {Effect.EXECUTE}


def test_a_long_report_is_cut_and_says_so() -> None:
    tests = {f"t{n}": TestOutcome.FAILED for n in range(50)}
    failures = tuple(Failure(test=test, message="no", trace="x\n" * 60) for test in tests)
    report = CheckReport(
        command="pytest",
        runner="pytest",
        granularity="test",
        exit_code=1,
        complete=True,
        tests=tests,
        failures=failures,
    )
    text = describe(report, [])
    assert text.startswith("50 failed (")
    assert "… and 30 more failed" in text
    assert "… 47 more tracebacks" in text
    assert len(text.splitlines()) < 110


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"timed_out": True, "complete": False}, "timed out; until then: 1 passed"),
        ({"complete": False}, "the run was cut off, so it proves nothing; seen: 1 passed"),
        ({"exit_code": 4}, "1 passed, exit status 4"),
        ({}, "1 passed ("),
    ],
)
def test_the_first_line_is_never_better_than_what_was_seen(
    fields: dict[str, object], start: str
) -> None:
    report = CheckReport(
        command="pytest",
        runner="pytest",
        granularity="test",
        exit_code=0,
        complete=True,
        tests={"t": TestOutcome.PASSED},
    )
    assert describe(report.model_copy(update=fields), []).startswith(start)

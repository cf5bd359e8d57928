from __future__ import annotations

from typing import Any

import pytest
from support import report

from agent.events import Tally
from agent.verify import named, newly_failing, newly_passing, objection, tally, verification
from tools.report import CheckReport

BEFORE = report(passed=["t::a", "t::b"], failed=["t::bug", "t::old"], skipped=["t::s"])
FIXED = report(passed=["t::a", "t::b", "t::bug"], failed=["t::old"], skipped=["t::s"])


def status(code: int | None, **more: Any) -> CheckReport:
    return report(granularity="exit-status", exit_code=code, **more)


def test_a_target_that_passes_with_an_old_red_test_beside_it_is_proof() -> None:
    assert objection(BEFORE, FIXED, ["t::bug"]) == ""


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (BEFORE, report(["t::a"], timed_out=True, complete=False), "the check did not end in time"),
        (BEFORE, report(["t::bug"], complete=False), "the check was cut off before its end"),
        (BEFORE, BEFORE, "t::bug failed"),
        (BEFORE, report(["t::a", "t::b"], ["t::old"], ["t::bug"]), "t::bug skipped"),
        (BEFORE, report(["t::a", "t::b", "t::c", "t::d", "t::e"]), "t::bug was not run"),
        (
            BEFORE,
            report(["t::a", "t::bug"], ["t::b", "t::old"], ["t::s"]),
            "t::b passed before and does not now",
        ),
        (
            BEFORE,
            report(["t::a", "t::bug"], ["t::old"], ["t::s", "t::b"]),
            "t::b passed before and does not now",
        ),
        (
            BEFORE,
            report(["t::a", "t::bug", "t::new"], ["t::old"], ["t::s"]),
            "t::b passed before and does not now",
        ),
        (
            BEFORE,
            report(["t::a", "t::b", "t::bug"], [], ["t::s"]),
            "5 tests were collected before, 4 now",
        ),
        (None, report(["t::a", "t::bug"], ["t::b"]), "t::b fails"),
        (BEFORE, status(0), "the check no longer reports single tests"),
    ],
)
def test_what_is_no_proof_says_why(
    before: CheckReport | None, after: CheckReport, why: str
) -> None:
    assert objection(before, after, ["t::bug"]) == why


def test_a_run_in_which_nothing_passed_proves_nothing() -> None:
    assert objection(None, report(), ()) == "no test passed"
    assert objection(None, report(skipped=["t::a"]), ()) == "no test passed"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (status(1), status(0), ""),
        (None, status(0), ""),
        (status(1), status(1), "the check ended with status 1"),
        (status(0), status(None), "the check ended with status None"),
        (status(1), status(0, complete=False), "the check was cut off before its end"),
    ],
)
def test_a_check_with_only_a_status_is_one_target(
    before: CheckReport | None, after: CheckReport, why: str
) -> None:
    assert objection(before, after) == why


def test_tests_that_vanish_or_are_skipped_count_as_newly_failing() -> None:
    after = report(["t::a"], ["t::old"])
    assert newly_failing(BEFORE, after) == ("t::b",)
    assert newly_failing(None, after) == ("t::old",)
    assert newly_failing(BEFORE, FIXED) == ()


def test_tests_that_pass_now_and_did_not_before_are_newly_passing() -> None:
    after = report(["t::a", "t::b", "t::bug", "t::s", "t::new"])
    assert newly_passing(BEFORE, after) == ("t::bug", "t::s", "t::new")
    assert newly_passing(None, after) == ()


def test_counts_are_of_tests_or_of_the_one_check() -> None:
    assert tally(BEFORE) == Tally(passed=2, failed=2, skipped=1)
    assert tally(status(0)) == Tally(passed=1)
    assert tally(status(3)) == Tally(failed=1)
    assert tally(status(0, complete=False)) == Tally(failed=1)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("test_add fails", {"tests/t.py::test_add"}),
        ("please fix `test_add`, it is red.", {"tests/t.py::test_add"}),
        ("test_add() is red", {"tests/t.py::test_add"}),
        ("see tests/t.py::test_add.", {"tests/t.py::test_add"}),
        ("see tests/t.py::test_add_two", {"tests/t.py::test_add_two"}),
        ("test_add_two", {"tests/t.py::test_add_two"}),
        ("tests/t.py::test_p[1]", {"tests/t.py::test_p[1]"}),
        ("tests/t.py::test_p[a b]", {"tests/t.py::test_p[a b]"}),
        ("test_p", {"tests/t.py::test_p[1]", "tests/t.py::test_p[a b]"}),
        ("the addition is wrong in my test", set()),
        ("retest_add", set()),
        ("", set()),
    ],
)
def test_a_prompt_names_tests_by_id_or_function(words: str, found: set[str]) -> None:
    failed = [f"tests/t.py::{name}" for name in ("test_add", "test_add_two", "test_p[1]")]
    failed.append("tests/t.py::test_p[a b]")
    assert set(named(words, failed)) == found


@pytest.mark.parametrize(
    ("words", "test"),
    [
        ("test_add is red", "tests.test_sums.SumTest.test_add"),
        ("test_add is red", "test_add (tests.test_sums.SumTest)"),
        ("adds two numbers fails", "sums.test.js::sums > adds two numbers"),
        ("adds fails", "sums.test.js::sums > adds"),
    ],
)
def test_names_of_other_runners_are_known_too(words: str, test: str) -> None:
    assert named(words, [test, "other"]) == (test,)
    assert named(f"not{words}", [test]) == ()


def test_the_record_holds_both_sides_and_the_verdict() -> None:
    record = verification(BEFORE, FIXED, ["t::bug"], runs=2, strength="tests", in_place=True)
    assert (record.verified, record.reason, record.runs) == (True, "", 2)
    assert (record.before, record.after) == (tally(BEFORE), tally(FIXED))
    assert record.newly_passing == ("t::bug",)
    assert (record.commands, record.targets, record.in_place) == (("pytest",), ("t::bug",), True)


@pytest.mark.parametrize(
    ("strength", "reason", "expected"),
    [
        ("self-written", "", "only a test that was written for this bug proves it"),
        ("tests", "it was flaky", "it was flaky"),
    ],
)
def test_a_record_with_a_reason_is_not_verified(strength: Any, reason: str, expected: str) -> None:
    record = verification(BEFORE, FIXED, ["t::bug"], runs=2, strength=strength, reason=reason)
    assert (record.verified, record.reason) == (False, expected)

"""Which functions and lines run in failing and in passing tests, as the runner tells it."""

from __future__ import annotations

from tests.tools.bench import Bench
from tests.tools.running import PYTEST, checked
from tools.report import Ran
from tools.runners import Runner
from tools.runners.base import Place

LIB = """\
def sign(n):
    if n < 0:
        return -2
    return 1


def unused():
    return 0


def long(n):
    total = 0
    for each in range(n):
        total += 1
    if n > 1:
        total += 1
    return total
"""
TESTS = """\
from lib import long, sign

def test_above():
    assert sign(1) == 1

def test_far_above():
    assert sign(5) == 1

def test_below():
    assert sign(-1) == -1

def test_long():
    assert long(2000) == 0

def test_short():
    assert long(1) == 1
"""
FILES = {"lib.py": LIB, "test_lib.py": TESTS}
SIGN, LONG = ("lib.py", 1), ("lib.py", 11)


async def ran(
    bench: Bench, watched: tuple[Place, ...] = (), *targets: str
) -> dict[tuple[str, int], Ran]:
    runner: Runner | None = PYTEST.tracing(watched)
    assert runner is not None
    report = await checked(bench, runner, FILES, targets)
    return {(each.path, each.line): each for each in report.ran}


async def test_functions_are_counted_by_the_tests_that_ran_them(bench: Bench) -> None:
    found = await ran(bench)
    assert (found[SIGN].failing, found[SIGN].passing) == (1, 2)
    assert ("lib.py", 7) not in found
    assert found[SIGN].counts == found[SIGN].lines == ()


async def test_of_what_is_watched_lines_are_counted_that_ran_in_failing_tests(
    bench: Bench,
) -> None:
    found = await ran(bench, (SIGN,))
    assert found[SIGN].counts == ((2, 1, 2), (3, 1, 0))
    assert found[LONG].counts == ()


async def test_in_a_run_of_targets_all_lines_are_watched(bench: Bench) -> None:
    found = await ran(bench, (), "test_lib.py::test_long", "test_lib.py::test_above")
    assert found[LONG].lines == (12, 13, 14, 15, 16, 17)
    assert found[SIGN].lines == ()
    assert found[SIGN].passing == 1


async def test_a_long_loop_is_not_watched_to_its_end_where_all_tests_run(bench: Bench) -> None:
    found = await ran(bench, (LONG,))
    # the last line is where it returns, which is an event of its own
    assert found[LONG].counts == ((12, 1, 1), (13, 1, 1), (14, 1, 1), (17, 1, 1))


async def test_what_is_expected_to_fail_is_no_guard(bench: Bench) -> None:
    files = dict(FILES)
    mark = "import pytest\n" + TESTS.replace("def test_above", "@pytest.mark.xfail\ndef test_above")
    files["test_lib.py"] = mark.replace("sign(1) == 1", "sign(1) == 7")
    runner = PYTEST.tracing((SIGN,))
    assert runner is not None
    found = {each.line: each for each in (await checked(bench, runner, files)).ran}
    assert found[1].guards == ("test_lib.py::test_far_above",)


async def test_passing_tests_are_named_that_run_what_none_before_did(bench: Bench) -> None:
    found = await ran(bench, (SIGN, LONG))
    assert found[SIGN].guards == ("test_lib.py::test_above",), "the other runs the same lines"
    assert found[LONG].guards == ("test_lib.py::test_short",), "the one before it fails"
    assert not (await ran(bench))[SIGN].guards, "it is not watched"

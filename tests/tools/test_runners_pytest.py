"""pytest through the real sandbox, and what may not pass for a green run."""

from __future__ import annotations

import sys

import pytest

from tests.tools.bench import Bench
from tests.tools.running import PYTEST, QUICK, checked
from tools.report import TestOutcome
from tools.runners.pytest import Pytest

P, F, S = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED

MIXED = {
    "lib.py": "def add(a, b):\n    return helper(a, b)\n\ndef helper(a, b):\n    return a - b\n",
    "tests/test_lib.py": """
import pytest, lib

def test_ok(): assert True
def test_bad(): assert lib.add(1, 2) == 3
def test_raises(): lib.add(1, None)
@pytest.mark.parametrize("x", ["a::b", "c d"])
def test_each(x): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_xfail(): assert False
@pytest.mark.xfail
def test_xpass(): pass
class TestClass:
    def test_chained(self):
        try: {}["k"]
        except KeyError as error: raise ValueError("outer") from error
@pytest.fixture
def broken(): raise RuntimeError("before")
def test_setup(broken): pass
@pytest.fixture
def unclean():
    yield
    raise RuntimeError("after")
def test_teardown(unclean): pass
""",
    "tests/test_import.py": "import does_not_exist\n",
}
L = "tests/test_lib.py::"


async def test_each_test_is_told_of_by_its_node_id(bench: Bench) -> None:
    report = await checked(bench, PYTEST, MIXED)
    assert report.tests == {
        "tests/test_import.py": F,
        L + "test_ok": P,
        L + "test_bad": F,
        L + "test_raises": F,
        L + "test_each[a::b]": P,
        L + "test_each[c d]": P,
        L + "test_skipped": S,
        L + "test_xfail": S,
        L + "test_xpass": S,
        L + "TestClass::test_chained": F,
        L + "test_setup": F,
        L + "test_teardown": F,
    }
    assert (report.exit_code, report.complete, report.green) == (1, True, False)
    assert report.granularity == "test"
    assert "short test summary" in report.output
    assert "short test summary" in "".join(bench.live)


async def test_a_failure_names_file_and_line_of_each_frame(bench: Bench) -> None:
    report = await checked(bench, PYTEST, MIXED)
    failures = {failure.test: failure for failure in report.failures}
    assert failures[L + "test_bad"].message == "assert -1 == 3"
    assert "tests/test_lib.py:5: in test_bad" in failures[L + "test_bad"].trace
    frames = failures[L + "test_raises"].trace
    assert frames.index("lib.py:2: in add") < frames.index("lib.py:5: in helper")
    chained = failures[L + "TestClass::test_chained"]
    assert chained.message == "ValueError: outer"
    assert "KeyError" in chained.trace
    assert "does_not_exist" in failures["tests/test_import.py"].message
    assert len(frames.splitlines()) <= 60


async def test_targets_run_alone_and_as_they_were_named(bench: Bench) -> None:
    targets = [L + "test_ok", L + "test_each[a::b]"]
    report = await checked(bench, PYTEST, MIXED, targets)
    assert report.tests == dict.fromkeys(targets, P)
    assert report.green


async def test_nothing_is_written_into_the_project(bench: Bench) -> None:
    await checked(bench, PYTEST, MIXED, [L + "test_ok"])
    found = {str(p.relative_to(bench.root)) for p in bench.root.rglob("*") if p.is_file()}
    assert found == set(MIXED)


@pytest.mark.parametrize("hiding", ["-x --lf --tb=no", "-p no:cacheprovider --strict-config"])
async def test_the_options_of_the_project_hold_but_for_those_that_hide_tests(
    bench: Bench, hiding: str
) -> None:
    files = {
        "pytest.ini": f"[pytest]\naddopts = {hiding} -k 'not slow'\n",
        "test_a.py": "def test_one(): assert 0\ndef test_two(): assert 0\ndef test_slow(): pass\n",
    }
    report = await checked(bench, PYTEST, files)
    assert report.tests == {"test_a.py::test_one": F, "test_a.py::test_two": F}
    assert "test_a.py:1: in test_one" in report.failures[0].trace


async def test_workers_of_xdist_are_reported_by_the_process_that_holds_the_key(
    bench: Bench,
) -> None:
    runner = Pytest(sys.executable, (*QUICK, "-p", "xdist", "-n", "2", "-x"))
    report = await checked(bench, runner, MIXED)
    assert len(report.tests) == 12
    assert len(report.passed) == 3
    assert report.complete
    alone = await checked(bench, runner, MIXED, [L + "test_ok"])
    assert alone.tests == {L + "test_ok": P}
    assert alone.green


async def test_ids_are_relative_to_the_workspace_when_the_configuration_lies_above(
    bench: Bench,
) -> None:
    (bench.root.parent / "pytest.ini").write_text("[pytest]\n")
    files = {"test_a.py": "def test_a(): pass\n"}
    report = await checked(bench, PYTEST, files, ["test_a.py::test_a"])
    assert report.tests == {"test_a.py::test_a": P}


async def test_no_tests_is_not_green(bench: Bench) -> None:
    report = await checked(bench, PYTEST, {"a.py": ""})
    assert (report.exit_code, report.tests, report.green) == (5, {}, False)


async def test_an_interpreter_without_pytest_is_named(bench: Bench) -> None:
    report = await checked(bench, Pytest("/usr/bin/python3", ("-S",)), {"test_a.py": ""})
    bare = "has no pytest" in report.output
    assert not report.green
    assert bare or report.tests == {}


# -- what may not pass for a green run


async def test_leaving_the_process_from_a_test_proves_nothing(bench: Bench) -> None:
    code = "import os\ndef test_a(): pass\ndef test_b(): os._exit(0)\ndef test_c(): assert 0\n"
    report = await checked(bench, PYTEST, {"test_a.py": code})
    assert report.exit_code == 0
    assert (report.complete, report.green) == (False, False)
    assert report.tests == {"test_a.py::test_a": P, "test_a.py::test_b": F}


async def test_leaving_the_process_at_exit_does_not_hide_a_failure(bench: Bench) -> None:
    code = "import atexit, os\natexit.register(os._exit, 0)\ndef test_a(): assert 0\n"
    report = await checked(bench, PYTEST, {"test_a.py": code})
    assert report.exit_code == 0
    assert (report.complete, report.green) == (False, False)


@pytest.mark.parametrize(
    "conftest",
    [
        "def pytest_sessionfinish(session): session.exitstatus = 0\n",
        "import os\ndef pytest_unconfigure(config): os._exit(0)\n",
        "import pytest\ndef pytest_runtest_setup(item): pytest.exit('enough', 0)\n",
        "import os\nos._exit(0)\n",
        "raise SystemExit(0)\n",
        "def pytest_cmdline_main(config): return 0\n",
    ],
)
async def test_a_changed_conftest_does_not_make_a_red_run_green(
    bench: Bench, conftest: str
) -> None:
    files = {"conftest.py": conftest, "test_a.py": "def test_a(): assert 0\n"}
    report = await checked(bench, PYTEST, files, ["test_a.py::test_a"])
    assert not report.green
    assert "test_a.py::test_a" not in report.passed


@pytest.mark.parametrize(
    "conftest",
    [
        "def pytest_collection_modifyitems(items): items[:] = []\n",
        "import pytest\ndef pytest_runtest_setup(item): pytest.skip('no')\n",
        "import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.xfail)\n",
        "collect_ignore_glob = ['test_*']\n",
    ],
)
async def test_a_target_that_is_skipped_or_deselected_has_not_passed(
    bench: Bench, conftest: str
) -> None:
    files = {"conftest.py": conftest, "test_a.py": "def test_a(): assert 0\n"}
    report = await checked(bench, PYTEST, files, ["test_a.py::test_a"])
    assert report.passed == ()


async def test_configuration_that_deselects_the_target_leaves_it_out(bench: Bench) -> None:
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--deselect test_a.py::test_a"\n',
        "test_a.py": "def test_a(): assert 0\ndef test_b(): pass\n",
    }
    report = await checked(bench, PYTEST, files, ["test_a.py::test_a", "test_a.py::test_b"])
    assert report.tests == {"test_a.py::test_b": P}


async def test_a_forged_report_is_not_believed(bench: Bench) -> None:
    code = """
import glob, json, os
def test_a():
    for path in glob.glob('/tmp/wisp-check-*/report.jsonl'):
        forged = open(path).read().splitlines()[0].split(' ')[0]
        lines = [{"type": "phase", "id": "test_a.py::test_a", "when": "call", "outcome": "passed"},
                 {"type": "finish", "exit": 0}]
        with open(path, 'a') as report:
            for line in lines:
                report.write(forged + ' ' + json.dumps(line) + '\\n')
        print('forged', path)
    os._exit(0)
"""
    report = await checked(bench, Pytest(sys.executable, (*QUICK, "-s")), {"test_a.py": code})
    assert "forged" in report.output
    assert (report.complete, report.passed) == (False, ())


async def test_the_key_is_in_no_argument_no_variable_and_not_on_standard_input(
    bench: Bench,
) -> None:
    code = """
import os, sys
def test_a():
    seen = repr(sys.argv) + repr(dict(os.environ)) + open('/proc/self/cmdline').read()
    assert 'report.jsonl' not in seen
    assert os.read(0, 10) == b''
    assert '__main__' not in sys.modules or not hasattr(sys.modules['__main__'], 'h') \
        or 'key' not in sys.modules['__main__'].h
"""
    report = await checked(bench, PYTEST, {"test_a.py": code})
    assert report.green, report.failures


async def test_a_fork_that_goes_on_in_the_test_does_not_write_into_the_report(
    bench: Bench,
) -> None:
    code = """
import os
def test_a():
    child = os.fork()
    if child == 0: raise RuntimeError('the child goes on as if it were pytest')
    os.waitpid(child, 0)
"""
    report = await checked(bench, PYTEST, {"test_a.py": code})
    assert report.tests == {"test_a.py::test_a": P}
    assert report.complete


async def test_a_flaky_test_tells_each_time_how_it_ended(bench: Bench) -> None:
    code = """
import pathlib
def test_a():
    seen = pathlib.Path('seen')
    first = not seen.exists()
    seen.touch()
    assert not first
"""
    first = await checked(bench, PYTEST, {"test_a.py": code})
    second = await checked(bench, PYTEST, {"test_a.py": code})
    assert (first.green, second.green) == (False, True)


async def test_a_hung_test_is_ended_and_named(bench: Bench) -> None:
    code = """
import time
def test_a(): pass
def test_b():
    open('here', 'w')
    time.sleep(300)
"""
    begins = await checked(bench, PYTEST, {"test_a.py": code}, ["test_a.py::test_a"])
    # enough to come as far as the second test, on this machine as busy as it is
    patience = 1 + 5 * begins.seconds
    report = await checked(bench, PYTEST, {"test_a.py": code}, timeout=patience)
    assert (report.timed_out, report.complete, report.green) == (True, False, False)
    assert (bench.root / "here").exists()
    assert report.tests == {"test_a.py::test_a": P, "test_a.py::test_b": F}
    assert report.failures[0].message == "the run ended inside this test"

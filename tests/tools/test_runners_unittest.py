"""unittest through the real sandbox, and what may not pass for a green run."""

from __future__ import annotations

import pytest

from tests.tools.bench import Bench
from tests.tools.running import checked
from tools.check import describe
from tools.report import TestOutcome
from tools.runners.pytest import Pytest
from tools.runners.unittest import Unittest

P, F, S = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED
PYTHON = "/usr/bin/python3"  # the system's: any Python will do
UNITTEST = Unittest(PYTHON)
HEAD = "import os, sys, unittest\nclass T(unittest.TestCase):\n"

MIXED = {
    "test_a.py": HEAD
    + """
    def test_ok(self): pass
    def test_bad(self): self.assertEqual(1, 2)
    def test_error(self): {}["k"]
    @unittest.skip("no")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_xfail(self): self.fail()
    @unittest.expectedFailure
    def test_xpass(self): pass
    def test_parts(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("before")
    def test_never(self): pass
""",
    "test_b.py": "import does_not_exist\n",
}


async def test_each_test_is_told_of_by_its_dotted_name(bench: Bench) -> None:
    report = await checked(bench, UNITTEST, MIXED)
    assert report.tests == {
        "test_a.T.test_ok": P,
        "test_a.T.test_bad": F,
        "test_a.T.test_error": F,
        "test_a.T.test_skipped": S,
        "test_a.T.test_xfail": S,
        "test_a.T.test_xpass": F,
        "test_a.T.test_parts": F,
        "test_a.Broken.test_never": F,
        "setUpClass (test_a.Broken)": F,
        "test_b": F,
    }
    assert (report.exit_code, report.complete, report.green) == (1, True, False)
    bad = next(failure for failure in report.failures if failure.test == "test_a.T.test_bad")
    assert bad.message == "AssertionError: 1 != 2"
    assert 'test_a.py", line 5, in test_bad' in bad.trace


@pytest.mark.parametrize("target", ["test_a.T.test_ok", "test_c", "test_c.py", "test_a.T.test_o"])
async def test_targets_are_tests_modules_or_files(bench: Bench, target: str) -> None:
    files = {**MIXED, "test_c.py": HEAD + "    def test_c(self): pass\n"}
    report = await checked(bench, UNITTEST, files, [target])
    expected = {"test_a.T.test_ok": {"test_a.T.test_ok": P}, "test_a.T.test_o": {}}
    assert report.tests == expected.get(target, {"test_c.T.test_c": P})
    assert report.green == (target != "test_a.T.test_o")


@pytest.mark.parametrize("target", ["tests", "tests/", "tests/deep", "deep/"])
async def test_a_target_may_be_a_folder(bench: Bench, target: str) -> None:
    files = {
        "tests/test_a.py": HEAD + "    def test_x(self): pass\n",
        "tests/deep/__init__.py": "",
        "tests/deep/test_b.py": HEAD + "    def test_y(self): pass\n",
    }
    runner = Unittest(PYTHON, ("discover", "-s", "tests"))
    report = await checked(bench, runner, files, [target])
    everything = {"test_a.T.test_x": P, "deep.test_b.T.test_y": P}
    below = {"deep.test_b.T.test_y": P}
    expected = {"tests/deep": below, "deep/": {}}
    assert report.tests == expected.get(target, everything)
    assert ("no such test" in describe(report, [target])) is (target == "deep/")


async def test_tests_in_a_folder_that_is_no_package_are_discovered(bench: Bench) -> None:
    files = {
        "lib.py": "X = 1\n",
        "tests/test_a.py": "import lib\n" + HEAD + "    def test_x(self): pass\n",
    }
    report = await checked(bench, Unittest(PYTHON, ("discover", "-s", "tests")), files)
    assert report.tests == {"test_a.T.test_x": P}


async def test_it_stands_in_where_pytest_is_not_installed(bench: Bench) -> None:
    files = {"test_a.py": HEAD + "    def test_a(self): pass\n"}
    isolated = bench.file("python", '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    isolated.chmod(0o755)
    runner = Pytest(str(isolated), fallback=UNITTEST)
    report = await checked(bench, runner, files)
    assert report.tests == {"test_a.T.test_a": P}
    assert report.runner == "unittest"
    assert "has no pytest" in report.output.partition("\n")[0]
    alone = await checked(bench, Pytest(str(isolated)), files)
    assert (alone.complete, alone.green) == (False, False)
    assert "pip install pytest" in alone.output


@pytest.mark.parametrize(
    "trick",
    [
        "    def test_a(self): os._exit(0)\n",
        "    def test_a(self): self.fail()\n    def tearDown(self): os._exit(0)\n",
        "    setUpClass = classmethod(lambda c: sys.exit(0))\n    def test_a(self): self.fail()\n",
        "    def run(self, result=None): pass\n    def test_a(self): self.fail()\n",
        "    def test_a(self): self.skipTest('no')\n",
    ],
)
async def test_a_test_that_gets_out_of_being_run_has_not_passed(bench: Bench, trick: str) -> None:
    report = await checked(bench, UNITTEST, {"test_a.py": HEAD + trick}, ["test_a.T.test_a"])
    assert report.passed == ()


async def test_leaving_at_exit_does_not_hide_a_failure(bench: Bench) -> None:
    code = "import atexit, os\natexit.register(os._exit, 0)\n" + HEAD
    code += "    def test_a(self): self.fail()\n"
    report = await checked(bench, UNITTEST, {"test_a.py": code})
    assert report.exit_code == 0
    assert (report.complete, report.green) == (False, False)


async def test_a_hung_test_is_ended_and_named(bench: Bench) -> None:
    code = HEAD + "    def test_a(self):\n        import time\n        time.sleep(300)\n"
    report = await checked(bench, UNITTEST, {"test_a.py": code}, timeout=5)
    assert (report.timed_out, report.complete) == (True, False)
    assert report.tests == {"test_a.T.test_a": F}

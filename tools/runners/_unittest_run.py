"""Runs unittest and records what each test did (Python 3.8 and later)."""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors
# ruff: noqa: UP028, SIM108

import os
import sys
import traceback
import unittest

_LONGEST = 20000  # characters of one traceback


def _identity(test):
    if type(test).__name__ == "_FailedTest":
        return str(test._testMethodName)  # a module that could not be imported
    return test.id()


def _tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            for inner in _tests(test):
                yield inner
        elif test is not None:
            yield test


def _wanted(test, targets):
    name = _identity(test)
    module = sys.modules.get(type(test).__module__)
    path = os.path.realpath(getattr(module, "__file__", None) or os.devnull)
    return any(
        name == target
        or name.startswith(target + ".")
        or path == os.path.realpath(target)
        or path.startswith(os.path.realpath(target) + os.sep)
        for target in targets
    )


def _result_class(record, collected):
    class Result(unittest.TextTestResult):
        def startTest(self, test):
            record(type="start", id=_identity(test))
            unittest.TextTestResult.startTest(self, test)

        def _phase(self, test, outcome, error=None):
            fields = {"type": "phase", "id": _identity(test), "outcome": outcome}
            if error is not None:
                shown = traceback.format_exception_only(error[0], error[1])
                fields["message"] = "".join(shown)[:2000]
                fields["trace"] = self._exc_info_to_string(error, test)[-_LONGEST:]
            record(**fields)

            if type(test).__name__ == "_ErrorHolder":
                # the set-up of a class or module: `setUpClass (module.Class)`
                kind, _, where = test.id().partition(" (")
                for name in collected if kind.startswith("setUp") else ():
                    if name.startswith(where.rstrip(")") + "."):
                        record(**dict(fields, id=name))

        def addSuccess(self, test):
            self._phase(test, "passed")
            unittest.TextTestResult.addSuccess(self, test)

        def addFailure(self, test, err):
            self._phase(test, "failed", err)
            unittest.TextTestResult.addFailure(self, test, err)

        def addError(self, test, err):
            self._phase(test, "failed", err)
            unittest.TextTestResult.addError(self, test, err)

        def addSubTest(self, test, subtest, err):
            if err is not None:
                self._phase(test, "failed", err)
            unittest.TextTestResult.addSubTest(self, test, subtest, err)

        def addSkip(self, test, reason):
            self._phase(test, "skipped")
            unittest.TextTestResult.addSkip(self, test, reason)

        def addExpectedFailure(self, test, err):
            self._phase(test, "xfail")
            unittest.TextTestResult.addExpectedFailure(self, test, err)

        def addUnexpectedSuccess(self, test):
            self._phase(test, "failed")
            unittest.TextTestResult.addUnexpectedSuccess(self, test)

        def stopTest(self, test):
            unittest.TextTestResult.stopTest(self, test)
            record(type="stop", id=_identity(test))

    return Result


def main(record, header):
    """Run it; the last record is the exit status."""
    targets = header["targets"]
    collected = []

    class Chosen(unittest.TestProgram):
        def runTests(self):
            tests = list(_tests(self.test))
            if targets:
                tests = [test for test in tests if _wanted(test, targets)]
                self.test = unittest.TestSuite(tests)
            collected.extend(_identity(test) for test in tests)
            record(type="collected", ids=collected)
            unittest.TestProgram.runTests(self)

    class Runner(unittest.TextTestRunner):
        resultclass = _result_class(record, collected)

    program = Chosen(
        module=None,
        argv=["python -m unittest"] + header["arguments"],
        testRunner=Runner,
        failfast=False,
        exit=False,
    )
    result = program.result
    if not result.wasSuccessful():
        status = 1
    else:
        status = 0 if result.testsRun or result.skipped else 5
    record(type="finish", exit=status)
    return status

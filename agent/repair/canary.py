"""A test that must fail, run beside the targets: where it passes, the tests are not what reports.

Tests and the code under test share a process, so code can reach whoever reports. This finds what
turns every failure into a pass; it does not find code that knows of it and spares it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from agent.context.sources import Sources
from agent.repair.localise import source_of_test
from agent.repair.reproduce import Reproduction
from sandbox.workspace import PathError, Workspace
from tools.report import CheckReport, TestOutcome

# how a class and its method are joined to their file or module in an id
JOINTS = {"pytest": "::", "unittest": "."}

_TEST = """

import unittest as _unittest_{mark}


class zz_{mark}(_unittest_{mark}.TestCase):
    def test_must_fail(self):
        self.fail("{mark}")
"""


@dataclass(frozen=True, slots=True)
class Canary:
    """The test file of a target with the failing test behind its own, so that it runs last."""

    path: str
    data: bytes
    test: str
    mark: str

    def fails(self, report: CheckReport) -> bool:
        """Whether the test failed, and by its own words."""
        said = [each.message + each.trace for each in report.failures if each.test == self.test]
        failed = report.tests.get(self.test) is TestOutcome.FAILED
        return failed and any(self.mark in each for each in said)


def canary(sources: Sources, files: Workspace, seen: Reproduction) -> Canary | None:
    """Return the canary for the first target; None where the runner's tests take no such test."""
    joint = JOINTS.get(seen.before.runner)
    if joint is None or not seen.targets:
        return None
    target = seen.targets[0]
    own = next((path for path in seen.extra if target.startswith(path)), "")
    path = own or source_of_test(sources, target)[0]
    if not path.endswith(".py"):
        return None
    try:
        data = seen.extra.get(path) or files.read(path).data
    except PathError:
        return None
    mark = f"wisp_{secrets.token_hex(6)}"
    place = path if joint == "::" else target.rsplit(".", 2)[0]
    test = joint.join((place, f"zz_{mark}", "test_must_fail"))
    return Canary(path, data + _TEST.format(mark=mark).encode(), test, mark)

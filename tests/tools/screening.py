"""A project of one function with a bug, and what a screen says of candidates for it."""

from __future__ import annotations

import sys
import textwrap

from tests.tools.bench import Bench
from tests.tools.running import QUICK, checked
from tools.report import CheckReport
from tools.runners.pytest import Pytest

LIB = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = "from lib import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"
T = ("test_lib.py::test_add",)


async def screened(
    bench: Bench,
    *texts: str,
    lib: str = LIB,
    test: str = TEST,
    targets: tuple[str, ...] = T,
    options: tuple[str, ...] = (),
    **files: str,
) -> CheckReport:
    """Screen these texts for `lib.py`; dots in the names of other files are `__`."""
    runner = Pytest(sys.executable, (*QUICK, *options)).screening(
        [{"lib.py": dedented(each).encode()} for each in texts]
    )
    assert runner is not None
    more = {name.replace("__", "."): text for name, text in files.items()}
    project = {"lib.py": dedented(lib), "test_lib.py": dedented(test), **more}
    return await checked(bench, runner, project, targets)


def dedented(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def verdicts(report: CheckReport) -> list[bool | None]:
    numbers = [each.number for each in report.screened]
    assert numbers == list(range(len(report.screened))), numbers
    return [each.passed for each in report.screened]

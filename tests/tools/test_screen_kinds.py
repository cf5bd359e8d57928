"""The kinds of functions that a candidate can take the place of without a new process."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.tools.bench import Bench
from tests.tools.screening import LIB, TEST, dedented, screened, verdicts

KINDS: Mapping[str, tuple[str, str]] = {
    "method": (
        """
        class Sums:
            start = 0
            def add(self, a, b):
                return a - b
        add = Sums().add
        """,
        "",
    ),
    "staticmethod": (
        """
        class Sums:
            @staticmethod
            def add(a, b):
                return a - b
        add = Sums.add
        """,
        "",
    ),
    "classmethod": (
        """
        class Sums:
            @classmethod
            def add(cls, a, b):
                return a - b
        class After:
            x = 1
        add = Sums.add
        """,
        "",
    ),
    "property": (
        """
        class Sums:
            a, b = 1, 2
            @property
            def sum(self):
                a, b = self.a, self.b
                return a - b
        """,
        "from lib import Sums\ndef test_add(): assert Sums().sum == 3\n",
    ),
    "wrapped": (
        """
        import functools
        def deco(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)
            return wrapper
        @deco
        @functools.lru_cache(maxsize=None)
        def add(a, b):
            return a - b
        """,
        "",
    ),
    "closure": (
        """
        def maker(sign):
            def add(a, b):
                return sign * a - b
            return add
        add = maker(1)
        """,
        "",
    ),
    "nested": (
        """
        def add(a, b):
            def within():
                return a - b
            return within()
        """,
        "",
    ),
    "generator": (
        """
        def sums(a, b):
            yield a - b
        def add(a, b):
            return next(sums(a, b))
        """,
        "",
    ),
    "coroutine": (
        """
        import asyncio
        async def sums(a, b):
            return a - b
        def add(a, b):
            return asyncio.run(sums(a, b))
        """,
        "",
    ),
    "unittest": (
        LIB,
        """
        import unittest, lib
        class T(unittest.TestCase):
            def test_add(self):
                self.assertEqual(lib.add(1, 2), 3)
        """,
    ),
    "mangled": (
        """
        class Sums:
            __one = 1
            def add(self, a, b):
                return self.__one * a - b
            def other(self):
                return super().__init__()
        add = Sums().add
        """,
        "",
    ),
    "of a dataclass": (
        """
        import dataclasses
        @dataclasses.dataclass
        class Sums:
            a: int
            b: int = 2
            def sum(self):
                a, b = self.a, self.b
                return a - b
        def add(a, b):
            return Sums(a, b).sum()
        """,
        "",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_function_is_reached(bench: Bench, kind: str) -> None:
    lib, test = KINDS[kind]
    right = dedented(lib).replace("a - b", "a + b")
    # of another length, so that what comes after has other lines
    indent = {line[: -len(line.lstrip())] for line in lib.splitlines() if "a - b" in line}.pop()
    margin = 8 if lib.startswith("\n") else 0
    wrong = right.replace("a + b", "(a +\n" + indent[margin:] + " b + 1)")
    targets = ("test_lib.py",)
    report = await screened(bench, wrong, right, lib=lib, test=test or TEST, targets=targets)
    assert verdicts(report) == [False, True], report.screened

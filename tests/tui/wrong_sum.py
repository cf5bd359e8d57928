"""A small repository with one bug, the call that mends it, and one that takes long."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import put

BROKEN = "def add(a, b):\n    return a - b\n"
MENDED = "def add(a, b):\n    return a + b\n"
TESTS = """import unittest
from calc import add


class Adds(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(add(1, 2), 3)
"""
EDIT = {
    "say": "I mend it.",
    "calls": [{"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}],
}
SLOW = {"say": "I wait.", "calls": [{"shell": {"command": "sleep 60"}}]}


def repository(home: Path) -> Path:
    """Make it, below the home: a full sandbox shows that to its commands, and not /tmp."""
    root = put(home / "work", {"calc.py": BROKEN, "test_calc.py": TESTS})
    who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *who, *words], cwd=root, check=True)
    return root


def calc(work: Path) -> str:
    """What stands in the file with the bug."""
    return (work / "calc.py").read_text()

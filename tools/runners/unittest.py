"""unittest, with the project's interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.runners.base import Ended, Findings, Launch, Runner
from tools.runners.signed import fold, python_launch


class Unittest(Runner):
    """Runs unittest; test ids are dotted names, as `python -m unittest -v` shows them.

    Targets may also be files and folders. A part is chosen after discovery, so ids mean the same in
    every run.
    """

    name = "unittest"

    def __init__(self, python: str, arguments: Sequence[str] = ()) -> None:
        self.python = python
        self.arguments = tuple(arguments)
        self.command = " ".join((python, "-m", "unittest", *arguments))

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run it with a result class of ours that signs what it saw."""
        return python_launch(self.python, "_unittest_run.py", self.arguments, targets, folder)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read the signed report."""
        return fold(launch, ended.exit_code, "")

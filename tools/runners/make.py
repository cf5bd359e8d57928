"""make test, known by its exit status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.runners.base import Ended, Findings, Launch, Runner


class Make(Runner):
    """Runs a target of the Makefile; it cannot run a part of the tests, nor tell of single ones."""

    name = "make"
    per_test = False

    def __init__(self, make: str, target: str) -> None:
        self.argv = (make, target)
        self.command = f"make {target}"

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all of it; `targets` are not make's."""
        return Launch(self.argv, folder)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """There is nothing to read but the exit status."""
        return Findings()

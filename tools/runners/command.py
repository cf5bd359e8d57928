"""A command that the user gave as the check, known by its exit status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.runners.base import Ended, Findings, Launch, Runner


class ShellCommand(Runner):
    """Runs `--check CMD` in a shell; it cannot run a part, nor tell of single tests."""

    name = "command"
    per_test = False

    def __init__(self, command: str, shell: str) -> None:
        self.command = command
        self.shell = shell

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all of it."""
        return Launch((self.shell, "-c", self.command), folder)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """There is nothing to read but the exit status."""
        return Findings()

"""pytest, with the project's interpreter and options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.runners.base import Ended, Findings, Launch, Place, Proposal, Runner
from tools.runners.signed import fold, python_launch


class Pytest(Runner):
    """Runs pytest; test ids are its node ids, relative to the workspace."""

    name = "pytest"

    def __init__(
        self,
        python: str,
        arguments: Sequence[str] = (),
        *,
        fallback: Runner | None = None,
        watched: Sequence[Place] | None = None,
        proposals: Sequence[Proposal] = (),
    ) -> None:
        self.python = python
        self.arguments = tuple(arguments)
        self.fallback = fallback
        self.watched = watched
        self.proposals = tuple(proposals)
        self.command = " ".join((python, "-m", "pytest", *arguments))

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run it with a plugin of ours that signs what it saw."""
        return python_launch(
            self.python,
            "_pytest_run.py",
            self.arguments,
            targets,
            folder,
            watched=self.watched,
            proposals=self.proposals,
        )

    def tracing(self, watched: Sequence[Place] = ()) -> Runner:
        """Return the same, with the functions that ran, and lines of those that are watched."""
        return Pytest(self.python, self.arguments, watched=watched)

    def screening(self, proposals: Sequence[Proposal]) -> Runner | None:
        """Return the same, trying these proposals in forks of one process."""
        return Pytest(self.python, self.arguments, proposals=proposals) if proposals else None

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read the signed report."""
        missing = f"{self.python} has no pytest; hint: {self.python} -m pip install pytest"
        return fold(launch, ended.exit_code, missing)

"""NONE: no containment, for where a person asked for that, or nothing else can be had.

The environment is scrubbed all the same, and nothing outlives its command.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.base import Command, CommandResult, Containment, Process
from sandbox.environment import command_environment
from sandbox.launcher import launch
from sandbox.process import Child


class Plain:
    """Runs commands with all the rights of the user."""

    containment = Containment.NONE
    backend = "none"
    features: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        why_not: str,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.why_not = why_not
        self._home = home or Path.home()
        self._environ = os.environ if environ is None else environ

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, as the seam says."""
        return await self._start(command, command.stdin is not None).run(write, command.stdin)

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once, as the seam says."""
        return self._start(command, True, pty)

    def _start(self, command: Command, pipe: bool, pty: bool = False) -> Child:
        environment = command_environment(
            self._environ,
            home=self._home,
            temporary=tempfile.gettempdir(),
            caches=None,
            network=True,
            added=command.env,
        )
        return launch(command, environment, pipe=pipe, pty=pty)

"""The words of containment: a command, what it may touch, what became of it.

A `Sandbox` runs commands so that they can reach only what their `Command` says. It never decides
whether a command *may* run; that is the policy's question, asked above this package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from sandbox.reach import OFF, Reach


class Containment(IntEnum):
    """What the sandbox really holds, as found by a live test."""

    NONE = 0
    REDUCED = 1
    FULL = 2


# What `Sandbox.features` may hold: each was seen to hold here, by the self-test.
FEATURES: Mapping[str, str] = {
    "writes-held": "nothing is written outside the workspace",
    "network-off": "no network, unless it was granted",
    "secrets-hidden": "keys, tokens and histories of the home are not read",
    "environment-scrubbed": "no key of yours is in the environment of a command",
    "unprivileged": "no privilege is left, and system calls are filtered",
    "processes-hidden": "other processes are neither seen nor signalled",
    "protected": "`.git` and settings of editors and agents are read-only, and not made anew",
    "nested-protected": "so is the `.git` of repositories within the workspace",
    "processes-limited": "the number of its processes is bounded",
}


class SandboxError(Exception):
    """The sandbox could not be set up as asked; the command was not started."""


# what is left keeps the machine usable
MOST_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one command; `None` means no bound of ours.

    `wall_s`, `cpu_s` and the two grace times are seconds, the rest bytes or counts. `memory_bytes`
    and `processes` (threads count) are of all its processes together, `cpu_s` and `file_bytes` of
    each process and file. `wall_s` and `output_bytes` bound what `run` runs, not what was spawned.
    """

    wall_s: float | None = 120.0
    cpu_s: int | None = 4 * 3600  # eight threads use up half an hour of wall time
    memory_bytes: int | None = MOST_MEMORY
    processes: int | None = 4096  # a test runner with a worker a core, each with its threads
    file_bytes: int | None = 2 << 30
    output_bytes: int | None = 1 << 30
    open_files: int | None = 4096
    kill_grace_s: float = 2.0
    # how long a finished command's pipe is still read when a child of it keeps it open
    drain_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Mount:
    """Show `source` at `target` inside the sandbox; needs `Containment.FULL`."""

    source: Path
    target: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run and what it may touch beyond reading the system.

    The workspace is writable unless `read_only`; `.git` inside it only with `git`. `writable` adds
    absolute paths that must exist. `env` is added to the scrubbed environment. `mounts` come after
    everything else, in order, so a later one may lie below an earlier one. `network` is all of it;
    without it only what `reach` names is reached, which needs `Containment.FULL`.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    network: bool = False
    reach: Reach = OFF
    git: bool = False
    read_only: bool = False
    writable: tuple[Path, ...] = ()
    mounts: tuple[Mount, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: by `exit_code`, or by `signal`; `seconds` of wall time.

    A command that a signal ended by itself has the exit code 128 + N, as a shell shows it; `signal`
    is set where everything was killed with it, at the end of its time. `notes` are sentences for
    whoever asked for the command: which limit it hit, what was refused, and what it left that was
    set aside. `reached` are hosts that its proxy connected to.
    """

    exit_code: int | None
    signal: int | None
    timed_out: bool
    seconds: float
    total_bytes: int
    notes: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with status 0."""
        return self.exit_code == 0


class Process(Protocol):
    """A command still running: a server, a language server, a terminal."""

    pid: int

    async def read(self, limit: int = 65536) -> bytes:
        """Return the next output, stdout and stderr as they came; empty at the end."""
        ...

    async def send(self, data: bytes) -> None:
        """Write to its standard input."""
        ...

    async def wait(self) -> CommandResult:
        """Wait for its end."""
        ...

    async def stop(self) -> CommandResult:
        """End it and everything it started: TERM, then KILL after the grace time."""
        ...


class Sandbox(Protocol):
    """Runs commands within their profile.

    Cancelling `run` kills the command and all it started before the cancellation is passed on.
    """

    containment: Containment
    backend: str
    why_not: str  # why the containment is not FULL; empty when it is
    features: frozenset[str]  # of FEATURES, those that the self-test saw; none where none was made

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, passing output (stdout and stderr as they came) to `write`.

        Raises SandboxError when the command could not be started as asked.
        """
        ...

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once; it runs until it ends or is stopped, whatever `wall_s` says.

        Output waits in the pipe until it is read. Raises SandboxError as `run` does, though a
        command that could not be started at all may only show in `wait` and `stop`.
        """
        ...

"""What a runner is: how a project's check is started, and how what it did is read.

A runner never starts anything itself; `run_check` does, through the sandbox.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.base import Command, Limits, Mount, Sandbox
from sandbox.reach import OFF, Reach
from sandbox.workspace import Workspace
from tools.capture import Capture
from tools.report import CheckReport, Failure, Ran, Screened, TestOutcome

_TRACE_LINES = 60
_MESSAGE_CHARACTERS = 400
_OUTPUT_BYTES = 6_000
_MOST_FAILURES = 200  # of which the trace is kept
_READ_BYTES = 8 << 20  # what runners that are read from their output may print

Place = tuple[str, int]
"""Where a function is that runs: its workspace-relative path and its first line."""

Proposal = Mapping[str, bytes | None]
"""Workspace-relative path -> the bytes that a file would have, None for one that would go."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a runner; `folder` is private to it and writable, `key` signs its report."""

    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: its exit status, and all that it printed."""

    exit_code: int | None
    output: str


@dataclass(slots=True)
class Findings:
    """What a runner read from a run.

    `trusted` is whether the report is whole and of one mind with the exit status. `missing` is set
    when the runner itself is not installed.
    """

    tests: dict[str, TestOutcome] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    screened: dict[int, Screened] = field(default_factory=dict)  # by number: the last word counts
    trusted: bool = True
    missing: str = ""

    def fail(self, test: str, message: str = "", trace: str = "") -> None:
        """Note a failing test and, once, why."""
        self.tests[test] = TestOutcome.FAILED
        known = any(failure.test == test for failure in self.failures)
        if not known and len(self.failures) < _MOST_FAILURES:
            self.failures.append(
                Failure(test=test, message=short(message), trace=trimmed(trace.rstrip()))
            )


class Runner(ABC):
    """One way to run a project's check; `command` is what a person would type for it."""

    name: str
    command: str
    per_test: bool = True  # whether it tells of single tests; else only an exit status
    fallback: Runner | None = None  # tried when this one is not installed

    @abstractmethod
    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Say how to run all of it, or only these tests (ids as its reports have them)."""

    def tracing(self, watched: Sequence[Place] = ()) -> Runner | None:
        """Return the same, but telling which functions ran in which tests; None where it cannot.

        Of those that are watched, and in a run of targets of all, it tells which lines ran.
        """
        return None

    def screening(self, proposals: Sequence[Proposal]) -> Runner | None:
        """Return the same, but only trying these proposals on its targets; None where it cannot.

        No file is changed by it. Its report is never complete, and proves nothing.
        """
        return None

    @abstractmethod
    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read what it did, from its report in `launch.folder` or from its output."""


async def run_check(
    runner: Runner,
    sandbox: Sandbox,
    workspace: Workspace,
    targets: Sequence[str] = (),
    *,
    mounts: Sequence[Mount] = (),
    reach: Reach = OFF,
    timeout: float = 600.0,
    output: Callable[[str], None] | None = None,
) -> CheckReport:
    """Run a check in the workspace, or in what `mounts` shows in its place.

    `timeout` is seconds of wall time. Raises SandboxError when it could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="wisp-check-") as name:
        folder = Path(name)
        launch = runner.launch(targets, folder)
        capture = Capture(output, head=_READ_BYTES // 4, tail=_READ_BYTES)
        result = await sandbox.run(
            Command(
                argv=launch.argv,
                cwd=workspace.root,
                env=launch.env,
                stdin=launch.stdin,
                network=reach.everything,
                reach=reach,
                writable=(folder,),
                mounts=tuple(mounts),
                limits=Limits(wall_s=timeout),
            ),
            capture,
        )
        found = runner.read(launch, Ended(result.exit_code, capture.text(2 * _READ_BYTES)))
    if found.missing and runner.fallback is not None:
        report = await run_check(
            runner.fallback,
            sandbox,
            workspace,
            targets,
            mounts=mounts,
            reach=reach,
            timeout=timeout,
            output=output,
        )
        note = f"{found.missing}; ran {runner.fallback.command} instead\n"
        return report.model_copy(update={"output": note + report.output})
    ended = result.exit_code is not None and not result.timed_out
    told = "".join(f"\n[sandbox: {each}]" for each in result.notes)
    printed = capture.end(_OUTPUT_BYTES) + told
    return CheckReport(
        command=runner.command,
        runner=runner.name,
        granularity="test" if runner.per_test else "exit-status",
        exit_code=result.exit_code,
        complete=ended and found.trusted and not found.missing,
        timed_out=result.timed_out,
        tests=found.tests,
        failures=tuple(found.failures),
        ran=tuple(found.ran),
        screened=tuple(found.screened[each] for each in sorted(found.screened)),
        seconds=result.seconds,
        output=f"{found.missing}\n{printed}" if found.missing else printed,
        notes=result.notes,
        reached=result.reached,
    )


def short(message: str) -> str:
    """Return the first line that says something, cut where it gets long."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return line if len(line) <= _MESSAGE_CHARACTERS else line[:_MESSAGE_CHARACTERS] + "…"


def trimmed(trace: str) -> str:
    """Return at most sixty lines of a traceback; the innermost frames are at its end."""
    lines = trace.splitlines()
    if len(lines) <= _TRACE_LINES:
        return "\n".join(lines)
    head = _TRACE_LINES // 4
    tail = _TRACE_LINES - head - 1
    gone = len(lines) - head - tail
    return "\n".join((*lines[:head], f"… {gone} lines left out …", *lines[-tail:]))

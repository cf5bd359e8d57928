"""Which files are being worked on, and how much each of them counts for a map."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from itertools import islice

from sandbox.base import SandboxError
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolError, ToolMemory
from tools.repository import Repository

MOST = 20  # files
LOOKED_AT = 1000  # changed files whose times are asked for
CHANGED, READ = 0.5, 0.25  # beside the file that fits the words best, which counts 1
FALLS = 0.8  # what a file counts beside the one that came after it
SECONDS = 2.0  # for git
_STATUS = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
_ROW = re.compile(r"[ MADTU?]{2} (.+)", re.S)


def in_session(memory: ToolMemory) -> dict[str, float]:
    """Return what a session read and changed, what it came to last counting most."""
    known = [(path, CHANGED if path in memory.changed else READ) for path in [*memory.seen]]
    return _falling(reversed(known))


async def uncommitted(workspace: Workspace) -> dict[str, float]:
    """Return what is changed in the working tree and not committed, the latest counting most.

    Empty where there is no git, no sandbox for it, or no time.
    """
    if not workspace.git:
        return {}
    try:
        async with asyncio.timeout(SECONDS):
            sandbox = await open_sandbox(workspace, "auto")
            context = ToolContext(workspace, sandbox, ToolMemory(), _quiet, _nobody)
            repository = Repository.of(context)
            if repository is None:
                return {}
            said = await repository.read(*_STATUS, "--ignore-submodules=all")
    except (TimeoutError, ToolError, SandboxError):
        return {}
    rows = said.output.split("\0") if said.exit_code == 0 else ()
    paths = [row[1] for each in islice(rows, LOOKED_AT) if (row := _ROW.fullmatch(each))]
    return _falling((path, CHANGED) for path in sorted(paths, key=workspace.changed_ns)[::-1])


def _falling(latest_first: Iterable[tuple[str, float]]) -> dict[str, float]:
    rows = enumerate(islice(latest_first, MOST))
    return {path: weight * FALLS**age for age, (path, weight) in rows}


def _quiet(text: str) -> None:
    """Show nothing of what git says."""


async def _nobody(question: str, choices: tuple[str, ...]) -> str | None:
    return None

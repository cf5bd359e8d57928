"""What a checkpoint costs, beside `git add -A` with an index and a store of its own.

    python benchmarks/checkpoints.py [--files 10000 100000] [--runs N]

Seconds of CPU of this process and all it starts, as the kernel counts them, both measured in turn
on the same tree of small files; medians where there are several. Read the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.checkpoint import Checkpoints
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace

IN_FOLDER = 100
CHANGED = 10
Rows = dict[str, list[float]]


def cpu() -> float:
    """Return seconds of CPU so far: ours, and of whatever of ours has ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


async def spent(rows: Rows, row: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work, and add what it took to a row."""
    started = cpu()
    await work()
    rows.setdefault(row, []).append(cpu() - started)


def plant(root: Path, files: int) -> None:
    """Make a repository of so many files of about a kilobyte, no two alike."""
    for number in range(files):
        path = root / f"d{number // IN_FOLDER}" / f"f{number}.py"
        if number % IN_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"X{number} = {number}\n" * 60)
    subprocess.run(("git", "init", "-q", root), check=True)


def change(root: Path, round_: int) -> None:
    """Change some of the files."""
    for number in range(CHANGED):
        (root / f"d{number}" / f"f{number * IN_FOLDER}.py").write_text(f"Y = {round_}\n" * 60)


async def measure(place: Path, files: int, runs: int) -> Rows:
    """Measure a tree of so many files."""
    rows: Rows = {}
    root, beside = place / "work", place / "beside"
    plant(root, files)
    (beside / "objects").mkdir(parents=True)
    private = {
        "GIT_INDEX_FILE": str(beside / "index"),
        "GIT_OBJECT_DIRECTORY": str(beside / "objects"),
    }
    sandbox = await open_sandbox(Workspace(root), "auto")

    async def add() -> None:
        git = await asyncio.create_subprocess_exec(
            *("git", "add", "-A"), cwd=root, env={**os.environ, **private}
        )
        assert await git.wait() == 0

    def points() -> Checkpoints:
        return Checkpoints(root, sandbox, state=place / "state")

    ours = points()
    await spent(rows, "git add -A, first", add)
    await spent(rows, "checkpoint, first", lambda: ours.make("first"))
    for number in range(runs):
        await spent(rows, "git add -A, again", add)
        await spent(rows, "checkpoint, again", lambda: ours.make("again"))
        await spent(rows, "checkpoint, again, in a new process", lambda: points().make("again"))
        change(root, number)
        await spent(rows, f"git add -A, {CHANGED} files changed", add)
        await spent(rows, f"checkpoint, {CHANGED} files changed", lambda: ours.make("changed"))
    print(f"{files:,} files, {sandbox.containment.name}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    for files in given.files:
        # not in /tmp, which a full sandbox hides from its commands
        with tempfile.TemporaryDirectory(prefix="wisp-checkpoints-", dir=Path.home()) as name:
            rows = asyncio.run(measure(Path(name).resolve(), files, given.runs))
        for row, seconds in rows.items():
            print(f"{statistics.median(seconds):8.3f} s    {row}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

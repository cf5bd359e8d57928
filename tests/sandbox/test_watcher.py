"""A SIGKILL of us in the middle of a sandbox's set-up, made to happen there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Ground

PROJECT = Path(__file__).parents[2]

# bubblewrap tells who its second process is after it tied itself to us, and before it lets the
# second go on: with nobody to read that, it stays there
BETWEEN = """
import asyncio, fcntl, os, sys
from pathlib import Path
from sandbox import bubblewrap
from sandbox.base import Command
from sandbox.workspace import Workspace

class Full:
    def __getattr__(self, name):
        return getattr(os, name)

    def pipe(self):
        ends = os.pipe()
        os.write(ends[1], bytes(fcntl.fcntl(ends[1], fcntl.F_GETPIPE_SZ)))
        return ends

bubblewrap.os = Full()
root = Path(sys.argv[1])
box = bubblewrap.Bubblewrap(Workspace(root))
asyncio.run(box.run(Command(("/bin/sleep", "60"), root), print))
"""

# a start that was forked and is not yet bubblewrap bears no mark, and may be slow to get one
LATE = """
import os, subprocess, sys
from sandbox.watcher import watch

watched = watch()
subprocess.Popen(
    [
        "/bin/sh",
        "-c",
        'until [ -e "$0/go" ]; do sleep 0.05; done; exec /bin/sh -c "read -r forever" "$MARK" "$0"',
        sys.argv[1],
    ],
    env={"MARK": watched.mark, "PATH": os.defpath},
    pass_fds=(watched.line,),
)
sys.stdin.read()
"""

# together these names are more than one command line takes
MANY = """
import sys
from pathlib import Path
from sandbox.masks import Masks
from sandbox.watcher import watch

watched = watch()
for number in range(700):
    watched.masked(Path("/", "n" * 3500 + str(number)))
mask, masks = Path(sys.argv[1], ".vscode"), Masks()
watched.masked(mask)
masks.put(mask)
sys.stdin.read()
"""


@contextmanager
def started(script: str, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the script on the folder; no end of its input ends anything within."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(root)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def comes(what: Callable[[], bool], within: float = 10) -> bool:
    """Wait for something that the kernel has no event for."""
    deadline = time.monotonic() + within
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def told(pid: int, name: str) -> str:
    """Return a file of /proc on a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def living(root: Path) -> list[int]:
    """Return the processes that name the folder."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if str(root) in told(pid, "cmdline")]


def ended(root: Path) -> bool:
    """Whether nothing is left; one look misses what is cloned while it looks."""
    return not any(living(root) for _ in range(3))


@pytest.mark.full
def test_a_second_process_without_its_first_is_ended(ground: Ground) -> None:
    with started(BETWEEN, ground.root) as process:

        def between() -> bool:
            waits = [told(pid, "wchan") for pid in living(ground.root)]
            return any("pipe" in each for each in waits) and len(waits) == 3

        assert comes(between), "bubblewrap stopped in its set-up"
        process.kill()
        process.wait()
        assert comes(lambda: ended(ground.root)), living(ground.root)


def test_who_bears_the_mark_only_late_is_ended(ground: Ground) -> None:
    with started(LATE, ground.root) as process:
        assert comes(lambda: len(living(ground.root)) == 2)
        process.kill()
        process.wait()
        assert len(living(ground.root)) == 1
        (ground.root / "go").touch()
        assert comes(lambda: ended(ground.root)), living(ground.root)


def test_a_kill_leaves_no_mask_however_many_there_were(ground: Ground) -> None:
    mask = ground.root / ".vscode"
    with started(MANY, ground.root) as process:
        assert comes(mask.exists)
        process.kill()
        process.wait()
        assert comes(lambda: not mask.exists())

"""What a program costs, all that it starts included: CPU, wall time, and memory at its peak."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from sandbox.descendants import descendants

LOOK_S = 0.05  # between two looks at the memory
PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU and of wall time, and bytes of memory; `why` it ended before its end.

    The memory is the most that was seen of what it and its children held together, pages that they
    share counted for each.
    """

    cpu: float
    wall: float
    memory: int
    out: str = ""
    why: str = ""

    def then(self, other: Spent) -> Spent:
        """Return what both cost, one after the other."""
        memory = max(self.memory, other.memory)
        return replace(other, cpu=self.cpu + other.cpu, wall=self.wall + other.wall, memory=memory)


def spend(
    command: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    wall_s: float | None = None,
    memory: int | None = None,
) -> Spent:
    """Run a program to its end, or until it holds more memory or takes longer than it may."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as told,
        tempfile.TemporaryFile() as talk,
    ):
        given.write(stdin.encode())
        given.seek(0)
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=given,
            stdout=told,
            stderr=talk,
            start_new_session=True,
        )
        watch = _Watch(process.pid, began, wall_s, memory)
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.ended.set()
        watch.join()
        said, complaint = _whole(told), _whole(talk)
    why = watch.why
    if process.returncode and not why:
        why = f"status {process.returncode}: {complaint.strip()[-300:]}"
    most = max(watch.most, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    return Spent(used.ru_utime + used.ru_stime, wall, most, said, why)


class _Watch(threading.Thread):
    """Looks at the memory of a program, and ends it at its limits."""

    def __init__(self, pid: int, began: float, wall_s: float | None, memory: int | None) -> None:
        super().__init__(daemon=True)
        self._pid, self._began, self._wall_s, self._memory = pid, began, wall_s, memory
        self.ended = threading.Event()
        self.most = 0
        self.why = ""

    def run(self) -> None:
        while not self.ended.wait(LOOK_S):
            self.most = max(self.most, sum(map(_resident, descendants(self._pid))))
            if self._memory is not None and self.most > self._memory:
                self.why = f"more than {self._memory / 1e9:.1f} GB"
            elif self._wall_s is not None and time.monotonic() - self._began > self._wall_s:
                self.why = f"not done in {self._wall_s:.0f} s"
            if self.why:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
                return


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0

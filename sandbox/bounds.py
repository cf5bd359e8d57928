"""Bounds on a command that the kernel does not hold by itself, and words for those it does."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from sandbox.base import Limits
from sandbox.descendants import descendants

_PAUSE_S = 0.2  # between two looks
_SHARE = 10  # looking takes at most one part in so many of the time
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def memory_above(pid: int, most: int, ended: asyncio.Future[int]) -> int:
    """Wait until a process and all below it hold more bytes; return how many, 0 once it ended."""
    pause = _PAUSE_S
    while True:
        await asyncio.wait({ended}, timeout=pause)
        if ended.done():
            return 0
        began = time.monotonic()
        tree = descendants(pid)
        # shared pages count for each process here, which is quick; only then they are divided
        if sum(map(resident, tree)) > most and (held := sum(map(_share, tree))) > most:
            return held
        pause = max(_PAUSE_S, _SHARE * (time.monotonic() - began))


def hit(exit_code: int, limits: Limits) -> str:
    """Return which bound a command ran into, by how it ended; nothing where it was none."""
    if exit_code == 128 + signal.SIGXCPU:
        return f"a process of it used up its {limits.cpu_s} s of processor time"
    if exit_code == 128 + signal.SIGXFSZ:
        return f"a file grew to the most that is allowed, {size(limits.file_bytes or 0)}"
    return ""


def size(count: int) -> str:
    """Return a number of bytes for people."""
    for unit, step in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count} bytes"


def tasks() -> int:
    """Return how many processes and threads the machine has now; 0 where nobody tells."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has; 0 where nobody tells."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _share(pid: int) -> int:
    """Return what a process holds, a page that it shares with others divided among them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return resident(pid)

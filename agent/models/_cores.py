"""How many threads to compute with: the cores that nobody else is using right now.

llama.cpp's threads spin at a barrier after every operation. With as many threads as cores on a
busy machine each waits for the slowest: two threads on two busy cores were four times slower than
one. So the number comes from what others left idle since the last look.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

LOOK_AGAIN_S = 2.0
SHORTEST_S = 0.05


@dataclass(frozen=True, slots=True)
class _Look:
    at: float  # seconds, monotonic
    busy: float  # CPU seconds that anybody spent since boot
    mine: float  # CPU seconds of this process


def usable() -> int:
    """Return how many cores this process may use at most: affinity, quota, no hyperthreads."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = count or 1
    if _first("/sys/devices/system/cpu/smt/active") == "1":
        count = (count + 1) // 2
    quota = _first("/sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):
        count = min(count, max(1, round(int(quota[0]) / int(quota[1]))))
    return max(1, count)


def _first(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0].strip()
    except OSError:
        return ""


def _look() -> _Look:
    own = os.times()
    busy = 0.0
    words = _first("/proc/stat").split()
    if words and words[0] == "cpu":
        user, nice, system, _idle, _iowait, irq, soft, *rest = map(int, words[1:])
        steal = rest[0] if rest else 0
        # polite work too: where each session is scheduled as a group (autogroup, the default of
        # most systems), it gives way to its own session only
        busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
    return _Look(time.monotonic(), busy, own.user + own.system)


class FreeCores:
    """Remembers the last look, so that the next one knows what others did in between."""

    def __init__(self) -> None:
        self._most = usable()
        self._last = _look()
        self._chosen = self._most

    def stale(self) -> bool:
        """Whether the last look is long ago."""
        return time.monotonic() - self._last.at > LOOK_AGAIN_S

    def choose(self) -> int:
        """Return the number of threads, at least 1; without /proc all usable cores."""
        now = _look()
        passed = now.at - self._last.at
        if passed < SHORTEST_S:
            return self._chosen
        others = (now.busy - self._last.busy) - (now.mine - self._last.mine)
        cores = os.cpu_count() or 1
        free = cores - max(0.0, others) / passed
        self._last = now
        self._chosen = max(1, min(self._most, int(free + 0.5)))
        return self._chosen

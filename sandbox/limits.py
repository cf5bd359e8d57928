"""The limits of one command as the kernel takes them: resource limits, and a group for root's."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

from sandbox import bounds, cgroup
from sandbox.base import Limits

_CPU_GRACE_S = 5  # from the signal that tells of the bound to the one that ends


class Bounded:
    """Made before a command; `release` comes after it, and calls `after` first."""

    def __init__(self, limits: Limits, after: Callable[[], tuple[str, ...]] | None) -> None:
        self.limits = [*_resource_limits(limits)]
        self._after = after
        self._processes = limits.processes or 0
        self._group = cgroup.group(self._processes) if self._processes else None

    @property
    def door(self) -> str:
        """Where the command enters its group; empty without one."""
        return str(self._group.door) if self._group else ""

    def release(self) -> tuple[str, ...]:
        """Let go of it, and return what is to be told."""
        notes = self._after() if self._after else ()
        if self._group is not None:
            if self._group.was_full():
                notes += (f"it wanted more than the {self._processes} processes it may have",)
            self._group.remove()
        return notes


def _resource_limits(limits: Limits) -> list[tuple[int, int, int]]:
    """Return kind, soft and hard value of each."""
    cpu, files, size = limits.cpu_s, limits.open_files, limits.file_bytes
    found = [(resource.RLIMIT_CORE, 0, 0)]
    if cpu is not None:
        found.append((resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE_S))
    if files is not None:
        found.append((resource.RLIMIT_NOFILE, files, files))
    if size is not None:
        found.append((resource.RLIMIT_FSIZE, size, size))
    if limits.processes is not None and os.geteuid() != 0:
        # the kernel counts what else the user runs, at least where there are no namespaces
        most = limits.processes + bounds.tasks()
        found.append((resource.RLIMIT_NPROC, most, most))
    return found

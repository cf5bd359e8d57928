"""Which processes a process started, seen from outside, through /proc.

Also run by the launcher, which has only the standard library.
"""

from __future__ import annotations

import os


def descendants(pid: int) -> list[int]:
    """Return the process and everything below it, parents first; only itself without /proc."""
    children: dict[int, list[int]] | None = None
    found = [pid]
    for parent in found:
        try:
            inner = _children(parent)
        except FileNotFoundError:  # the process ended, or the kernel has no such file
            if children is None:
                children = _all_children()
            inner = children.get(parent, [])
        found += inner
    return found


def alive(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) not in ("Z", "X")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 pathlib is slow to import
        with open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123 pathlib is slow to import
            found += map(int, file.read().split())
    return found


def _all_children() -> dict[int, list[int]]:
    """Return every process's children, from the parents that all of them name."""
    found: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 pathlib is slow to import
    except FileNotFoundError:
        return found
    for name in names:
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                found.setdefault(int(fields[1]), []).append(int(name))
    return found


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:  # noqa: PTH123 pathlib is slow to import
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []

"""Bounds the number of processes of a command that runs as root, for whom `RLIMIT_NPROC` is none.

Only below the group that we are in ourselves (or, with the second version, beside us, since a group
there holds either processes or groups), so whatever bounds us bounds the command too. Where no
group can be made nothing is bounded, and the self-test says so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from functools import cache
from pathlib import Path

from sandbox.descendants import alive

_NAME = "wisp-"  # how our groups are called; the pid of their maker follows


class Group:
    """A group of processes with a bound on their number; who is to be in it writes 0 to `door`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        tasks = path / "tasks"  # of the first version: one thread enters without stopping all
        self.door = tasks if tasks.exists() else path / "cgroup.procs"

    def was_full(self) -> bool:
        """Whether a process could not be started for the bound."""
        try:
            counts = dict(map(str.split, (self.path / "pids.events").read_text().splitlines()))
        except (OSError, ValueError):
            return False
        return counts.get("max", "0") != "0"

    def remove(self) -> None:
        """Remove it, once its last process is gone; else the next start does."""
        for _ in range(50):  # a killed process is in its group until it is reaped
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)
            else:
                return


def group(processes: int) -> Group | None:
    """Make a group of at most so many processes and threads, or None where that cannot be."""
    place = _place()
    if place is None:
        return None
    path = place / f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        path.mkdir()
        (path / "pids.max").write_text(f"{processes}\n")
    except OSError:
        with contextlib.suppress(OSError):
            path.rmdir()
        return None
    return Group(path)


@cache
def _place() -> Path | None:
    """Return where groups can be made, swept of those that killed processes of ours left."""
    if os.geteuid() != 0:
        return None  # an ordinary user is bounded without
    try:
        place = _find(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mounts").read_text())
        if place is None or not os.access(place, os.W_OK):
            return None
        for left in place.glob(f"{_NAME}*-*"):
            maker = left.name.removeprefix(_NAME).partition("-")[0]
            if maker.isdigit() and not alive(int(maker)):
                Group(left).remove()
    except OSError:
        return None
    return place


def _find(groups: str, mounts: str) -> Path | None:
    """Return the folder of our group that has the controller of processes."""
    ours: dict[str, str] = {}  # controller, "" for the second version: our path
    for line in groups.splitlines():
        _, names, path = line.split(":", 2)
        ours |= dict.fromkeys(names.split(","), path)
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split(" ")
        if kind == "cgroup" and "pids" in options.split(",") and "pids" in ours:
            return _existing(Path(where), ours["pids"])
        if kind == "cgroup2" and "" in ours and "pids" not in ours:
            top, place = Path(where), _existing(Path(where), ours[""])
            while "pids" not in (place / "cgroup.subtree_control").read_text().split():
                if place == top:
                    return None
                place = place.parent
            return place
    return None


def _existing(top: Path, path: str) -> Path:
    """Return the folder of a group; in a container the path may be one of the world outside."""
    place = top / path.lstrip("/")
    return place if place.is_dir() else top

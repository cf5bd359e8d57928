"""Finds the sockets of running services, which a read-only mount keeps nobody from talking to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def reachable(
    hidden: Sequence[Path], private: Sequence[str], shown: Sequence[Path], roots: Sequence[Path]
) -> Iterator[Path]:
    """Yield the sockets that a command could reach by their path.

    Not those below what is `hidden`, nor below the `private` places, which are empty for a command,
    but for what is `shown` of them. Below the `roots` of the workspace only those of our own
    network: what a command in a network of its own listens on there is for the next command.
    """
    own, *others = map(_folders, _listings())
    elsewhere = {
        folder
        for folder in set[str]().union(*others)
        if not any(_within(folder, str(root)) for root in roots)
    }
    for folder in sorted(own | elsewhere):
        beneath = [place for place in private if _within(folder, place)]
        if beneath and not any(_within(folder, str(each)) for each in shown):
            continue
        if any(_within(folder, str(place)) for place in hidden if place.is_dir()):
            continue
        # all of a folder: a service may have renamed its socket after it was bound
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found = sorted(entry.path for entry in entries if _is_socket(entry))
            if found and _is_open(Path(folder)):
                yield from (Path(path) for path in found if Path(path) not in hidden)


def _folders(listing: str) -> set[str]:
    """Return the folders, without links on the way, in which services have bound sockets."""
    found = set()
    for line in listing.split("\n"):  # a name may hold any other break of a line
        name = "/" + line.partition(" /")[2]
        if name != "/":
            found.add(os.path.realpath(os.path.dirname(name)))  # noqa: PTH120 names may be odd
    return found


def _listings() -> Iterator[str]:
    """Yield what the kernel lists in each network, ours first: a container has its own sockets."""
    seen = set()
    with os.scandir("/proc") as entries:
        numbers = [entry.name for entry in entries if entry.name.isdigit()]
    for process in ("self", *numbers):
        with contextlib.suppress(OSError):
            network = os.readlink(f"/proc/{process}/ns/net")  # noqa: PTH115 a hundred of them
            if network not in seen:
                text = Path(f"/proc/{process}/net/unix").read_text(errors="surrogateescape")
                seen.add(network)
                yield text


def _is_open(folder: Path) -> bool:
    """Whether we could enter it without privileges: neither a command has any, nor bubblewrap."""
    groups = {os.getegid(), *os.getgroups()}
    for each in (folder, *folder.parents):
        status = each.stat()
        ours = (status.st_uid == os.geteuid()) << 6 | (status.st_gid in groups) << 3 | 1
        if not status.st_mode & ours & 0o111:
            return False
    return True


def _is_socket(entry: os.DirEntry[str]) -> bool:
    import stat

    return not entry.is_file(follow_symlinks=False) and stat.S_ISSOCK(
        entry.stat(follow_symlinks=False).st_mode
    )


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")

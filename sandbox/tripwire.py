"""Looks, after a command, at what it made in places where no command may make anything.

Where the kernel cannot hold a name (REDUCED holds none, FULL none in a repository that the command
itself made), what appeared there is set aside and said, and a git configuration is put back as it
was. What stood at a protected name before is left alone: it may be the user who changed it, who
works in the same folder; that it changed is said.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from sandbox.gitparts import Part, parts
from sandbox.quarantine import put_back, set_aside
from sandbox.repositories import Repositories, Repository

_MOST_NOTES = 8
_MOST_NAMES = 200  # of a folder, that are compared


class Tripwire:
    """Made before a command; `spring` is called once it has ended.

    `watched` are protected names, with the folder they lie in, that nothing else holds; `held` the
    git directories that the command cannot change.
    """

    def __init__(
        self,
        repositories: Iterable[tuple[Repositories, Collection[Repository]]],
        watched: Iterable[tuple[Path, Path]],
        held: Collection[Path],
    ) -> None:
        self._held = held
        self._repositories = [
            (source, {each.entry for each in found}, self._parts(found))
            for source, found in repositories
        ]
        self._watched = {path: (top, _stamp(path)) for top, path in watched}

    def spring(self) -> tuple[str, ...]:
        """Set aside what appeared, and return what to tell."""
        notes: list[str] = []
        for path, (top, was) in self._watched.items():
            stamp = _stamp(path)
            if stamp and not was:
                notes += _move(top, path, "is protected")
            elif stamp != was:
                notes.append(f"{path.relative_to(top)} is protected, and was changed")
        for source, entries, known in self._repositories:
            found = source.look()
            for each in found:
                if each.entry not in entries and each.entry.is_symlink():
                    notes += _move(source.top, each.entry, "is a link that git would follow")
            for inode, (directory, now) in self._parts(found).items():
                before = known[inode][1] if inode in known else {}
                for name, part in now.items():
                    old = before.get(name)
                    if part.traps - (old.traps if old else frozenset()):
                        notes += _disarm(source.top, directory / name, old)
        return _few(notes)

    def _parts(
        self, repositories: Collection[Repository]
    ) -> dict[tuple[int, int], tuple[Path, dict[str, Part]]]:
        """Return the parts of each git directory, which is the same one when it was moved."""
        found = {}
        for path in sorted({path for each in repositories for path in each.directories}):
            with contextlib.suppress(OSError):
                status = path.stat()
                which = (status.st_dev, status.st_ino)
                found[which] = (path, parts(path, held=path in self._held))
        return found


def _stamp(path: Path) -> tuple[object, ...]:
    """Return what changes when a file does, or the files of a folder; nothing where none is."""
    try:
        status = path.lstat()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
        if not path.is_dir() or path.is_symlink():
            return stamp
        with os.scandir(path) as entries:
            inner = sorted(entry.name for entry in entries)[:_MOST_NAMES]
        return (*stamp, *((path / name).lstat().st_mtime_ns for name in inner))
    except OSError:
        return ()


def _move(top: Path, path: Path, why: str) -> list[str]:
    place = set_aside(top, path)
    if place is not None:
        return [f"{path.relative_to(top)} appeared and {why}; it was moved to {place}"]
    if not os.path.lexists(path):
        return []
    return [f"{path.relative_to(top)} appeared and {why}, but could not be moved: look at it"]


def _disarm(top: Path, path: Path, old: Part | None) -> list[str]:
    """Take away a part of a git directory that could run programs; put back what was there."""
    notes = _move(top, path, "could run programs when git is used there")
    if old is None or old.data is None:
        return notes
    if put_back(top, path, old.data, old.mode):
        return [f"{note}, and what was there before was put back" for note in notes]
    return notes


def _few(notes: list[str]) -> tuple[str, ...]:
    if len(notes) <= _MOST_NOTES:
        return tuple(notes)
    return (*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES} more such things")

"""Finds the git directories within a folder, and keeps finding them at no cost per command.

The first look walks the tree; from then on the kernel tells which folders appeared (inotify), so a
later look reads only those, however large the tree is. What a command does within a sandbox is
told just the same. A small tree is walked each time, since it costs 10 ms to end watches; so is one
where the kernel has no watches left.

Dependency folders are left out, by their names alone: what a folder holds is the command's to say.
So is what lies behind the first MOST_FOLDERS.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.protected import PROTECTED_ANYWHERE, PROTECTED_AT_TOP
from sandbox.streams import close_all
from sandbox.walking import DEPENDENCY_BESIDE, DEPENDENCY_FOLDERS

FEW_FOLDERS = 16  # are walked quicker than watched
MOST_FOLDERS = 20_000  # each watch costs a kibibyte of the kernel's memory
# a folder with these is a git directory, whatever it is called
_BARE = (frozenset({"HEAD", "objects", "refs"}), frozenset({"HEAD", "commondir"}))
_TELLING = frozenset({".git", "HEAD", "objects", "refs", "commondir"})
_EVENT = struct.Struct("=iIII")
_MADE, _LOST = 0x80 | 0x100, 0x4000  # moved in or created; more happened than the kernel kept
_IS_FOLDER, _GONE = 0x4000_0000, 0x8000


@dataclass(frozen=True, slots=True)
class Repository:
    """`entry` is the `.git` of a folder, or a bare repository; `directories` are where git looks.

    A `.git` that is a file points to one or two directories; only those in the top are listed.
    """

    entry: Path
    bare: bool
    directories: tuple[Path, ...]


class Repositories:
    """The git directories below `top`, its own `.git` among them."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._entries: dict[str, bool] = {}  # path: whether it is bare
        self._watched: dict[int, str] = {}
        self._queue = -1
        self._open: set[int] = set()
        self._lock = threading.Lock()
        self.cold = True  # whether nothing was looked at yet
        weakref.finalize(self, close_all, self._open)

    def look(self) -> list[Repository]:
        """Return those that are there now, outermost first."""
        with self._lock:
            if self._queue < 0:
                self._walk_all()
            else:
                self._follow()
            for path, bare in [*self._entries.items()]:
                if not (_is_bare(path) if bare else os.path.lexists(path)):
                    del self._entries[path]
            return [self._repository(path) for path in sorted(self._entries)]

    # -- within

    def _walk_all(self) -> None:
        close_all(self._open)
        self._queue, self.cold = -1, False
        self._watched.clear()
        self._entries.clear()
        if self._walk(str(self.top), FEW_FOLDERS):
            return
        self._queue = _queue()
        if self._queue >= 0:
            self._open.add(self._queue)
        self._entries.clear()
        self._walk(str(self.top))

    def _follow(self) -> None:
        """Read what the kernel told since the last look."""
        again: dict[str, bool] = {}  # folder: with all below it
        for watch, kind, name in self._events():
            if kind & _LOST:
                self._walk_all()
                return
            if kind & _GONE:
                self._watched.pop(watch, None)
            folder = self._watched.get(watch)
            if folder is None or not kind & _MADE:
                continue
            if name in _TELLING:
                again.setdefault(folder, False)
            if kind & _IS_FOLDER:
                again[f"{folder}/{name}"] = True
        for folder, deep in sorted(again.items()):
            if deep:
                self._walk(folder)
            else:
                self._names(folder)

    def _events(self) -> Iterator[tuple[int, int, str]]:
        while True:
            try:
                data = os.read(self._queue, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, kind, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                name = data[at : at + length].rstrip(b"\0")
                at += length
                yield watch, kind, os.fsdecode(name)

    def _walk(self, start: str, most: int = MOST_FOLDERS) -> bool:
        """Take in a folder and what lies below it; False where there was too much."""
        if not self._wanted(start):
            return True
        todo = [start]  # grows as it is gone through, so what is near the top comes first
        for folder in todo:
            if len(todo) > most or len(self._watched) >= MOST_FOLDERS:
                return False
            self._watch(folder)  # before it is read, so that nothing falls in between
            names = self._names(folder)
            if names is None:
                continue
            todo += (
                f"{folder}/{name}"
                for name in names.folders
                if name != ".git"
                and not _is_dependency(name, names.all)
                and not self._is_protected(folder, name)
            )
        return True

    def _watch(self, folder: str) -> None:
        from sandbox import kernel

        if self._queue < 0:
            return
        try:
            self._watched[kernel.inotify_watch(self._queue, folder, _MADE)] = folder
        except FileNotFoundError:
            return
        except OSError:  # no more watches for this user: walk each time
            close_all(self._open)
            self._queue = -1

    def _names(self, folder: str) -> _Names | None:
        """Read a folder, and note the git directory that it holds or is; None when it is gone."""
        every: set[str] = set()
        folders: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    every.add(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
        except OSError:
            return None
        if ".git" in every:
            self._entries[f"{folder}/.git"] = False
        if any(names <= every for names in _BARE):
            self._entries[folder] = True  # what lies below is looked at all the same
        return _Names(every, folders)

    def _wanted(self, folder: str) -> bool:
        """Whether a folder that appeared lies outside of dependency folders and git directories."""
        beside, name = os.path.split(folder)
        if folder == str(self.top):
            return True
        if name == ".git" or self._is_protected(beside, name):
            return False
        if name not in DEPENDENCY_BESIDE:
            return name not in DEPENDENCY_FOLDERS
        try:
            return not _is_dependency(name, {path.name for path in Path(beside).iterdir()})
        except OSError:
            return False

    def _is_protected(self, folder: str, name: str) -> bool:
        """Whether it is protected as a whole, at the top; masks come and go there."""
        return folder == str(self.top) and name in {*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP}

    def _repository(self, path: str) -> Repository:
        entry = Path(path)
        bare = self._entries[path]
        return Repository(entry, bare, (*directories(entry, self.top),))


@dataclass(frozen=True, slots=True)
class _Names:
    all: set[str]
    folders: list[str]


def _is_bare(folder: str) -> bool:
    return any(all(os.path.lexists(f"{folder}/{name}") for name in names) for names in _BARE)


def _is_dependency(name: str, beside: set[str]) -> bool:
    if name in DEPENDENCY_FOLDERS:
        return True
    return not DEPENDENCY_BESIDE.get(name, frozenset()).isdisjoint(beside)


def _queue() -> int:
    """Return where the kernel tells of new folders, or -1 where it does not."""
    if sys.platform != "linux":
        return -1
    from sandbox import kernel

    try:
        return kernel.inotify()
    except OSError:
        return -1


def directories(entry: Path, top: Path) -> Iterator[Path]:
    """Yield the git directories that git would use for a `.git`, as far as they lie in `top`."""
    first = entry
    if entry.is_file() and (said := _line(entry)):
        found = re.fullmatch(r"gitdir: (.+)", said)
        first = entry.parent / found[1] if found else entry
    try:
        first = Path(os.path.realpath(first))
        common = Path(os.path.realpath(first / _line(first / "commondir")))
    except OSError:  # it was a link just before
        return
    for directory in dict.fromkeys((first, common)):
        if directory.is_dir() and (top == directory or top in directory.parents):
            yield directory


def _line(path: Path) -> str:
    """Return the first line of a small file; nothing where there is none to read."""
    try:
        if not path.is_file():
            return ""
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, errors="surrogateescape") as file:
            return file.read(4096).partition("\n")[0].rstrip()
    except OSError:
        return ""

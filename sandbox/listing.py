"""The files of a tree, walked again only where the names in one of its folders may have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

RACY = 0.05  # seconds: a folder changed so shortly before it was read may change unseen after it

Entered = Callable[[str], None]
Walk = Callable[[Entered], Iterator[str]]
_Stamps = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Kept:
    files: tuple[str, ...]
    stamps: _Stamps
    sure: bool  # whether every later change shows in the stamps

    def valid(self) -> bool:
        return self.sure and all(_stamp(place) == was for place, was in self.stamps.items())


class Listing:
    """What `walk` yields, kept with the times of every folder that it entered.

    `walk` calls what it is given with the absolute path of a folder, before it reads that. Looking
    whether something changed costs a `stat` for each folder and each ignore file.
    """

    def __init__(self, walk: Walk, most: int) -> None:
        self._walk = walk
        self._most = most
        self._kept: _Kept | None = None
        self._over = False

    def files(self) -> tuple[str, ...] | None:
        """Return the files in order; None for good once there are more than `most`."""
        if self._over:
            return None
        kept = self._kept
        if kept is None or not kept.valid():
            kept = self._kept = self._listed()
        return None if kept is None else kept.files

    def _listed(self) -> _Kept | None:
        stamps: _Stamps = {}
        began = time.time()

        def entered(folder: str) -> None:
            stamps[folder] = _stamp(folder)
            for name in (".gitignore", ".git/info/exclude"):
                rules = f"{folder}/{name}"
                if (found := _stamp(rules)) != _NOTHING:
                    stamps[rules] = found

        files: dict[str, None] = {}
        for path in self._walk(entered):
            files[path] = None
            if len(files) > self._most:
                self._over = True
                return None
        newest = max((changed for changed, _ in stamps.values()), default=0)
        return _Kept(tuple(files), stamps, newest < (began - RACY) * 1e9)


_NOTHING = (0, 0)


def _stamp(path: str) -> tuple[int, int]:
    """Return when it changed, in nanoseconds, and which one it is."""
    try:
        found = os.stat(path)  # noqa: PTH116  # half the cost, for thousands
    except OSError:
        return _NOTHING
    return found.st_mtime_ns, found.st_ino

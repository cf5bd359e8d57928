"""Which files of a duplicate are no longer as they were made, by their stamps alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from sandbox import beneath


def touched(tree: Path, made: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the paths of what is no folder and was changed, is new or is gone, in order.

    `made` has what was there at first, each as `st_mode`, size, times and inode. What cannot be
    entered counts as gone; no link is followed.
    """
    found: list[str] = []
    seen: set[str] = set()
    todo: list[tuple[str, ...]] = [()]
    while todo:
        parts = todo.pop()
        try:
            with beneath.folder(tree, parts) as here, os.scandir(here) as listing:
                items = [(item.name, item.stat(follow_symlinks=False)) for item in listing]
        except OSError:
            continue
        for name, now in items:
            path = "/".join((*parts, name))
            seen.add(path)
            stamp = (now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)
            if stat.S_ISDIR(now.st_mode):
                todo.append((*parts, name))
            elif made.get(path) != stamp:
                found.append(path)
    gone = [path for path in made.keys() - seen if not stat.S_ISDIR(made[path][0])]
    return sorted((*found, *gone))

"""The commit that a working tree stands on, as git's own files say it; no git is started."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOST = 1 << 20  # bytes of one file that are read
_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(rb"ref: (refs(?:/[\w][\w.+@-]*)+)\s*")


def commit(root: Path) -> str:
    """Return the commit that is checked out at the top of a tree; empty where nobody can tell.

    Nothing that these files say is believed beyond that: whatever is no commit counts as none.
    """
    directory = root / ".git"
    if (pointer := _read(directory)).startswith(b"gitdir: "):
        directory = root / os.fsdecode(pointer[8:].strip())
    head = _read(directory / "HEAD").strip()
    if named := _REF.fullmatch(head):
        common = directory / (os.fsdecode(_read(directory / "commondir").strip()) or ".")
        name = os.fsdecode(named[1])
        loose = _read(directory / name) or _read(common / name)
        packed = rb"^([0-9a-f]{40,64}) " + re.escape(named[1]) + rb"$"
        found = re.search(packed, _read(common / "packed-refs"), re.MULTILINE)
        head = loose.strip() or (found[1] if found else b"")
    return head.decode() if _COMMIT.fullmatch(head) else ""


def _read(path: Path) -> bytes:
    """Return the beginning of a regular file, or nothing; no link is followed, nothing waits."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read(_MOST)
    except (OSError, ValueError):
        return b""

"""Finds what git obeys in a working tree because a configuration says so: hooks, included files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.repositories import directories

_MOST = 1 << 16  # bytes of a configuration that are read
# `path` is asked for in any section: what else is called so may well be kept too
_NAMES = re.compile(
    r"^\s*(?:\[.*\]\s*)?(hookspath|path)\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE
)
_WHY: Mapping[str, str] = {
    "hookspath": "git hooks run what it says",
    "path": "git obeys what it says",
}


def obeyed(root: Path, home: Path) -> Iterator[tuple[Path, str]]:
    """Yield each place in a working tree that git's configuration names, and why it is kept.

    The places need not exist; none is the root itself. Configurations are those of the repository
    and of the user, as git finds them without a variable; what they include is not read.
    """
    found: dict[Path, str] = {}
    for config in _configurations(root, home):
        for key, value in _NAMES.findall(_text(config)):
            said = value.strip('"').replace("\\\\", "\\")
            if said == "~" or said.startswith("~/"):
                said = str(home) + said[1:]
            beside = root if key.lower() == "hookspath" else config.parent
            path = Path(os.path.normpath(beside / said))
            if root in path.parents:
                found.setdefault(path, _WHY[key.lower()])
    yield from found.items()


def _configurations(root: Path, home: Path) -> Iterator[Path]:
    for directory in directories(root / ".git", Path("/")):
        yield from (directory / "config", directory / "config.worktree")
    yield from (home / ".gitconfig", home / ".config" / "git" / "config")


def _text(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return os.fsdecode(file.read(_MOST))
    except OSError:
        return ""

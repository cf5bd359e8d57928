"""Finds programs where the workspace cannot have put them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def trusted_program(name: str, root: Path, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the absolute path of a program on `PATH`, or None.

    Entries that are relative, or below `root`, are passed over: a repository may not say which
    `git` runs.
    """
    path = (os.environ if environ is None else environ).get("PATH", os.defpath)
    for entry in path.split(os.pathsep):
        folder = Path(entry)
        if not entry or not folder.is_absolute() or folder.resolve().is_relative_to(root):
            continue
        program = folder / name
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return None

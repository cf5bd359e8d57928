"""Where the text of a file comes from: the user and the project, or somebody else.

Somebody else's are files outside, dependency folders, and what git ignores, as far as this session
did not create it. A folder without commits ignores nothing yet: all of it is the user's. What was
ignored by name and is tracked all the same counts as ignored.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from sandbox import beneath
from sandbox.names import raw
from sandbox.walking import (
    DEPENDENCY_BESIDE,
    DEPENDENCY_WITHIN,
    is_dependency_folder,
    is_ignored,
)
from sandbox.workspace import PathError, Workspace

_ANY = "any-file"  # a name that no pattern is about


def origin_of(workspace: Workspace, path: str, created: Collection[str] = ()) -> str:
    """Return the path in its one form where somebody else wrote what is there, else nothing.

    `created` are the files of this session, in their one form.
    """
    if not path.strip():
        return ""
    try:
        shown = workspace.locate(path)
    except PathError:
        return path
    if shown in created:
        return ""
    base, inner = workspace.root, shown
    for extra in workspace.extra if shown.startswith("/") else ():
        if Path(shown).is_relative_to(extra):
            base, inner = extra, os.path.relpath(shown, extra)
    parts = beneath.resolve(base, tuple(each for each in raw(inner).split("/") if each != "."))
    if parts is None:
        return shown  # a link that leads out
    if _in_dependencies(base, parts):
        return shown
    # a folder is ignored where what lies in it would be
    inside = (*parts, _ANY) if base.joinpath(*parts).is_dir() else parts
    return shown if _has_commits(base) and is_ignored(base, inside) else ""


def _in_dependencies(base: Path, parts: beneath.Parts) -> bool:
    folder = base
    for name in parts:
        inner = folder / name
        beside = [each for each in DEPENDENCY_BESIDE.get(name, ()) if (folder / each).exists()]
        within = [each for each in DEPENDENCY_WITHIN if (inner / each).exists()]
        if is_dependency_folder(name, beside, within):
            return True
        folder = inner
    return False


def _has_commits(base: Path) -> bool:
    place = base / ".git"
    if not place.is_dir():
        return place.exists()  # a worktree or a submodule, which is made from a commit
    with contextlib.suppress(OSError), os.scandir(place / "refs" / "heads") as branches:
        if any(branches):
            return True
    return (place / "packed-refs").exists()

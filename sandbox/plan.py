"""What a command may write and what stays read-only, worked out on the host before each run.

A repository decides what lies in it, so nothing here follows a link: a protected name that is a
link is refused, since whoever mounts over it would mount over its target.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Command, SandboxError
from sandbox.protected import PROTECTED_ANYWHERE, PROTECTED_AT_TOP, PROTECTED_IN_GIT
from sandbox.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Shown:
    """A host path and where a command sees it; bound read-only or writable."""

    source: Path
    target: Path
    writable: bool


def refuse_as_root(workspace: Workspace, home: Path) -> str:
    """Return why the folder is too wide to be written by commands, or an empty string."""
    for root in (workspace.root, *workspace.extra):
        if root == Path("/") or home.resolve().is_relative_to(root):
            return f"{root} is or holds your home directory: work in a project folder"
    return ""


def roots(workspace: Workspace, command: Command) -> Iterator[Shown]:
    """Yield the folders of the workspace as the command sees them, before what protects them."""
    for root in (workspace.root, *workspace.extra):
        yield Shown(root, root, not command.read_only)


def guards(source: Path, target: Path, *, git: bool) -> Iterator[Shown]:
    """Yield what is laid over a writable folder, so that parts of it stay as they are.

    Raises SandboxError where a protected name is a link.
    """
    for name in (*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP):
        path = source / name
        if not os.path.lexists(path):
            continue
        refuse_link(path)
        if name == ".git" and git:
            yield from _open_git(path, target / name)
        else:
            yield Shown(path, target / name, False)


def refuse_link(path: Path) -> None:
    """Raise SandboxError when the last component is a link."""
    if path.is_symlink():
        raise SandboxError(
            f"{path} is a link to {path.readlink()}; it is protected and must be a real"
            " file or folder for commands to run"
        )


def is_straight(path: Path) -> bool:
    """Whether a path exists and runs through no link."""
    return os.path.lexists(path) and os.path.realpath(path) == str(path)


def check_path(path: Path, what: str) -> Path:
    """Return an absolute path that exists and runs through no link; raises SandboxError."""
    if not path.is_absolute() or ".." in path.parts:
        raise SandboxError(f"{what} must be an absolute path: {path}")
    if not os.path.lexists(path):
        raise SandboxError(f"{what} does not exist: {path}")
    if os.path.realpath(path) != str(path):
        raise SandboxError(f"{what} runs through a link: {path}")
    return path


def check_target(target: Path, shown: list[Shown]) -> None:
    """Raise SandboxError when a mount's target runs through a link, as the command sees it."""
    if not target.is_absolute() or ".." in target.parts:
        raise SandboxError(f"a mount needs an absolute target: {target}")
    for depth in range(2, len(target.parts) + 1):
        here = Path(*target.parts[:depth])
        cover = next((over for over in reversed(shown) if here.is_relative_to(over.target)), None)
        host = cover.source / here.relative_to(cover.target) if cover else here
        if host.is_symlink():
            raise SandboxError(f"a mount's target runs through a link: {here}")


def _open_git(path: Path, target: Path) -> Iterator[Shown]:
    """Yield a git directory that may be written, without the parts that run programs.

    Each folder above a read-only part is mounted itself, so that it cannot be moved away.
    """
    if path.is_dir():
        yield from git_directory(path, target)
        return
    yield Shown(path, target, False)
    for directory in _linked_git(path):
        yield from git_directory(directory, directory)


def git_directory(path: Path, target: Path) -> Iterator[Shown]:
    """Yield a git directory, writable but for what runs programs; raises SandboxError for links."""
    yield Shown(path, target, True)
    for name in PROTECTED_IN_GIT:
        inner = path / name
        if not os.path.lexists(inner):
            continue
        if "/" in name:
            refuse_link(inner.parent)
            yield Shown(inner.parent, target / name.split("/", 1)[0], True)
        refuse_link(inner)
        yield Shown(inner, target / name, False)


def _linked_git(pointer: Path) -> Iterator[Path]:
    """Yield the git directories of a worktree, only when they point back at it.

    The pointer is a file of the repository: without the way back it could name anything.
    """
    found = re.match(r"gitdir: (.+)", pointer.read_text(errors="surrogateescape"))
    if not found:
        return
    own = (pointer.parent / found[1].strip()).resolve()
    back, common = own / "gitdir", own / "commondir"
    if back.is_file() and Path(back.read_text().strip()).resolve() == pointer:
        shared = (own / common.read_text().strip()).resolve() if common.is_file() else own
        if own.is_relative_to(shared):
            yield shared

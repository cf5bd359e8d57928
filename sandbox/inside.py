"""Holds the inside of a writable workspace as it should be: before a command, and after it.

Protected names that exist are `plan.guards`'s. Here are the names that do not exist, the git
directories of repositories further below, and the tripwire for what no mount can hold.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import plan
from sandbox.base import Command
from sandbox.masks import Masks, cover, sweep
from sandbox.obeyed import obeyed
from sandbox.plan import Shown
from sandbox.protected import MASKED_IN_GIT, PROTECTED_ANYWHERE, PROTECTED_AT_TOP
from sandbox.repositories import Repositories, Repository
from sandbox.tripwire import Tripwire
from sandbox.watcher import watch
from sandbox.workspace import Workspace

MOST_HELD = 32  # repositories below the top that are mounted; each mount costs each command time


@dataclass
class Held:
    """What was done for one command: what to show over the writable folders; then `release`."""

    shown: list[Shown] = field(default_factory=list)
    _masks: Masks = field(default_factory=Masks)
    _tripwire: Tripwire | None = None

    def mask(self, path: Path) -> bool:
        """Mask a name; False where something stands there or nothing can be made."""
        if not self._masks.put(path):
            return False
        watch().masked(path)
        return True

    def release(self) -> tuple[str, ...]:
        """Undo it once the command has ended, and return what is to be told."""
        self._masks.remove()
        return self._tripwire.spring() if self._tripwire else ()


class Inside:
    """The inside of the folders of a workspace."""

    def __init__(self, workspace: Workspace, home: Path) -> None:
        from platformdirs import user_cache_path

        self._home = home

        self._roots = {root: Repositories(root) for root in (workspace.root, *workspace.extra)}
        self._cover = cover(user_cache_path("wisp"))
        for root in self._roots:
            sweep(_maskable(root, git=True))

    @property
    def cold(self) -> bool:
        """Whether the next look walks the trees, which takes longer the larger they are."""
        return any(each.cold for each in self._roots.values())

    def look(self) -> None:
        """Walk the trees now; may be called in a thread."""
        for each in self._roots.values():
            each.look()

    def hold(self, command: Command) -> Held:
        """Hold what mounts can hold, and watch the rest. Raises SandboxError as `guards` does."""
        held = Held()
        found, watched, whole = [], [], set[Path]()
        try:
            for root, source in self._writable(command):
                repositories = source.look()
                found.append((source, repositories))
                for name in _maskable(root, git=command.git):
                    if held.mask(name):
                        if name.parent.name == "info":  # could be moved away with its mask
                            held.shown.append(Shown(name.parent, name.parent, True))
                        held.shown.append(Shown(self._cover or name, name, False))
                    elif not os.path.lexists(name):
                        watched.append((root, name))
                for repository in repositories:
                    if repository.entry == root / ".git" and not command.git:
                        whole.add(repository.entry)
                named = [
                    path for path, _ in obeyed(root, self._home) if not _is_guarded(root, path)
                ]
                kept = [path for path in named if plan.is_straight(path)]
                watched += [(root, path) for path in named if path not in kept]
                nested = [*_nested(root, repositories, git=command.git)]
                nested += [Shown(path, path, False) for path in kept]
                held.shown += _pins(root, nested)
                held.shown += nested
                whole |= {one.target for one in nested if not one.writable}
            held._tripwire = Tripwire(found, watched, whole)
        except BaseException:
            held.release()
            raise
        return held

    def watch(self, command: Command) -> Held:
        """Only watch: for where nothing inside can be held."""
        roots = [*self._writable(command)]
        found = [(source, source.look()) for _, source in roots]
        watched = [
            (root, root / name)
            for root, _ in roots
            for name in (*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP)
            if name != ".git"
        ]
        watched += [(root, path) for root, _ in roots for path, _ in obeyed(root, self._home)]
        return Held(_tripwire=Tripwire(found, watched, ()))

    def _writable(self, command: Command) -> Iterator[tuple[Path, Repositories]]:
        """Yield the folders that the command can write; a copy shown in place of one is ours."""
        covered = {mount.target for mount in command.mounts}
        for root, source in self._roots.items():
            if not command.read_only and root not in covered:
                yield root, source


def _maskable(root: Path, *, git: bool) -> Iterator[Path]:
    """Yield the protected names that can be masked where nothing has them.

    A missing `.git` is not masked: beginning a repository is work. In a `.git` that the command may
    write, its parts are.
    """
    for name in (*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP):
        if name != ".git":
            yield root / name
    directory = root / ".git"
    if git and directory.is_dir() and not directory.is_symlink():
        for name in MASKED_IN_GIT:
            path = directory / name
            yield path if path.parent.is_dir() and not path.parent.is_symlink() else path.parent


def _nested(root: Path, repositories: Collection[Repository], *, git: bool) -> Iterator[Shown]:
    """Yield what is laid over the git directories below the top, and over what it points to."""
    count = 0
    pointed = {path for each in repositories if not each.bare for path in each.directories}
    for each in repositories:
        if each.bare and each.entry in pointed:
            continue  # it is held with what points to it
        directories = [path for path in each.directories if not _is_guarded(root, path)]
        if each.entry != root / ".git":
            if count == MOST_HELD or _is_guarded(root, each.entry):
                continue
            if not plan.is_straight(each.entry):
                continue
            count += 1
            if each.bare:  # tests push to such; what runs programs in it stays as it is
                yield from plan.git_directory(each.entry, each.entry)
                continue
            if each.entry.is_file():
                yield Shown(each.entry, each.entry, False)
        for path in directories:
            if git:
                yield from plan.git_directory(path, path)
            else:
                yield Shown(path, path, False)


def _is_guarded(root: Path, path: Path) -> bool:
    """Whether nothing may be laid over a path: the top itself, what is protected there as a whole.

    The top can be made to look like a bare repository; the tripwire looks at it.
    """
    first = path.relative_to(root).parts[:1]
    return not first or first[0] in {*PROTECTED_ANYWHERE, *PROTECTED_AT_TOP}


def _pins(root: Path, nested: Collection[Shown]) -> Iterator[Shown]:
    """Yield each folder above what is shown: as a mount it can neither be moved nor removed."""
    covered = {one.target for one in nested}
    above = {
        parent
        for one in nested
        for parent in one.target.parents
        if root in parent.parents and parent not in covered
    }
    for path in sorted(above):
        yield Shown(path, path, True)

"""Making a working tree what a checkpoint says, without losing what somebody else put there.

New content is first written beside, in a folder within the tree, and only then renamed: a disk that
fills up is noticed before anything has changed. Each file is looked at once more just before it is
replaced or removed. No link is ever followed.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agent.tree import STAGING, Blob, Entry, Manifest, Stamp
from sandbox import beneath

# somebody put something else there, or it is not ours to change: that one path is refused
_REFUSED = frozenset(
    {
        errno.ENOTEMPTY,
        errno.EEXIST,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EBUSY,
    }
)


@dataclass(slots=True)
class Plan:
    """What to change so that `now` becomes `target`; paths in `refused` are left as they are."""

    now: Manifest
    target: Manifest
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    change: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def wanted(self) -> dict[str, int]:
        """Return the content that is needed, by git's name, and its sizes."""
        return {
            entry.sha: entry.size
            for path in self.change
            if (entry := self.target.get(path)) is not None
            and not _same_content(self.now.get(path), entry)
        }


def plan(
    now: Manifest,
    target: Manifest,
    expected: Manifest | None,
    stamps: Mapping[str, Stamp],
    left_out: Collection[str],
) -> Plan:
    """Compare. `left_out` are paths whose content `now` or `target` does not hold.

    With `expected`, how the tree was left, only what differs between `target` and `expected` is
    changed, and what was changed again since then is refused.
    """
    made = Plan(now, target, stamps)
    kept = frozenset(left_out)
    for path in sorted({*now, *target}):
        there, want = now.get(path), target.get(path)
        if there == want:
            continue
        if expected is not None:
            was = expected.get(path)
            if was == want:
                continue  # changed since by somebody else, and none of this turn's business
            if was != there:
                made.refused.add(path)
                continue
        if path in kept:
            made.refused.add(path)
            continue
        made.change.append(path)
    return made


def _same_content(there: Entry | None, want: Entry) -> bool:
    """Whether only the mode has to change, or nothing but a folder is wanted."""
    if not want.sha:
        return True
    return (
        there is not None
        and there.sha == want.sha
        and stat.S_IFMT(there.mode) == stat.S_IFMT(want.mode)
    )


class Rewind:
    """Carries out a plan below `root`: `prepare`, `stage` all content, `apply`; then `discard`.

    Raises OSError, before `apply` has begun, when content cannot be written there. `name` tells
    this workspace's staging folder from any other's.
    """

    def __init__(self, root: Path, name: str, plan: Plan) -> None:
        self._root = root
        self._staging = STAGING + name
        self._plan = plan
        self._places: dict[str, list[str]] = defaultdict(list)
        self._staged: dict[str, str] = {}
        self._loosened: dict[str, int] = {}  # folders made writable for a moment, and their modes
        for path in plan.change:
            entry = plan.target.get(path)
            if entry is not None and not _same_content(plan.now.get(path), entry):
                self._places[entry.sha].append(path)

    def prepare(self) -> None:
        """Make the staging folder, and remove one that a killed rewind left."""
        self.discard()
        (self._root / self._staging).mkdir(mode=0o700)

    def discard(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self._root / self._staging, ignore_errors=True)

    def stage(self, blobs: Iterable[Blob]) -> None:
        """Write content beside the tree, once for each place it goes to."""
        with beneath.folder(self._root, (self._staging,)) as here:
            for blob in blobs:
                for path in self._places[blob.sha]:
                    name = str(len(self._staged))
                    _make(here, name, self._plan.target[path].mode, blob.data)
                    self._staged[path] = name

    def apply(self) -> list[str]:
        """Change the tree and return the changed paths; adds to the plan's `refused`."""
        now, target, change = self._plan.now, self._plan.target, self._plan.change
        changed: list[str] = []

        def each(paths: Iterable[str], act: Callable[[str], bool]) -> None:
            for path in paths:
                if path in self._plan.refused:
                    continue
                try:
                    if act(path):
                        changed.append(path)
                except OSError as error:
                    if error.errno not in _REFUSED:
                        raise
                    self._plan.refused.add(path)

        turned = [path for path in change if path in now and _turned(now[path], target.get(path))]
        wanted = [path for path in change if path in target]
        folders = [path for path in wanted if not target[path].sha]
        try:
            each(reversed(turned), self._remove)
            each((path for path in folders if path not in now or now[path].sha), self._mkdir)
            with beneath.folder(self._root, (self._staging,)) as staging:
                each(self._staged, partial(self._replace, staging))
            each((p for p in wanted if target[p].sha and p not in self._staged), self._chmod)
            each(reversed(folders), self._chmod)
        finally:
            self._tighten()
        return sorted({*changed} - self._plan.refused)

    def _remove(self, path: str) -> bool:
        is_folder = not self._plan.now[path].sha
        with self._parent(path) as (parent, name):
            if not is_folder:
                self._unchanged(parent, name, path)
                os.unlink(name, dir_fd=parent)
                return True
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError as error:
                # it holds what no checkpoint has, such as dependencies: it stays, unless
                # something else has to stand in its place
                if error.errno != errno.ENOTEMPTY or path in self._plan.target:
                    raise
                return False
            return True

    def _mkdir(self, path: str) -> bool:
        with self._parent(path) as (parent, name):
            os.mkdir(name, 0o700, dir_fd=parent)
        return True

    def _replace(self, staging: int, path: str) -> bool:
        with self._parent(path) as (parent, name):
            there = self._plan.now.get(path)
            if there is not None and not _turned(there, self._plan.target[path]):
                self._unchanged(parent, name, path)
            elif not beneath.name_free(parent, name):
                raise FileExistsError(errno.EEXIST, "somebody made it since", path)
            _move(staging, self._staged[path], parent, name)
        return True

    def _chmod(self, path: str) -> bool:
        want = self._plan.target[path].mode
        with self._parent(path) as (parent, name):
            file = beneath.open_file(parent, name)
            try:
                if stat.S_IFMT(os.fstat(file).st_mode) != stat.S_IFMT(want):
                    raise FileExistsError(errno.EEXIST, "somebody put something else there", path)
                os.fchmod(file, stat.S_IMODE(want))
            finally:
                os.close(file)
        self._loosened.pop(path, None)
        return True

    def _unchanged(self, parent: int, name: str, path: str) -> None:
        """Raise FileExistsError when the file is not the one that was planned for."""
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        stamp, entry = self._plan.stamps.get(path), self._plan.now[path]
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp is not None and seen != (stamp.mtime_ns, stamp.ino, entry.size):
            raise FileExistsError(errno.EEXIST, "changed a moment ago", path)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        *above, name = path.split("/")
        with beneath.folder(self._root, tuple(above)) as parent:
            mode = os.fstat(parent).st_mode
            if not mode & stat.S_IWUSR:
                os.fchmod(parent, stat.S_IMODE(mode) | stat.S_IRWXU)
                self._loosened.setdefault("/".join(above), stat.S_IMODE(mode))
            yield parent, name

    def _tighten(self) -> None:
        """Give folders that had to be writable for a moment their modes back."""
        for path, mode in sorted(self._loosened.items(), reverse=True):
            try:
                with beneath.folder(self._root, tuple(path.split("/")) if path else ()) as here:
                    os.fchmod(here, mode)
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise


def _turned(there: Entry, want: Entry | None) -> bool:
    """Whether what is there has to go before anything else can stand in its place."""
    return want is None or stat.S_IFMT(there.mode) != stat.S_IFMT(want.mode)


def _make(here: int, name: str, mode: int, data: bytes) -> None:
    """Make a link or a file that is complete, with its mode."""
    if stat.S_ISLNK(mode):
        os.symlink(os.fsdecode(data), name, dir_fd=here)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=here), "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), stat.S_IMODE(mode))


def _move(source: int, old: str, target: int, new: str) -> None:
    """Rename over whatever file is there; across a mount point, copy beside and rename."""
    try:
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    found = os.stat(old, dir_fd=source, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        data = os.fsencode(os.readlink(old, dir_fd=source))
    else:
        with os.fdopen(beneath.open_file(source, old), "rb") as file:
            data = file.read()
    beside = STAGING + old
    _make(target, beside, found.st_mode, data)
    os.rename(beside, new, src_dir_fd=target, dst_dir_fd=target)

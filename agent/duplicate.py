"""A second tree like the first: made, and made like the first again after something wrote in it.

Content is cloned where the file system can, else copied, never linked. What is written in the
duplicate is not trusted: no link in it is followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from agent.errors import Failed
from agent.touched import touched
from sandbox import beneath
from sandbox.walking import is_dependency_folder

# dependency folders whose content cannot be made again offline; the others are left out
INSTALLED = frozenset(
    {
        ".venv",
        "node_modules",
        "bower_components",
        "__pypackages__",
        ".eggs",
        ".tox",
        ".nox",
        ".terraform",
        ".direnv",
        "Pods",
        "deps",
    }
)
_FICLONE = 0x40049409
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 32 << 20  # bytes copied before looking whether to stop
_RESERVE = 256 << 20  # bytes of the disk that a copy leaves free


class CopyTooLarge(Failed):
    """The tree is over the limit: try in place instead."""


class CopyStale(Failed):
    """The original changed since the copy was made, so the copy cannot be made like it again."""


class Stopped(Exception):
    """The work was told to stop."""


class Status(NamedTuple):
    """What changes when somebody changes a file, its mode or its times."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to duplicate, parents first, and what is to be mounted instead."""

    found: dict[str, Status]
    mounted: frozenset[str]
    total_bytes: int


def _status(found: os.stat_result) -> Status:
    return Status(found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def survey(root: Path, total_bytes: int, files: int, stop: threading.Event) -> Survey:
    """Look at the tree; raises CopyTooLarge, and OSError when the root cannot be read.

    What cannot be read, and sockets, pipes and devices, are left out.
    """
    found: dict[str, Status] = {"": _status(root.stat())}
    mounted: list[str] = []
    total = 0
    todo: list[tuple[str, Collection[str]]] = [("", ())]
    while todo:
        path, beside = todo.pop()
        if stop.is_set():
            raise Stopped
        try:
            with (
                beneath.folder(root, _parts(path)) as here,
                os.scandir(here) as listing,
            ):
                items = [(item.name, item.stat(follow_symlinks=False)) for item in listing]
        except FileNotFoundError:
            continue
        except OSError:
            if not path:
                raise
            continue  # not ours to read
        names = {name for name, _ in items}
        if path and is_dependency_folder(path.rpartition("/")[2], beside, names):
            if path.rpartition("/")[2] in INSTALLED or "pyvenv.cfg" in names:
                mounted.append(path)
            else:
                del found[path]
            continue
        for name, status in items:
            inner = _join(path, name)
            kind = stat.S_IFMT(status.st_mode)
            if kind not in (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK):
                continue
            found[inner] = _status(status)
            if name == ".git" and kind != stat.S_IFLNK:
                mounted.append(inner)
            elif kind == stat.S_IFDIR:
                todo.append((inner, names))
            elif kind == stat.S_IFREG:
                total += status.st_size
        if total > total_bytes or len(found) > files:
            size = f"over {total_bytes >> 20} MB" if total > total_bytes else f"over {files} files"
            raise CopyTooLarge(f"the folder is too large to copy: {size}: {root}")
    return Survey(found, frozenset(mounted), total)


@dataclass(slots=True)
class Duplicate:
    """The duplicate of a surveyed tree, in the folder `home` that is its own.

    All methods block. They raise Stopped soon after `stop` is set, and OSError as the disk does.
    They count on it that no command is still running in the duplicate.
    """

    root: Path
    home: Path
    survey: Survey
    stop: threading.Event = field(default_factory=threading.Event)
    _made: dict[str, Status] = field(default_factory=dict)  # how it is here, when untouched
    _touched: set[str] = field(default_factory=set)  # folders that need their mode and times again
    _clones: bool = True

    @property
    def path(self) -> Path:
        """Where the tree is."""
        return self.home / "tree"

    def make(self) -> None:
        """Fill it, with what the original holds now."""
        self.path.mkdir(mode=0o700)
        (self.home / "gone").mkdir(mode=0o700)
        self._touched.add("")
        self._fill((path for path in self.survey.found if path), strict=False)
        self._finish()

    def reset(self) -> None:
        """Make it as it was made, touching only what differs.

        Raises CopyStale when the original of something that differs has changed meanwhile.
        """
        self.stop.clear()
        seen = {""}
        todo = [""]
        while todo:
            self._check_stop()
            self._clear(todo.pop(), seen, todo)
        self._fill([path for path in self._made if path not in seen], strict=True)
        self._finish()
        clear(self.home / "gone")

    def touched(self) -> list[str]:
        """Return the files that are not as they were made: changed, new or gone."""
        return touched(self.path, self._made)

    def write(self, path: str, data: bytes) -> None:
        """Put a file there, with its old mode if there was one; raises OSError."""
        *above, name = path.split("/")
        with beneath.folder(self.path, tuple(above), make=True) as here:
            mode = 0o644
            with contextlib.suppress(FileNotFoundError):
                mode = stat.S_IMODE(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode)
                os.unlink(name, dir_fd=here)
            with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=here), "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), mode)
        # bytecode is taken for current when size and second agree, which two attempts' may
        stem, dot, suffix = name.rpartition(".")
        if dot and suffix == "py":
            with (
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
                beneath.folder(self.path, (*above, "__pycache__")) as cache,
            ):
                for found in _names(cache):
                    if found.startswith(stem + ".") and found.endswith(".pyc"):
                        os.unlink(found, dir_fd=cache)

    def remove(self, path: str) -> None:
        """Remove a file if it is there; raises OSError."""
        *above, name = path.split("/")
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            beneath.folder(self.path, tuple(above)) as here,
        ):
            os.unlink(name, dir_fd=here)

    def _clear(self, path: str, seen: set[str], todo: list[str]) -> None:
        """Move what is not as it was made out of one folder; its folders are next."""
        with beneath.folder(self.path, _parts(path)) as here:
            own = _status(os.fstat(here))
            if (own.mode, own.mtime_ns) != (self._made[path].mode, self._made[path].mtime_ns):
                self._touched.add(path)
            with os.scandir(here) as listing:
                items = [(item.name, item.stat(follow_symlinks=False)) for item in listing]
            for name, status in items:
                inner = _join(path, name)
                was, now = self._made.get(inner), _status(status)
                is_folder = stat.S_ISDIR(now.mode)
                locked = is_folder and now.mode & stat.S_IRWXU != stat.S_IRWXU
                if locked:  # such a folder can be neither entered nor moved
                    os.chmod(name, 0o700, dir_fd=here)
                if is_folder and was is not None and stat.S_ISDIR(was.mode):
                    seen.add(inner)
                    if locked:
                        self._touched.add(inner)
                    todo.append(inner)
                elif now == was:
                    seen.add(inner)
                else:
                    self._loosen(path, here)
                    with beneath.folder(self.home, ("gone",)) as gone:
                        os.rename(name, secrets.token_hex(8), src_dir_fd=here, dst_dir_fd=gone)

    def _fill(self, paths: Iterable[str], *, strict: bool) -> None:
        """Make what is missing, parents first, as the original is; `strict`: as it was."""
        for above, group in groupby(paths, key=_above):
            try:
                with (
                    beneath.folder(self.path, _parts(above)) as here,
                    beneath.folder(self.root, _parts(above)) as source,
                ):
                    self._loosen(above, here)
                    for path in group:
                        self._check_stop()
                        self._put(source, here, path, strict=strict)
            except (FileNotFoundError, NotADirectoryError) as error:
                if strict:
                    raise CopyStale(f"gone since the copy was made: {self.root / above}") from error

    def _put(self, source: int, here: int, path: str, *, strict: bool) -> None:
        name = path.rpartition("/")[2]
        status = self.survey.found[path]
        if stat.S_ISDIR(status.mode):
            os.mkdir(name, 0o700, dir_fd=here)
            self._touched.add(path)
        elif path in self.survey.mounted:
            os.close(os.open(name, _NEW, 0o600, dir_fd=here))
        else:
            try:
                found = _status(os.stat(name, dir_fd=source, follow_symlinks=False))
                if strict and found != status:
                    raise CopyStale(f"changed since the copy was made: {self.root / path}")
                if stat.S_ISLNK(found.mode):
                    os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=here)
                    times = (found.mtime_ns, found.mtime_ns)
                    os.utime(name, ns=times, dir_fd=here, follow_symlinks=False)
                elif stat.S_ISREG(found.mode):
                    self._copy(source, here, name, found)
                else:
                    return  # something else was put in its place
            except (FileNotFoundError, PermissionError) as error:
                if strict:
                    raise CopyStale(f"gone since the copy was made: {self.root / path}") from error
                return
            self.survey.found[path] = found
        self._made[path] = _status(os.stat(name, dir_fd=here, follow_symlinks=False))

    def _copy(self, source: int, here: int, name: str, status: Status) -> None:
        original = beneath.open_file(source, name)
        try:
            made = os.open(name, _NEW, 0o600, dir_fd=here)
            try:
                if not self._cloned(original, made):
                    self._copy_content(original, made)
                os.fchmod(made, stat.S_IMODE(status.mode))
                os.utime(made, ns=(status.mtime_ns, status.mtime_ns))
            finally:
                os.close(made)
        finally:
            os.close(original)

    def _cloned(self, original: int, made: int) -> bool:
        if not self._clones:
            return False
        try:
            fcntl.ioctl(made, _FICLONE, original)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._clones = False
            disk = os.fstatvfs(made)
            if disk.f_bavail * disk.f_frsize < self.survey.total_bytes + _RESERVE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            return False
        return True

    def _copy_content(self, original: int, made: int) -> None:
        if hasattr(os, "copy_file_range"):
            try:
                while os.copy_file_range(original, made, _CHUNK):
                    self._check_stop()
                return
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
        with os.fdopen(made, "wb", closefd=False) as file:
            while data := os.read(original, 1 << 20):
                self._check_stop()
                file.write(data)

    def _loosen(self, path: str, here: int) -> None:
        """Make a folder writable for now; `_finish` gives it its mode back."""
        self._touched.add(path)
        if os.fstat(here).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(here, 0o700)

    def _finish(self) -> None:
        """Give the touched folders their modes and times, the deepest first."""
        for path in sorted(self._touched, reverse=True):
            status = self.survey.found[path]
            with beneath.folder(self.path, _parts(path)) as here:
                os.fchmod(here, stat.S_IMODE(status.mode))
                os.utime(here, ns=(status.mtime_ns, status.mtime_ns))
                self._made[path] = _status(os.fstat(here))
        self._touched.clear()

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Stopped


def clear(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove all that is in a folder, however deep, locked up or oddly named; follows no link.

    Folders are moved up to the top one by one, so that neither depth nor length of a path counts.
    """
    with beneath.folder(folder, ()) as top:
        todo = [name for name in _names(top) if name not in keep]
        while todo:
            name = todo.pop()
            if not _is_folder(top, name):
                os.unlink(name, dir_fd=top)
                continue
            os.chmod(name, 0o700, dir_fd=top)
            with beneath.folder(folder, (name,)) as here:
                for inner in _names(here):
                    if _is_folder(here, inner):
                        os.chmod(inner, 0o700, dir_fd=here)  # a locked one cannot be moved
                        todo.append(secrets.token_hex(8))
                        os.rename(inner, todo[-1], src_dir_fd=here, dst_dir_fd=top)
                    else:
                        os.unlink(inner, dir_fd=here)
            os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as listing:
        return [item.name for item in listing]


def _is_folder(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")) if path else ()

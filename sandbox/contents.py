"""The bytes of one file in an open folder: read whole, written whole, checked by their sha256.

A write goes to a new file beside the old one, reaches the disk, and takes the old name in one
step, so the file is the old one or the new one whenever the machine stops.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sandbox import beneath
from sandbox.walking import TEMPORARY

LARGEST = 64 << 20  # bytes; a larger file is for a command, not for a model
_CHUNK = 1 << 20


class PathError(Exception):
    """A path that cannot be used; the message is for the model and says what to do next."""


class StaleFile(PathError):
    """The file is not what the caller last saw."""


@dataclass(frozen=True, slots=True)
class FileView:
    """The bytes of a file as they were in one moment; `truncated` when `limit` cut them."""

    path: str
    data: bytes
    sha256: str  # of the whole file, also when truncated; of `data` otherwise
    mode: int
    size: int
    truncated: bool = False


_SENTENCES: Mapping[int, str] = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be too large",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "a link on the way leads in a loop or was put there just now",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENXIO: "it is a socket or a device, not a file",
    errno.ENOENT: "it does not exist",
}


def path_error(error: OSError, shown: str) -> PathError:
    """Put what the system said into words; nothing was changed."""
    reason = _SENTENCES.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
    return PathError(f"{shown} cannot be used: {reason}")


class Parent(AbstractContextManager[tuple[int, str]]):
    """The open folder that holds a file, and the file's raw name."""

    def __init__(self, base: Path, parts: beneath.Parts, name: str, make: bool) -> None:
        self._folder = beneath.folder(base, parts, make=make)
        self._name = name

    def __enter__(self) -> tuple[int, str]:
        return self._folder.__enter__(), self._name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._folder.__exit__(kind, error, trace)


def _regular(found: os.stat_result, shown: str) -> None:
    """Raise PathError for whatever is not a file that can be read."""
    if stat.S_ISREG(found.st_mode):
        return
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    kind = next((name for test, name in kinds if test(found.st_mode)), "a device")
    raise PathError(f"{shown} is {kind}, not a file")


def _too_large(shown: str, size: int) -> PathError:
    return PathError(
        f"{shown} has {size:,} bytes, more than {LARGEST:,}; look at parts of it with a command"
    )


def read(parent: int, name: str, shown: str, limit: int | None) -> FileView:
    """Read a regular file; raises PathError for anything else, OSError as the system does."""
    # looked at first, since opening a device can already do something
    _regular(os.stat(name, dir_fd=parent, follow_symlinks=False), shown)
    for last in (False, False, True):
        with os.fdopen(beneath.open_file(parent, name), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            _regular(before, shown)
            if before.st_size > LARGEST:
                raise _too_large(shown, before.st_size)
            kept, digest, size = bytearray(), hashlib.sha256(), 0
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > LARGEST:  # it grows as it is read
                    raise _too_large(shown, size)
                digest.update(chunk)
                kept += chunk if limit is None else chunk[: max(0, limit - len(kept))]
            after = os.fstat(file.fileno())
        if last or (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            break  # else another program wrote meanwhile, and these bytes may be half of each
    return FileView(
        path=shown,
        data=bytes(kept),
        sha256=digest.hexdigest(),
        mode=stat.S_IMODE(after.st_mode),
        size=size,
        truncated=len(kept) < size,
    )


def left_in(folder: Path, name: str) -> bytes:
    """Return what a command left in a folder of ours; raises OSError, also for what is no file.

    The command could have put a link there, or a pipe that nobody writes to.
    """
    with beneath.folder(folder, ()) as parent:
        try:
            return read(parent, name, name, None).data
        except PathError as error:
            raise OSError(errno.EINVAL, str(error), name) from error


def check(parent: int, name: str, shown: str, expect: str) -> os.stat_result:
    """Make sure that a file may be replaced and still has this sha256.

    Raises FileNotFoundError, StaleFile, or PathError for links, hard links and read-only files.
    """
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise PathError(f"{shown} is a link; change the file that it points to")
    _regular(found, shown)
    if found.st_nlink > 1:
        raise PathError(f"{shown} has {found.st_nlink} hard links; a change would part them")
    if not found.st_mode & 0o222:
        raise PathError(f"{shown} is read-only")
    if read(parent, name, shown, 0).sha256 != expect:
        raise StaleFile(f"{shown} was changed since it was read; read it again")
    return found


def write(
    parent: int, name: str, shown: str, data: bytes, expect: str | None, mode: int | None
) -> FileView:
    """Replace or make a file; raises OSError, StaleFile or PathError with the file as it was."""
    old: os.stat_result | None = None
    if expect is not None:
        try:
            old = check(parent, name, shown, expect)
        except FileNotFoundError:
            raise StaleFile(f"{shown} no longer exists") from None
        _writable(parent, name)
    elif not beneath.name_free(parent, name):
        raise StaleFile(f"{shown} exists already; read it before you change it")
    temporary = f"{TEMPORARY}{os.getpid()}-{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # a new file gets what the umask leaves; a copy of an old one is private until it is whole
    made = os.open(temporary, flags, 0o666 if old is None else 0o600, dir_fd=parent)
    try:
        with os.fdopen(made, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            if old is not None:
                _keep_owner(file.fileno(), old)
            wanted = mode if mode is not None else stat.S_IMODE(old.st_mode) if old else None
            if wanted is not None:
                os.fchmod(file.fileno(), wanted)
            os.fsync(file.fileno())
            final = os.fstat(file.fileno())
        if old is None:
            try:
                beneath.rename_new(parent, temporary, parent, name)
            except FileExistsError:
                raise StaleFile(f"{shown} appeared just now; read it first") from None
        else:
            _still(parent, name, shown, old)
            os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        raise
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        os.fsync(parent)
    return FileView(
        path=shown,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        mode=stat.S_IMODE(final.st_mode),
        size=len(data),
    )


def _writable(parent: int, name: str) -> None:
    """Raise OSError when the file may not be written: renaming over it would not ask that."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        os.close(os.open(name, flags, dir_fd=parent))
    except OSError as error:
        if error.errno != errno.ETXTBSY:  # a program that runs can be replaced, not written
            raise


def _keep_owner(descriptor: int, old: os.stat_result) -> None:
    """Give the new file the old one's owner and group, as far as we may."""
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)


def _still(parent: int, name: str, shown: str, old: os.stat_result) -> None:
    """Look once more before the old file is replaced: writing took its time."""
    try:
        now = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        raise StaleFile(f"{shown} no longer exists") from None
    if (now.st_ino, now.st_mtime_ns, now.st_size) != (old.st_ino, old.st_mtime_ns, old.st_size):
        raise StaleFile(f"{shown} was changed just now; read it again")

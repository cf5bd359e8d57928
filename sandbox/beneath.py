"""Opening what lies beneath a folder, so that nobody can swap a link in on the way.

Every component is opened relative to its parent's descriptor and no link is ever followed: the
caller resolves links first (`resolve`) and then opens the result, where a link that appears in
between is an error. That needs nothing but POSIX, so it is the same on Linux and macOS. All
functions raise OSError.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
Parts = tuple[str, ...]  # raw names below a folder; never `.`, `..` or empty


def resolve(base: Path, parts: Sequence[str]) -> Parts | None:
    """Follow the links in `parts`; None when they lead out of `base`."""
    return below(base, real(os.path.join(base, *parts)))  # noqa: PTH118 raw names


def real(path: str) -> str:
    """Return an absolute path without links, as far as it exists; `` while it is being changed."""
    try:
        return os.path.realpath(path)
    except OSError:  # a folder became a link, or a link a folder, between two looks
        return ""


def below(base: Path, path: str) -> Parts | None:
    """Return the components of an absolute path below `base`, or None when it is not."""
    top = str(base)
    if path == top:
        return ()
    prefix = top if top.endswith("/") else top + "/"
    return tuple(path[len(prefix) :].split("/")) if path.startswith(prefix) else None


@contextmanager
def folder(base: Path, parts: Parts, *, make: bool = False) -> Iterator[int]:
    """Open the folder as a descriptor, closed afterwards.

    With `make`, missing folders are made, and removed again when the body raises.
    """
    made: list[tuple[int, str]] = []
    held = [os.open(base, _FOLDER)]
    try:
        for name in parts:
            try:
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=held[-1])
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(name, dir_fd=held[-1])
                made.append((held[-1], name))
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=held[-1])
            held.append(inner)
            if not made:  # an earlier one is only needed to take back what was made in it
                os.close(held.pop(-2))
        yield held[-1]
    except BaseException:
        for parent, name in reversed(made):
            with contextlib.suppress(OSError):  # another program may have put a file there
                os.rmdir(name, dir_fd=parent)
        raise
    finally:
        for descriptor in held:
            os.close(descriptor)


def open_file(parent: int, name: str) -> int:
    """Open for reading without waiting, whatever it is; the caller looks at what it got."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=parent)


def name_free(parent: int, name: str) -> bool:
    """Whether nothing has this name, not even a dangling link."""
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return True
    return False


def rename_new(source: int, old: str, target: int, new: str) -> None:
    """Rename without ever replacing: raises FileExistsError when the name is taken."""
    try:
        os.link(old, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        # FAT, some network and FUSE file systems have no hard links
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if not name_free(target, new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from error
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        return
    os.unlink(old, dir_fd=source)

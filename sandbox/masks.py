"""Holds the place of protected names that do not exist, so that no command can make them.

A mask is an empty folder of ours at the name, for as long as a command runs; the sandbox lays
`cover` over it, read-only. git sees neither: an empty folder is nothing to it, and the cover says
that it is ignored, so that a `git clean` or `git stash -u` within does not try to remove it.

Its time of change marks a mask as ours, and everyone who uses it holds a shared lock on it, which
the kernel takes back from a process that was killed. So whoever finds one that nobody holds may
remove it. Only `rmdir` ever does: what a person puts in it meanwhile makes it theirs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import weakref
from collections.abc import Iterable
from pathlib import Path

from sandbox.streams import close_all

# seconds; whole and even, since some file systems keep no finer time
MARK = 1_087_654_320
_SAYS = "# this name is kept free while a command runs: only a person makes it\n*\n"
_MODE = 0o1755  # the sticky bit tells one that is not marked yet from a folder of the user's
_TRIES = 5  # another session may be making or removing the same one right now
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def cover(folder: Path) -> Path | None:
    """Make what is laid over masks, below a folder that no command sees; None where it cannot be.

    A mask without it holds as well, and git only complains when it is to clean up.
    """
    made, said = folder / "mask", folder / "mask" / ".gitignore"
    try:
        if not said.is_file() or said.read_text() != _SAYS:
            made.mkdir(mode=0o755, parents=True, exist_ok=True)
            said.write_text(_SAYS)
    except OSError:
        return None
    return made.resolve()


class Masks:
    """The masks that one command uses."""

    def __init__(self) -> None:
        self._held: list[tuple[Path, int]] = []
        self._open: set[int] = set()
        weakref.finalize(self, close_all, self._open)

    def put(self, path: Path) -> bool:
        """Mask a name; False where something stands there, or no folder can be made."""
        for _ in range(_TRIES):
            try:
                held = _hold(path)
            except (FileNotFoundError, BlockingIOError):
                continue
            except OSError:
                return False
            self._held.append((path, held))
            self._open.add(held)
            return True
        return False

    def remove(self) -> None:
        """Let go of all of them, and remove those that nobody else holds."""
        for path, held in self._held:
            fcntl.flock(held, fcntl.LOCK_UN)
            _remove(path, held)
        self._held.clear()
        close_all(self._open)


def sweep(paths: Iterable[Path]) -> None:
    """Remove the masks among these that a killed process left."""
    for path in paths:
        with contextlib.suppress(OSError):
            if is_mask(path.lstat()):
                held = os.open(path, _FOLDER)
                try:
                    _remove(path, held)
                finally:
                    os.close(held)


def is_mask(status: os.stat_result) -> bool:
    """Whether a folder bears our mark; one in which something was made no longer does."""
    return stat.S_ISDIR(status.st_mode) and status.st_mtime == MARK


def _hold(path: Path) -> int:
    """Make the mask, or share the one of another session; raises OSError where neither works."""
    made = False
    above = os.open(path.parent, _FOLDER)
    try:
        # a command in the background may have put a link on the way
        if os.readlink(f"/proc/self/fd/{above}") != str(path.parent):  # noqa: PTH115 a descriptor
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path.name, _MODE, dir_fd=above)
            made = True
        held = os.open(path.name, _FOLDER, dir_fd=above)
    finally:
        os.close(above)
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if made:
            os.utime(held, (MARK, MARK))
        status = os.fstat(held)
        ours = is_mask(status) and not os.listdir(held)  # noqa: PTH208 a descriptor
        if not ours and not status.st_mode & stat.S_ISVTX:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if not ours or not os.path.samestat(status, path.lstat()):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
    except BaseException:
        os.close(held)
        raise
    return held


def _remove(path: Path, held: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_mask(os.fstat(held)) and os.path.samestat(os.fstat(held), path.lstat()):
            path.rmdir()

"""Copies of the working tree to try things in, shown to commands at the original's place.

A copy has the uncommitted changes, and everything else but dependency folders and `.git`: those are
mounted from the original, read-only. Copies lie under the user's cache, each locked by the process
that made it; what a killed process left is removed at the next start.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from agent.config import cache_path
from agent.duplicate import CopyStale, CopyTooLarge, Duplicate, clear, survey
from agent.errors import Failed
from agent.store import FULL_DISK
from agent.tree import in_thread
from sandbox.base import Mount
from sandbox.names import raw, show

__all__ = ["Copies", "Copy", "CopyLimits", "CopyStale", "CopyTooLarge"]

_SETTLE_S = 0.02  # after this a change gets another time stamp, whatever clock the kernel uses


@dataclass(frozen=True, slots=True)
class CopyLimits:
    """When a tree is too large to copy."""

    total_bytes: int = 2 << 30
    files: int = 300_000


class _Claim(NamedTuple):
    """A folder for one copy, and the descriptor that locks it."""

    home: Path
    lock: int


class Copy:
    """One copy. Give its `mounts` to each command that is to run in it.

    No command may be running in it during `reset` or `write`.
    """

    def __init__(self, duplicate: Duplicate) -> None:
        self._duplicate = duplicate
        self.path = duplicate.path
        self.mounted = duplicate.survey.mounted  # what it has from the original, by path
        root = duplicate.root
        self.mounts: tuple[Mount, ...] = (
            Mount(self.path, root, writable=True),
            *(Mount(root / kept, root / kept) for kept in sorted(self.mounted)),
        )

    async def reset(self) -> None:
        """Make the copy what it was at first, touching only what differs.

        Raises CopyStale when the original changed meanwhile; a new copy is needed then.
        """
        with _errors(self._duplicate.home):
            await in_thread(self._duplicate.reset, self._duplicate.stop.set)
        await asyncio.sleep(_SETTLE_S)

    async def touched(self) -> list[str]:
        """Return the files that are not as they were at first: changed, new or gone."""
        return [show(path) for path in await in_thread(self._duplicate.touched)]

    async def write(self, path: str, data: bytes) -> None:
        """Put a file at a workspace-relative path, keeping the mode of the one before.

        Raises Failed when the path leaves the copy, follows a link, or lies in what is mounted.
        """
        name = self._held(path)
        with _errors(self._duplicate.home):
            await in_thread(lambda: self._duplicate.write(name, data))

    async def remove(self, path: str) -> None:
        """Remove the file at a workspace-relative path if it is there; raises as `write` does."""
        name = self._held(path)
        with _errors(self._duplicate.home):
            await in_thread(lambda: self._duplicate.remove(name))

    def _held(self, path: str) -> str:
        parts = raw(path).split("/")
        heads = {"/".join(parts[: end + 1]) for end in range(len(parts))}
        if not {"", ".", ".."}.isdisjoint(parts) or heads & self.mounted:
            raise Failed(f"not a path that a copy can hold: {path}")
        return "/".join(parts)


class Copies:
    """Makes copies of one working tree. `root` is resolved; `cache` is where they are kept."""

    def __init__(
        self, root: Path, *, cache: Path | None = None, limits: CopyLimits | None = None
    ) -> None:
        self.root = root
        self._place = Path(os.path.realpath(cache or cache_path())) / "copies"
        self._limits = limits or CopyLimits()

    @asynccontextmanager
    async def make(self) -> AsyncIterator[Copy]:
        """Make a copy and remove it at the end, however that comes.

        Raises CopyTooLarge when the tree is over the limit: the caller may go in place then. Raises
        Failed, with one line, when the disk is full or cannot be written.
        """
        stop = threading.Event()
        ours: list[_Claim] = []
        try:
            with _errors(self._place):
                await in_thread(lambda: ours.append(self._claim()))
                await in_thread(self._sweep)
                limits = self._limits
                found = await in_thread(
                    lambda: survey(self.root, limits.total_bytes, limits.files, stop), stop.set
                )
                duplicate = Duplicate(self.root, ours[0].home, found, stop)
                await in_thread(duplicate.make, stop.set)
            await asyncio.sleep(_SETTLE_S)
            yield Copy(duplicate)
        finally:
            with _errors(self._place):
                for claim in ours:
                    await in_thread(partial(self._remove, claim))

    def _claim(self) -> _Claim:
        """Make a folder of our own and lock it, before anyone can take it for a dead one."""
        self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = self._place / f"{os.getpid()}-{secrets.token_hex(6)}"
        with self._gate():
            home.mkdir(mode=0o700)
            lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return _Claim(home, lock)

    def _sweep(self) -> None:
        """Remove the copies of processes that are gone; their locks went with them."""
        for home in self._place.iterdir():
            if not home.is_dir():
                continue
            with self._gate():
                try:
                    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except FileNotFoundError:
                    continue  # removed by another one just now
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(lock)
                    continue
            self._remove(_Claim(home, lock))

    def _remove(self, claim: _Claim) -> None:
        try:
            clear(claim.home, keep={"lock"})
            with self._gate():  # without its lock a folder would look like a dead one
                (claim.home / "lock").unlink()
                claim.home.rmdir()
        finally:
            os.close(claim.lock)

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Hold all others off for the moment of making, or of claiming a dead one."""
        gate = os.open(self._place / "gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)


@contextmanager
def _errors(place: Path) -> Iterator[None]:
    """Turn what the system says into a line for a person."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            hint = "free some space, or set XDG_CACHE_HOME to another disk"
            raise Failed(f"no space left for a copy: {place}", hint) from error
        where = error.filename if isinstance(error.filename, str) else place
        raise Failed(f"cannot make a copy: {error.strerror}: {where}") from error

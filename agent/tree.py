"""A working tree as a manifest: what is in it, read without following a link.

Paths are relative, with `/`, as `os.fsdecode` gives them, so every name survives;
`sandbox.names.show` gives their form for people. A manifest holds folders too, since an empty one
is part of the tree.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeVar

from sandbox.descendants import alive
from sandbox.masks import is_mask
from sandbox.walking import (
    DEPENDENCY_FOLDERS,
    half_written,
    is_dependency_folder,
    is_ignored,
)

T = TypeVar("T")

_by_name = attrgetter("name")
_FORM = 1  # of the file that keeps the last scan

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# without O_NONBLOCK the open of a FIFO put in a file's place would wait for ever
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
STAGING = ".wisp-rewind-"  # where a rewind writes before it renames; swept by the next one
BATCH = 32 << 20  # bytes of new content held in memory at once
FINE, COARSE = 100_000_000, 2_000_000_000  # ns within which two writes may share a time stamp


class Entry(NamedTuple):
    """One thing in the tree: `mode` as `st_mode` has it; `sha` is git's name for the content.

    A link's content is its target. A folder has no `sha` and no `size`.
    """

    mode: int
    sha: str = ""
    size: int = 0


class Stamp(NamedTuple):
    """What changes when a file does."""

    mtime_ns: int
    ctime_ns: int
    ino: int


class Blob(NamedTuple):
    """Content that is not stored yet."""

    sha: str
    data: bytes


Manifest = dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much for a checkpoint, in bytes and counts; the rest is left out and named."""

    file_bytes: int = 32 << 20
    ignored_bytes: int = 1 << 20  # of one file that git ignores
    total_bytes: int = 1 << 30
    files: int = 200_000
    depth: int = 200  # folders in each other; an open descriptor each
    checkpoints: int = 400  # that are kept, the newest


class Known(NamedTuple):
    """What an earlier scan found at a path."""

    entry: Entry
    stamp: Stamp


def blob_name(data: bytes) -> str:
    """Return git's name for this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


async def in_thread(work: Callable[[], T], stop: Callable[[], None] | None = None) -> T:
    """Run blocking work in a thread; a cancellation is passed on when the work has ended.

    So nothing is still writing when the caller cleans up. `stop` is called at the cancellation.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue  # cancelled again; the work is still under way
        task.exception()  # whatever it was, the cancellation is what the caller asked for
        raise


class Scan:
    """One reading of a working tree; run `batches` to the end, then look at the rest.

    `known` spares reading a file whose stamp has not changed. Dependency folders and every `.git`,
    nested ones included, are passed over; what else is missing is in `left_out`.
    """

    def __init__(self, root: Path, known: Mapping[str, Known], limits: Limits) -> None:
        self.manifest: Manifest = {}
        self.stamps: dict[str, Stamp] = {}
        self.left_out: list[str] = []
        self.young: set[str] = set()  # whose stamp may stay the same over another write
        self.read = 0  # files whose content had to be read
        self._root = root
        self._known = known
        self._limits = limits
        self._stored = {found.entry.sha for found in known.values()}
        self._fresh: list[Blob] = []
        self._fresh_bytes = 0
        self._total = 0
        self._files = 0

    def batches(self) -> Generator[list[Blob], None, None]:
        """Read the tree, yielding new content in pieces of about BATCH bytes.

        Raises OSError only when the root itself cannot be read.
        """
        self._now = time.time_ns()
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield from self._folder(root, "", (), 0)
        finally:
            os.close(root)
        if self._fresh:
            yield self._fresh
        self.left_out.sort()

    def known(self) -> dict[str, Known]:
        """Return what the next scan may rely on."""
        never = Stamp(0, 0, 0)
        return {
            path: Known(entry, never if path in self.young else self.stamps.get(path, never))
            for path, entry in self.manifest.items()
        }

    def _folder(
        self, here: int, prefix: str, beside: Collection[str], depth: int
    ) -> Iterator[list[Blob]]:
        with os.scandir(here) as found:
            items = sorted(found, key=_by_name)
        names = {item.name for item in items}
        if depth:
            name = prefix.rsplit("/", 2)[-2]
            status = os.fstat(here)
            if is_dependency_folder(name, beside, names) or (not names and is_mask(status)):
                return
            self.manifest[prefix[:-1]] = Entry(status.st_mode)
        for item in items:
            name = item.name
            path = prefix + name
            # whatever its case, since git itself refuses to keep `.GIT`
            if name.lower() == ".git" or (not depth and name.startswith(STAGING)):
                continue
            try:
                if writer := half_written(name):
                    # what a kill left; of a writer that lives it is gone in a moment
                    if not alive(writer):
                        os.unlink(name, dir_fd=here)
                    continue
                status = item.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    self._file(here, name, path, status)
                elif stat.S_ISLNK(status.st_mode):
                    self._link(here, name, path, status)
                elif not stat.S_ISDIR(status.st_mode):
                    self.left_out.append(path)  # a FIFO, a socket, a device
                elif name in DEPENDENCY_FOLDERS:
                    continue
                elif depth == self._limits.depth or self._files >= self._limits.files:
                    self.left_out.append(path)
                else:
                    below = os.open(name, FOLDER, dir_fd=here)
                    try:
                        yield from self._folder(below, path + "/", names, depth + 1)
                    finally:
                        os.close(below)
            except FileNotFoundError:
                continue  # gone since the folder was listed
            except OSError:
                self.left_out.append(path)  # not ours to read, or changed under our hands
            if self._fresh_bytes >= BATCH:
                yield self._fresh
                self._fresh, self._fresh_bytes = [], 0

    def _file(self, here: int, name: str, path: str, status: os.stat_result) -> None:
        if not self._fits(path, status.st_size):
            self.left_out.append(path)
            return
        stamp = Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        known = self._known.get(path)
        if known is not None and known.stamp == stamp and known.entry.size == status.st_size:
            entry, stamp = known  # the same objects, which compare at once
            if entry.mode != status.st_mode:
                entry = entry._replace(mode=status.st_mode)
        else:
            with os.fdopen(os.open(name, FILE, dir_fd=here), "rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise OSError(errno.EINVAL, "no longer a regular file", path)
                data = _read(file.fileno(), before.st_size, self._limits.file_bytes)
                after = os.fstat(file.fileno())
            if data is None:
                self.left_out.append(path)
                return
            stamp = Stamp(after.st_mtime_ns, after.st_ctime_ns, after.st_ino)
            self.read += 1
            steady = (before.st_mtime_ns, before.st_ctime_ns) == stamp[:2]
            if not steady or self._young(stamp):
                self.young.add(path)
            entry = Entry(after.st_mode, self._store(data), len(data))
        self._count(path, entry)
        self.stamps[path] = stamp

    def _link(self, here: int, name: str, path: str, status: os.stat_result) -> None:
        if self._files >= self._limits.files:
            self.left_out.append(path)
            return
        target = os.fsencode(os.readlink(name, dir_fd=here))
        self._count(path, Entry(stat.S_IFLNK | 0o777, self._store(target), len(target)))
        self.stamps[path] = Stamp(status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def _fits(self, path: str, size: int) -> bool:
        limits = self._limits
        if size > limits.file_bytes or self._files >= limits.files:
            return False
        if self._total + size > limits.total_bytes:
            return False
        if size <= limits.ignored_bytes:
            return True
        return not is_ignored(self._root, tuple(path.split("/")))

    def _young(self, stamp: Stamp) -> bool:
        """Whether another write could still get the same stamp."""
        latest = max(stamp.mtime_ns, stamp.ctime_ns)
        margin = FINE if latest % 1_000_000_000 else COARSE  # whole seconds: FAT, old NFS
        return latest > self._now - margin

    def _store(self, data: bytes) -> str:
        sha = blob_name(data)
        if sha not in self._stored:
            self._stored.add(sha)
            self._fresh.append(Blob(sha, data))
            self._fresh_bytes += len(data)
        return sha

    def _count(self, path: str, entry: Entry) -> None:
        self.manifest[path] = entry
        self._files += 1
        self._total += entry.size


def _read(file: int, expected: int, limit: int) -> bytes | None:
    """Read to the end; None when there is more than `limit`, as in a file that keeps growing."""
    parts: list[bytes] = []
    size = 0
    while part := os.read(file, max(expected - size, 0) + 1):
        parts.append(part)
        size += len(part)
        if size > limit:
            return None
        if size >= expected and len(part) == 1:
            expected = min(limit, size + (1 << 16))
    return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True, slots=True)
class LastScan:
    """What the last scan found and where it is stored, so that the next reads only what changed.

    `id` and `tree` name the checkpoint; they are empty when there is none.
    """

    id: str = ""
    tree: str = ""
    label: str = ""
    time: float = 0.0
    left_out: tuple[str, ...] = ()
    known: Mapping[str, Known] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """Return what the checkpoint holds."""
        return {path: known.entry for path, known in self.known.items()}

    def save(self, path: Path) -> None:
        """Write it beside and rename; raises OSError."""
        data = {
            "form": _FORM,
            "checkpoint": [self.id, self.tree, self.label, self.time, self.left_out],
            "known": {name: [*known.entry, *known.stamp] for name, known in self.known.items()},
        }
        beside = path.with_suffix(".tmp")
        try:
            beside.write_text(json.dumps(data, separators=(",", ":")), "ascii")
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path) -> LastScan:
        """Read it back; an empty one when there is none, or none that this version can read."""
        try:
            data = json.loads(path.read_bytes())
            if data["form"] != _FORM:
                return cls()
            checkpoint, tree, label, moment, left_out = data["checkpoint"]
            known = {
                name: Known(Entry(*found[:3]), Stamp(*found[3:]))
                for name, found in data["known"].items()
            }
        except (OSError, ValueError, KeyError, TypeError):
            return cls()  # it only spares work
        return cls(checkpoint, tree, label, moment, tuple(left_out), known)

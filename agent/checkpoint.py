"""Checkpoints: restorable pictures of the working tree, kept outside the repository.

They hold what git does not track too, byte for byte, and never touch the user's `.git`. Dependency
folders, large files, and whatever is neither file, link nor folder are left out; those others are
named in `left_out`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agent.config import state_path
from agent.errors import Failed
from agent.rewind import Plan, Rewind, plan
from agent.store import FULL_DISK, TRUSTED_PATH, Base, Store, describe, no_space
from agent.tree import Blob, Entry, LastScan, Limits, Manifest, Scan, in_thread
from sandbox.base import Sandbox
from sandbox.names import show


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One picture: how many files and links it holds, and the paths it does not.

    `time` is in seconds since the epoch.
    """

    id: str
    label: str
    files: int
    left_out: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: `backup` is the checkpoint of how it was before.

    `refused` are files left alone, because somebody changed them since, or because the checkpoint
    or the backup does not hold them.
    """

    files: tuple[str, ...]
    refused: tuple[str, ...]
    backup: str


class Checkpoints:
    """The checkpoints of one workspace; several processes may use them at once.

    `root` is resolved. `state` is where Wisp keeps its state, the platform's place by default;
    `programs` is where git may be, as in PATH.
    Every method raises Failed, with one line, when git is missing or fails or a disk is full.
    """

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        *,
        state: Path | None = None,
        programs: str = TRUSTED_PATH,
        limits: Limits | None = None,
    ) -> None:
        self.root = root
        self._limits = limits or Limits()
        self._name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        self.path = Path(os.path.realpath(state or state_path())) / "checkpoints" / self._name
        self._memory = self.path / "last-scan.json"
        self._last: LastScan | None = None
        self._store = Store(self.path, sandbox, programs, self._limits.checkpoints)

    async def make(self, label: str) -> Checkpoint:
        """Take a picture; when nothing has changed since the last one, that one is returned."""
        async with self._store.lock():
            made, _ = await self._make(label)
            return made

    async def restore(self, checkpoint: str) -> Restored:
        """Make the tree what it was, after a backup of how it is."""
        async with self._store.lock():
            target = await self._store.read(checkpoint)
            backup, scan = await self._make(f"before going back to {checkpoint}")
            left_out = [*scan.left_out, *target.extra["left_out"]]
            made = plan(scan.manifest, target.manifest, None, scan.stamps, left_out)
            files = await self._apply(self.root, made)
            return Restored(_for_people(files), _for_people(made.refused), backup.id)

    async def unwind(
        self,
        spans: Sequence[tuple[str, str]],
        *,
        preview: bool = False,
        begin: Callable[[str], None] = lambda backup: None,
    ) -> Restored:
        """Take back what changed between the two checkpoints of each span, the latest span first.

        `begin` is told of the backup before anything is changed.

        A path that is not as its latest span left it is refused; one that somebody changed between
        two spans goes back to what they made of it, and is refused too. With `preview` nothing is
        changed, and there is no backup.
        """
        async with self._store.lock():
            expected: Manifest = {}
            target: Manifest = {}
            kept, touched, stuck = set[str](), set[str](), set[str]()
            for before, after in spans:
                old, new = await self._store.read(before), await self._store.read(after)
                kept |= {*old.extra["left_out"]}
                for path in {path for path, _ in old.manifest.items() ^ new.manifest.items()}:
                    there, was = new.manifest.get(path), old.manifest.get(path)
                    if path not in touched:
                        _put(expected, path, there)
                    elif path in stuck or target.get(path) != there:
                        stuck.add(path)
                        continue
                    touched.add(path)
                    _put(target, path, was)
            backup, scan = await self._make("before going back")
            left_out = [*scan.left_out, *kept]
            made = plan(scan.manifest, target, expected, scan.stamps, left_out)
            refused = _for_people(made.refused | stuck)
            if preview:
                return Restored(_for_people(made.change), refused, "")
            if made.change:
                begin(backup.id)
            files = await self._apply(self.root, made)
            return Restored(_for_people(files), _for_people(made.refused | stuck), backup.id)

    async def extract(self, checkpoint: str, target: Path) -> None:
        """Write a checkpoint's tree into a folder, which is made, or is empty."""
        async with self._store.lock():
            stored = await self._store.read(checkpoint)
            await in_thread(lambda: target.mkdir(parents=True, exist_ok=True))
            made = plan({}, stored.manifest, None, {}, ())
            await self._apply(target, made)
        if made.refused:
            raise Failed(f"not an empty folder: {target}")

    async def changed(self, before: str, after: str, *, folders: bool = False) -> list[str]:
        """Return the files and links that differ between two checkpoints; `folders` adds those."""
        async with self._store.lock():
            old = (await self._store.read(before)).manifest
            new = (await self._store.read(after)).manifest
        differ = {*old.items()} ^ {*new.items()}
        return list(
            _for_people({path for path, it in differ if folders or not stat.S_ISDIR(it.mode)})
        )

    async def diff(self, before: str, after: str) -> str:
        """Return the unified diff between two checkpoints, as git writes it."""
        async with self._store.lock():
            output = await self._store.git(
                *("diff-tree", "-p", "-r", "--no-ext-diff", "--no-textconv", "--no-color"),
                *(self._store.known(before), self._store.known(after), "--"),
            )
        return output.decode("utf-8", "replace")

    async def ids(self) -> list[str]:
        """Return the ids of all checkpoints, oldest first."""
        async with self._store.lock():
            return self._store.ids()

    async def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint, or None when there is none."""
        async with self._store.lock():
            ids = self._store.ids()
            if not ids:
                return None
            extra = await self._store.extra(ids[-1])
        return _checkpoint(
            ids[-1], extra["label"], extra["files"], extra["left_out"], extra["time"]
        )

    async def _make(self, label: str) -> tuple[Checkpoint, Scan]:
        # one held from before is still true if another process has made newer ones
        last = self._last
        if last is None:
            last = await in_thread(lambda: LastScan.load(self._memory))
        if last.id not in self._store.ids():
            last = LastScan()  # what it names may be gone too
        scan = Scan(self.root, last.known, self._limits)
        batches = scan.batches()
        batch: list[Blob] = []
        try:
            while (following := await in_thread(lambda: next(batches, None))) is not None:
                if batch:
                    await self._store.add(batch)
                batch = following
        except OSError as error:
            raise Failed(f"cannot read the folder: {error.strerror}: {self.root}") from error
        finally:
            batches.close()
        before = last.manifest()
        same = scan.manifest == before and tuple(scan.left_out) == last.left_out
        if last.id and same and not scan.read:
            now = last
        elif last.id and same:
            now = replace(last, known=scan.known())
        else:
            extra = describe(scan.manifest, label, scan.left_out)
            base = Base(last.tree, before) if last.id else Base()
            name, tree = await self._store.commit(batch, scan.manifest, base, extra)
            left_out = tuple(scan.left_out)
            now = LastScan(name, tree, label, extra["time"], left_out, scan.known())
            await self._store.prune()
        self._last = now
        if now is not last:
            await in_thread(lambda: self._remember(now))
        files = sum(entry.sha != "" for entry in scan.manifest.values())
        return _checkpoint(now.id, now.label, files, now.left_out, now.time), scan

    def _remember(self, scan: LastScan) -> None:
        # without it the next scan only takes longer
        with contextlib.suppress(OSError):
            scan.save(self._memory)

    async def _apply(self, root: Path, made: Plan) -> list[str]:
        """Carry out a plan; the content is all written before anything changes."""
        rewind = Rewind(root, self._name, made)
        try:
            await in_thread(rewind.prepare)
            async for blobs in self._store.contents(made.wanted()):
                await in_thread(partial(rewind.stage, blobs))
            return await in_thread(rewind.apply)
        except OSError as error:
            if error.errno in FULL_DISK:
                raise no_space(root) from error
            raise Failed(f"cannot write: {error.strerror}: {root}", "look at its modes") from error
        finally:
            await in_thread(rewind.discard)


def _put(manifest: Manifest, path: str, entry: Entry | None) -> None:
    if entry is None:
        manifest.pop(path, None)
    else:
        manifest[path] = entry


def _checkpoint(
    name: str, label: str, files: int, left_out: Sequence[str], time: float
) -> Checkpoint:
    return Checkpoint(name, label, files, tuple(map(show, left_out)), time)


def _for_people(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the shown paths, sorted, without folders that only hold other ones."""
    listed = set(paths)
    above = {path[:at] for path in listed for at, char in enumerate(path) if char == "/"}
    return tuple(show(path) for path in sorted(listed - above))

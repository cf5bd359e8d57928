"""What a session changed in the files, hunk by hunk: seen, and taken back one at a time.

Between its first checkpoint and one made now. What is taken back becomes a checkpoint that differs
in that alone, and the tree goes there as it goes back anywhere: only where a file is as it was
shown, byte for byte, with its mode, and so that `agent undo` takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agent.checkpoint import Checkpoints
from agent.errors import Failed
from agent.events import CheckpointMade, Rewound
from agent.hunks import File, Hunk, file_of, leaf, pieces_of, spliced
from agent.log import read
from agent.store import TRUSTED_PATH, Base, Store, describe
from agent.tree import Blob, Entry, Limits, Manifest, blob_name, in_thread
from agent.undo import Turns, TurnSpan
from sandbox.names import raw, show

if TYPE_CHECKING:
    from agent.desk import Desk

State = Literal["open", "accepted", "reverted"]
_NOTHING = Entry(0)


@dataclass(slots=True)
class _Tree:
    """A checkpoint as it is needed here."""

    id: str
    manifest: Manifest
    tree: str
    left_out: list[str]


class Review:
    """The changes of a session as they were when it was made, by `of`.

    `cut` says that the session began before the oldest checkpoint that is kept.
    """

    def __init__(self, desk: Desk, before: _Tree | None, after: _Tree | None, cut: bool) -> None:
        self._desk = desk
        self._before, self._after, self._now = before, after, after
        self._accepted: set[tuple[str, int]] = set()
        self._reverted: set[tuple[str, int]] = set()
        self.files: tuple[File, ...] = ()
        self.cut = cut

    @classmethod
    async def of(cls, desk: Desk) -> Review:
        """Look what this session changed. Raises Failed."""
        points = desk.checkpoints()
        log = desk.talk.session.log_path
        made = await in_thread(
            lambda: [each.id for each in read(log).events if isinstance(each, CheckpointMade)]
        )
        kept = {*await points.ids()} if made else set()
        first = next((each for each in made if each in kept), "")
        if not first:
            return cls(desk, None, None, cut=bool(made))
        now = await points.make(f"{desk.talk.session.id} under review")
        store = _store(points, desk)
        async with store.lock():
            before, after = await _read(store, first), await _read(store, now.id)
            patch = await store.git(
                *("diff-tree", "-r", "--raw", "-p", "-z", "--no-renames", "--no-ext-diff"),
                *("--no-textconv", "--no-color", before.tree, after.tree, "--"),
            )
        review = cls(desk, before, after, cut=first != made[0])
        clean = desk.redaction.text
        pieces = await in_thread(lambda: pieces_of(patch))
        review.files = tuple(
            _told(file_of(path, before.manifest, after.manifest, pieces.get(path, ())), clean)
            for path in sorted(_differing(before, after))
        )
        review._pair_moved()
        return review

    # -- what was looked at

    def state(self, hunk: Hunk) -> State:
        """Return what became of a hunk."""
        key = (hunk.path, hunk.number)
        if key in self._reverted:
            return "reverted"
        return "accepted" if key in self._accepted else "open"

    def accept(self, what: File | Hunk) -> None:
        """Mark a hunk, or all of a file, as seen; what was taken back stays so."""
        self._accepted |= _keys(what)

    def reopen(self, what: File | Hunk) -> None:
        """Take the mark away."""
        self._accepted -= _keys(what)

    # -- taking back

    async def revert(self, what: File | Hunk) -> None:
        """Take a hunk back, or what is left of a file. `agent undo` undoes it.

        Raises Failed, with nothing changed, where the file is not as it was shown, and Blocked
        where another session changes files here.
        """
        desk, file = self._desk, self._file(what.path)
        back = self._reverted | _keys(what)
        if back == self._reverted or self._now is None:
            return
        desk.talk.place.take()
        points = desk.checkpoints()
        store = _store(points, desk)
        async with store.lock():
            entry, blobs = await self._goal(store, file, back)
            manifest = self._manifest(raw(file.path), entry)
            label = f"{desk.talk.session.id} without a part of {file.path}"
            goal = await _commit(store, self._now, manifest, blobs, label)
        went = await points.unwind([(goal.id, self._now.id)])
        if file.path in went.refused or not went.files:
            raise Failed(f"changed since it was shown: {file.path}", "open the changes again")
        self._now, self._reverted = goal, back
        after = await points.make(f"after a part of {file.path} was taken back")
        # a name of its own: a turn is found by its session and number, and this is none of them
        name = f"{desk.talk.session.id} {goal.id}"
        Turns(points.path).record(TurnSpan(name, desk.talk.turns, went.backup, after.id))
        desk.talk.session.emit(Rewound(id=goal.id, backup=went.backup, files=went.files))

    async def _goal(
        self, store: Store, file: File, back: Collection[tuple[str, int]]
    ) -> tuple[Entry | None, list[Blob]]:
        """Return what a file is without the hunks in `back`, and content that is not stored yet."""
        old, new = self._ends(raw(file.path))
        kept = [hunk for hunk in file.hunks if (hunk.path, hunk.number) not in back]
        if not kept or old is None or new is None or len(kept) == len(file.hunks):
            return (new if len(kept) == len(file.hunks) else old), []
        lost_mode = any(hunk.kind == "mode" and hunk not in kept for hunk in file.hunks)
        mode = old.mode if lost_mode else new.mode
        pieces = [hunk for hunk in file.hunks if hunk.kind != "mode"]
        if all(hunk in kept for hunk in pieces):
            return new._replace(mode=mode), []
        if not any(hunk in kept for hunk in pieces):
            return old._replace(mode=mode), []
        data = {
            blob.sha: blob.data
            async for blobs in store.contents({old.sha: old.size, new.sha: new.size})
            for blob in blobs
        }
        made = spliced(data[old.sha], data[new.sha], pieces, {hunk.number for hunk in kept})
        sha = blob_name(made)
        return Entry(mode, sha, len(made)), [Blob(sha, made)]

    def _manifest(self, path: str, entry: Entry | None) -> Manifest:
        """Return the tree with another entry at a path, and the folders that it then has."""
        assert self._before is not None and self._now is not None
        was, now = self._before.manifest, dict(self._now.manifest)
        now.pop(path, None)
        above = [path[:at] for at, char in enumerate(path) if char == "/"]
        if entry is not None:
            inside = next((each for each in now if each.startswith(f"{path}/")), "")
            over = next((each for each in above if now.get(each, _NOTHING).sha), "")
            if inside or over:
                raise Failed(f"in the way of {show(path)}: {show(inside or over)}", "revert it too")
            now |= {each: was[each] for each in above if each not in now and each in was}
            now[path] = entry
            return now
        if (folder := was.get(path)) is not None and not folder.sha:
            now[path] = folder
        for each in reversed(above):
            if each in was and not was[each].sha:
                break
            if any(other.startswith(f"{each}/") for other in now):
                break
            now.pop(each, None)
        return now

    def _ends(self, path: str) -> tuple[Entry | None, Entry | None]:
        assert self._before is not None and self._after is not None
        found = self._before.manifest.get(path), self._after.manifest.get(path)
        return leaf(found[0]), leaf(found[1])

    def _file(self, path: str) -> File:
        return next(each for each in self.files if each.path == path)

    def _pair_moved(self) -> None:
        """Say of files with the same content that one of them became the other."""
        gone: dict[str, File] = {}
        for file in self.files:
            old, _ = self._ends(raw(file.path))
            if file.kind == "deleted" and old is not None and old.size:
                gone.setdefault(old.sha, file)
        moved: dict[str, str] = {}
        for file in self.files:
            _, new = self._ends(raw(file.path))
            if file.kind == "created" and new is not None and new.sha in gone:
                other = gone.pop(new.sha)
                moved |= {file.path: other.path, other.path: file.path}
        self.files = tuple(replace(file, moved=moved.get(file.path, "")) for file in self.files)


# -- within: checkpoints


def _store(points: Checkpoints, desk: Desk) -> Store:
    return Store(points.path, desk.site.sandbox, TRUSTED_PATH, Limits().checkpoints)


async def _read(store: Store, name: str) -> _Tree:
    stored = await store.read(name)
    tree = await store.git("rev-parse", f"{store.known(name)}^{{tree}}")
    return _Tree(name, stored.manifest, tree.decode().strip(), stored.extra["left_out"])


async def _commit(
    store: Store, base: _Tree, manifest: Manifest, blobs: list[Blob], label: str
) -> _Tree:
    extra = describe(manifest, label, base.left_out)
    name, tree = await store.commit(blobs, manifest, Base(base.tree, base.manifest), extra)
    return _Tree(name, manifest, tree, base.left_out)


def _differing(before: _Tree, after: _Tree) -> Iterator[str]:
    """Yield the files and links that are not the same, where both checkpoints hold them."""
    left_out = {*before.left_out, *after.left_out}
    for path in before.manifest.keys() | after.manifest.keys():
        old, new = leaf(before.manifest.get(path)), leaf(after.manifest.get(path))
        if old == new:
            continue
        if left_out and any(path == each or path.startswith(f"{each}/") for each in left_out):
            continue
        yield path


def _told(file: File, clean: Callable[[str], str]) -> File:
    """Return it with marks in place of secrets, for showing."""
    return replace(file, hunks=tuple(replace(hunk, text=clean(hunk.text)) for hunk in file.hunks))


def _keys(what: File | Hunk) -> set[tuple[str, int]]:
    hunks = what.hunks if isinstance(what, File) else (what,)
    return {(hunk.path, hunk.number) for hunk in hunks}

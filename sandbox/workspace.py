r"""The one way for file tools into the working tree: no path leaves it, no link is followed out.

Paths are workspace-relative, with `/`, as text that can be encoded in UTF-8; a name that is not
UTF-8 is shown with `\xNN` escapes and accepted in that form. Two paths with the same meaning have
one form, which `locate` returns. Where a path runs through links, they are resolved first and the
result is then opened without following any, so a link swapped in meanwhile is an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from sandbox import beneath, contents
from sandbox.contents import FileView, PathError, StaleFile
from sandbox.listing import Entered, Listing
from sandbox.names import raw, show
from sandbox.obeyed import obeyed
from sandbox.protected import is_secret, secrets, why_protected
from sandbox.walking import DEPENDENCY_FOLDERS, is_dependency_folder, near_top, walk

__all__ = [
    "DEPENDENCY_FOLDERS",
    "FileView",
    "Kind",
    "PathError",
    "StaleFile",
    "Workspace",
    "is_dependency_folder",
    "read_outside",
]

Kind = Literal["file", "directory", "link", "other", "missing"]

LISTED = 20_000  # files in a listing that is kept
NAMES_TRIED = 20_000  # how many files are looked at to guess what a missing one was meant to be


@dataclass(frozen=True, slots=True)
class _Place:
    """A path taken apart: the folder it lies below, and its raw names there.

    `prefix` is what stands before such names when they are shown: nothing below the root.
    """

    base: Path
    parts: beneath.Parts
    shown: str
    prefix: str = ""


class Workspace:
    """The folder that the session works in, and folders added with `--add-dir`."""

    root: Path  # resolved, absolute
    extra: tuple[Path, ...]  # resolved, absolute; addressed by absolute paths
    git: bool  # whether the root is the top of a git working tree

    def __init__(self, root: Path, extra: Sequence[Path] = ()) -> None:
        self.root = root.resolve(strict=True)
        self.extra = tuple(path.resolve(strict=True) for path in extra)
        for path in (self.root, *self.extra):
            if not path.is_dir():
                raise NotADirectoryError(f"not a folder: {path}")
        self.git = os.path.lexists(self.root / ".git")

    def locate(self, path: str) -> str:
        """Return the path in its one form; raises PathError for what lies outside.

        Accepts absolute paths below the root and `./`; a path below an added folder stays absolute.
        """
        return self._place(path).shown

    def outside(self, path: str) -> bool:
        """Whether the path lies outside, by its text or through a link on the way."""
        try:
            place = self._place(path)
        except PathError:
            return True
        return beneath.resolve(place.base, place.parts) is None

    def protected(self, path: str) -> str:
        """Return why file tools must not change it, or an empty string.

        `.git`, nested repositories' `.git`, `.wisp` and whatever the sandbox keeps read-only.
        """
        place = self._place(path)
        why = self._why_protected(place, place.parts)
        if not why:
            parent = beneath.resolve(place.base, place.parts[:-1])
            why = self._why_protected(place, (*(parent or ()), *place.parts[-1:]))
        return why

    @staticmethod
    def _why_protected(place: _Place, parts: beneath.Parts) -> str:
        why = why_protected(parts)
        if why or not parts:
            return why
        path = place.base.joinpath(*parts)
        kept = obeyed(place.base, Path.home())
        return next((why for top, why in kept if path == top or top in path.parents), "")

    def kind(self, path: str) -> Kind:
        """Return what is there, without following a link."""
        place = self._place(path)
        if not place.parts:
            return "directory"
        try:
            with self._parent(place) as (parent, name):
                mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
        except OSError as error:
            raise contents.path_error(error, place.shown) from error
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISDIR(mode):
            return "directory"
        return "link" if stat.S_ISLNK(mode) else "other"

    def read(self, path: str, limit: int | None = None) -> FileView:
        """Read a regular file, through links only where they stay inside.

        Returns within 100 ms on anything else: raises PathError for a folder, FIFO, device, socket,
        a missing file (with the nearest existing names in the message), and for one of more than
        `contents.LARGEST` bytes.
        """
        place = self._place(path)
        parts = beneath.resolve(place.base, place.parts)
        if parts is None:
            raise PathError(f"{place.shown} is a link that leads out of the workspace")
        if not parts:
            raise PathError(f"{place.shown} is a folder")
        self._refuse_secret(place, parts)
        try:
            with beneath.folder(place.base, parts[:-1]) as parent:
                return contents.read(parent, parts[-1], place.shown, limit)
        except (FileNotFoundError, NotADirectoryError):
            raise PathError(self._missing(place)) from None
        except OSError as error:
            raise contents.path_error(error, place.shown) from error

    def write(
        self, path: str, data: bytes, *, expect: str | None, mode: int | None = None
    ) -> FileView:
        """Write beside and rename, keeping the mode; missing folders are made.

        `expect` is the sha256 that the file must still have, None when it must not exist. Raises
        StaleFile otherwise; PathError for protected paths, links and hard links, and when the disk
        is full or read-only, with the file as it was.
        """
        place = self._changeable(path)
        try:
            with self._opened(place, make=expect is None) as (parent, name):
                return contents.write(parent, name, place.shown, data, expect, mode)
        except OSError as error:
            raise contents.path_error(error, place.shown) from error

    def delete(self, path: str, *, expect: str) -> None:
        """Remove a file that still has this sha256; raises as `write` does."""
        place = self._changeable(path)
        try:
            with self._opened(place) as (parent, name):
                contents.check(parent, name, place.shown, expect)
                os.unlink(name, dir_fd=parent)
                os.fsync(parent)
        except FileNotFoundError:
            raise StaleFile(self._missing(place)) from None
        except OSError as error:
            raise contents.path_error(error, place.shown) from error

    def move(self, path: str, target: str, *, expect: str) -> None:
        """Rename a file that still has this sha256 to a name that is free."""
        source, goal = self._changeable(path), self._changeable(target)
        try:
            with self._opened(source) as (old_parent, old):
                contents.check(old_parent, old, source.shown, expect)
                with self._opened(goal, make=True) as (new_parent, new):
                    beneath.rename_new(old_parent, old, new_parent, new)
        except FileExistsError:
            raise PathError(f"{goal.shown} exists already; choose another name") from None
        except FileNotFoundError:
            raise StaleFile(self._missing(source)) from None
        except OSError as error:
            raise contents.path_error(error, f"{source.shown} -> {goal.shown}") from error

    def walk(
        self, below: str = ".", *, ignored: bool = False, entered: Entered | None = None
    ) -> Iterator[str]:
        """Yield the files in sorted order, without what git ignores, `.git` and dependency folders.

        Works without git, by the `.gitignore` files; never follows a link to a folder. With
        `ignored`, only `.git` is left out. A file yields itself; raises PathError as `locate` does.
        `entered` is told of each folder, by its absolute path, before that is read.
        """
        place = self._place(below)
        if place.parts and self.kind(below) in ("file", "link"):
            yield place.shown
            return
        for parts in walk(place.base, place.parts, ignored=ignored, entered=entered):
            yield place.prefix + show("/".join(parts))

    @cached_property
    def listing(self) -> Listing:
        """All files here and in the added folders, kept: at most `LISTED` of them."""

        def everywhere(entered: Entered) -> Iterator[str]:
            for top in (".", *map(str, self.extra)):
                yield from self.walk(top, entered=entered)

        return Listing(everywhere, LISTED)

    def near(self, path: str) -> list[str]:
        """Return the files, three at most, that the path of a missing one was perhaps meant to be.

        Raises PathError as `locate` does.
        """
        return self._near(self._place(path))

    @contextmanager
    def stamps(self) -> Iterator[Callable[[str], tuple[int, int]]]:
        """Give what tells when a file was written last, in nanoseconds, and its size in bytes.

        The size is -1 of a link and of whatever else is no regular file; 0 and -1 where nothing is.
        A folder stays open until a file of another is looked at: many files cost little in order.
        """
        with ExitStack() as held:
            here: tuple[Path, beneath.Parts] | None = None
            parent = -1

            def look(path: str) -> tuple[int, int]:
                nonlocal here, parent
                try:
                    place = self._place(path)
                    if (folder := (place.base, place.parts[:-1])) != here:
                        here = None
                        held.close()
                        parent = held.enter_context(self._parent(place))[0]
                        here = folder
                    found = os.stat(place.parts[-1], dir_fd=parent, follow_symlinks=False)
                except (OSError, PathError, IndexError):  # the last of these for the top itself
                    return 0, -1
                return found.st_mtime_ns, found.st_size if stat.S_ISREG(found.st_mode) else -1

            yield look

    def stamp(self, path: str) -> tuple[int, int]:
        """Return what `stamps` tells of one file."""
        with self.stamps() as look:
            return look(path)

    def changed_ns(self, path: str) -> int:
        """Return when a file was written last, in nanoseconds; 0 where there is none."""
        return self.stamp(path)[0]

    def near_top(self, depth: int, folders: int) -> Iterator[str]:
        """Yield the files at most `depth` folders below the root, in at most so many `folders`.

        What git ignores too, but no dependency folders.
        """
        for parts in near_top(self.root, depth, folders):
            yield show("/".join(parts))

    # -- within

    def _place(self, path: str) -> _Place:
        """Take a path apart by its text alone."""
        if not path or not path.strip():
            raise PathError("the path is empty; give one relative to the workspace")
        try:
            text = raw(path)
        except ValueError as error:
            raise PathError(f"not a path: {path!r} ({error})") from None
        if text == "~" or text.startswith("~/"):
            raise PathError(f"{path} lies in the home directory, outside the workspace")
        # by text, as a reader would: `a/../b` is `b` even where `a` is a link or missing
        whole = os.path.normpath(os.path.join(self.root, text))  # noqa: PTH118 raw names
        whole = "/" + whole.lstrip("/")  # POSIX lets two leading slashes stand
        for candidate in (whole, self._through_links(whole) if text.startswith("/") else ""):
            for base in (self.root, *self.extra) if candidate else ():
                parts = beneath.below(base, candidate)
                if parts is not None:
                    if base == self.root:
                        return _Place(self._holder(parts), parts, show("/".join(parts)) or ".")
                    return _Place(base, parts, show(candidate), f"{show(str(base))}/")
        raise PathError(f"{path} lies outside the workspace {show(str(self.root))}")

    def _holder(self, parts: beneath.Parts) -> Path:
        """Return the folder that has these names below the root: the root itself."""
        return self.root

    @staticmethod
    def _through_links(whole: str) -> str:
        """Return an absolute path with its parents resolved: the root may have several names."""
        head, name = os.path.split(whole)
        return os.path.join(beneath.real(head), name)  # noqa: PTH118 raw names

    def _parent(self, place: _Place) -> contents.Parent:
        """Open the folder that holds the path, its links resolved."""
        return self._opened(self._resolved(place))

    def _resolved(self, place: _Place) -> _Place:
        """Return the place with the links on the way to it resolved; the last part stays."""
        parts = beneath.resolve(place.base, place.parts[:-1])
        if parts is None:
            raise PathError(f"{place.shown} leads out of the workspace through a link")
        return replace(place, parts=(*parts, place.parts[-1]))

    @staticmethod
    def _opened(place: _Place, *, make: bool = False) -> contents.Parent:
        """Open the folder that holds a resolved place; a link on the way is an error by now."""
        return contents.Parent(place.base, place.parts[:-1], place.parts[-1], make)

    def _refuse_secret(self, place: _Place, parts: beneath.Parts) -> None:
        """Raise PathError for what is or lies in a secret: a workspace may hold the user's own."""
        path = (place.base if place.prefix else self.root).joinpath(*parts)
        if any(path == secret or secret in path.parents for secret in self._secrets):
            raise PathError(f"{place.shown} may hold a secret and is left alone")

    @cached_property
    def _secrets(self) -> tuple[Path, ...]:
        """The secrets that lie in the workspace: none, but where it is a home or holds one."""
        tops = (self.root, *self.extra)
        found = secrets(Path.home())
        return tuple(each for each in found if any(top in each.parents for top in tops))

    def _changeable(self, path: str) -> _Place:
        """Take a path apart for a change, links resolved; raises PathError where none may be made.

        What is looked at is what is then opened: a link swapped in between is an error.
        """
        given = self._place(path)
        if not given.parts:
            raise PathError(f"{given.shown} is a folder")
        if path.endswith("/"):
            raise PathError(f"{path} names a folder; give the path of a file")
        place = self._resolved(given)
        why = self.protected(path) or self._why_protected(place, place.parts)
        if why:
            raise PathError(f"{place.shown} is protected: {why}")
        self._refuse_secret(place, place.parts)
        return place

    def _missing(self, place: _Place) -> str:
        """Say that a file is missing, and what was perhaps meant."""
        near = self._near(place)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        return f"{place.shown} does not exist{hint}"

    def _near(self, place: _Place) -> list[str]:
        from difflib import get_close_matches
        from itertools import islice

        found = list(islice(self.walk(place.prefix or "."), NAMES_TRIED))
        name = place.shown.rsplit("/", 1)[-1]
        same = [path for path in found if path.rsplit("/", 1)[-1] == name]
        near = same[:3] or get_close_matches(place.shown, found, n=3, cutoff=0.6)
        if not near:
            by_name = {path.rsplit("/", 1)[-1]: path for path in reversed(found)}
            near = [by_name[hit] for hit in get_close_matches(name, by_name, n=3, cutoff=0.7)]
        return near


def read_outside(path: str, limit: int | None = None, *, home: Path | None = None) -> FileView:
    """Read a regular file anywhere, for a read outside the workspace that was approved.

    `~` is the home directory. Raises PathError as `Workspace.read` does, and for secrets (keys,
    tokens, histories: the tables in `protected`) and for what is no file on a disk.
    """
    home = home or Path.home()
    try:
        text = raw(path)
    except ValueError as error:
        raise PathError(f"not a path: {path!r} ({error})") from None
    if text == "~" or text.startswith("~/"):
        text = str(home) + text[1:]
    if not text.startswith("/"):
        raise PathError(f"{path} is not absolute")
    real = beneath.real(text)
    shown = show(real)
    if not real:
        raise PathError(f"{path} is being changed; try again")
    if is_secret(Path(real), home):
        raise PathError(f"{shown} may hold a secret and is never read")
    if real.split("/")[1] in ("proc", "sys", "dev"):
        raise PathError(f"{shown} is not a file on a disk; use a command to look at it")
    parts = beneath.below(Path("/"), real)
    if not parts or parts == ("",):
        raise PathError(f"{shown} is a folder")
    try:
        with beneath.folder(Path("/"), parts[:-1]) as parent:
            return contents.read(parent, parts[-1], shown, limit)
    except OSError as error:
        raise contents.path_error(error, shown) from error

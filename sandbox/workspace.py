"""The one way for file tools into the working tree: no path leaves it, no link is followed out.

Paths are workspace-relative, with `/`, as text that can be encoded in UTF-8; a name that is not
UTF-8 is shown with `\\xNN` escapes and accepted in that form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


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


Kind = Literal["file", "directory", "link", "other", "missing"]


class Workspace:
    """The folder that the session works in, and folders added with `--add-dir`."""

    root: Path  # resolved, absolute
    extra: tuple[Path, ...]  # resolved, absolute; addressed by absolute paths
    git: bool  # whether the root is the top of a git working tree

    def __init__(self, root: Path, extra: Sequence[Path] = ()) -> None: ...

    def locate(self, path: str) -> str:
        """Return the path in its one form; raises PathError for what lies outside.

        Accepts absolute paths below the root and `./`; a path below an added folder stays absolute.
        """
        ...

    def outside(self, path: str) -> bool:
        """Whether the path lies outside, by its text or through a link on the way."""
        ...

    def protected(self, path: str) -> str:
        """Return why file tools must not change it, or an empty string.

        `.git`, nested repositories' `.git`, `.wisp` and whatever the sandbox keeps read-only.
        """
        ...

    def kind(self, path: str) -> Kind:
        """Return what is there, without following a link."""
        ...

    def read(self, path: str, limit: int | None = None) -> FileView:
        """Read a regular file, through links only where they stay inside.

        Returns within 100 ms on anything else: raises PathError for a folder, FIFO, device, socket,
        a missing file (with the nearest existing names in the message).
        """
        ...

    def write(
        self, path: str, data: bytes, *, expect: str | None, mode: int | None = None
    ) -> FileView:
        """Write beside and rename, keeping the mode; missing folders are made.

        `expect` is the sha256 that the file must still have, None when it must not exist. Raises
        StaleFile otherwise; PathError for protected paths, links and hard links, and when the disk
        is full or read-only, with the file as it was.
        """
        ...

    def delete(self, path: str, *, expect: str) -> None:
        """Remove a file that still has this sha256; raises as `write` does."""
        ...

    def move(self, path: str, target: str, *, expect: str) -> None:
        """Rename a file that still has this sha256 to a name that is free."""
        ...

    def walk(self, below: str = ".", *, ignored: bool = False) -> Iterator[str]:
        """Yield the files in sorted order, without what git ignores, `.git` and dependency folders.

        Works without git, by the `.gitignore` files; never follows a link to a folder. With
        `ignored`, only `.git` is left out.
        """
        ...

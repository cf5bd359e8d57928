"""A workspace whose files lie in a copy, under the paths of the original."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sandbox import beneath
from sandbox.workspace import Workspace

COPY_ONLY = "only a copy of the project's own files can be changed here"


class Aside(Workspace):
    """The workspace as `root` shows it while `files`, a copy of it, is mounted there.

    What the copy does not have itself, since it is `mounted` from the original (installed packages,
    `.git`), is read from there. Nothing but the copy can be changed, added folders neither. A link
    with an absolute target is not followed: on the host it leads to the original.
    """

    def __init__(self, original: Workspace, files: Path, mounted: Collection[str]) -> None:
        super().__init__(original.root, original.extra)
        self._files = files
        self._mounted = frozenset(mounted)

    def protected(self, path: str) -> str:
        """Return why file tools must not change it, or an empty string."""
        if self._place(path).base != self._files:
            return COPY_ONLY
        return super().protected(path)

    def _holder(self, parts: beneath.Parts) -> Path:
        heads = {"/".join(parts[: end + 1]) for end in range(len(parts))}
        return self._files if heads.isdisjoint(self._mounted) else self.root

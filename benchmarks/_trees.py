"""Large code bases, laid out as repositories of one commit and kept in the cache."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks._archives import default_cache, loaded, on_host, unpack
from benchmarks._packed import packed
from benchmarks._source import CaseError

LIST = Path(__file__).with_name("context.toml")
_AUTHOR = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")


@dataclass(frozen=True, slots=True)
class Tree:
    """One code base; `query` is what its map is asked, `patterns` what is looked for in it."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    sha256: str
    query: str
    patterns: tuple[str, ...]

    @property
    def short(self) -> str:
        """The name as a folder is called."""
        return self.name.strip("@").replace("/", "-")


def read(path: Path = LIST) -> list[Tree]:
    """Return the list."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["tree"]
    return [Tree(**{**row, "patterns": tuple(row["patterns"])}) for row in rows]


def laid_out(tree: Tree) -> Path:
    """Return the top of a tree, made at the first use; raises CaseError."""
    cache = default_cache()
    top = cache / "trees" / f"{tree.short}-{tree.version}-{tree.sha256[:12]}"
    if (top / ".git").exists():
        return top
    load = packed if tree.registry == "npm" else loaded
    archive = load(cache, tree.name, tree.version, tree.sha256)
    top.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=top.parent) as made:
        folder = unpack(archive, Path(made) / "tree")
        for words in (("init", "-q"), ("add", "-A"), (*_AUTHOR, "commit", "-qm", tree.version)):
            on_host(("git", *words), folder, {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})
        # what Aider leaves is nothing of the tree's
        (folder / ".git/info/exclude").write_text(".aider*\n", encoding="utf-8")
        try:
            return folder.replace(top)
        except OSError as error:  # half of one lies there, or another run was quicker
            raise CaseError(f"{top} cannot be made: {error.strerror}") from None


def files(top: Path) -> Iterator[Path]:
    """Yield the files of a tree, without git's."""
    for folder, inner, names in os.walk(top):
        if ".git" in inner:
            inner.remove(".git")
        yield from (Path(folder, name) for name in names)


def size(folder: Path) -> int:
    """Return how many bytes lie below a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in files(folder) if path.is_file())

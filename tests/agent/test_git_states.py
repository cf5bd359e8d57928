"""Going back in every state of a repository: the tree byte for byte, git's own untouched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trees import checkpoints, git, look

# git of today clones no file by itself
LOCAL = ("-c", "protocol.file.allow=always")


def repository(root: Path) -> None:
    """Two branches that change one line in two ways."""
    git(root, "init", "-q", "-b", "main")
    for branch, content in (("main", b"1\r\n"), ("other", b"2\n"), ("main", b"3\n")):
        if branch == "other":
            git(root, "checkout", "-q", "-b", branch)
        elif content == b"3\n":
            git(root, "checkout", "-q", branch)
        (root / "a").write_bytes(content)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", branch)


def stopped(root: Path, *words: str) -> None:
    """Do what ends in a conflict."""
    with pytest.raises(subprocess.CalledProcessError):
        git(root, *words)


def submodule(root: Path) -> None:
    repository(root)
    inner = root.parent / "inner"
    inner.mkdir()
    repository(inner)
    git(root, *LOCAL, "submodule", "--quiet", "add", str(inner), "sub")


def filtered(root: Path) -> None:
    repository(root)
    git(root, "config", "filter.f.clean", f"touch {root.parent}/ran; cat")
    git(root, "config", "filter.f.smudge", f"touch {root.parent}/ran; cat")
    (root / ".gitattributes").write_text("* filter=f text eol=crlf working-tree-encoding=UTF-16\n")


def nested(root: Path) -> None:
    repository(root)
    for name in ("empty", "full"):
        (root / name).mkdir()
        git(root / name, "init", "-q")
    (root / "full/a").write_bytes(b"inner")


STATES: dict[str, Callable[[Path], object]] = {
    "no repository": lambda root: None,
    "no commit yet": lambda root: git(root, "init", "-q"),
    "on a branch": repository,
    "a detached head": lambda root: (repository(root), git(root, "checkout", "-q", "HEAD~1")),
    "a rebase in progress": lambda root: (repository(root), stopped(root, "rebase", "other")),
    "a merge in progress": lambda root: (repository(root), stopped(root, "merge", "other")),
    "a pick in progress": lambda root: (repository(root), stopped(root, "cherry-pick", "other")),
    "a bisection": lambda root: (repository(root), git(root, "bisect", "start")),
    "a stash": lambda root: (
        repository(root), (root / "a").write_bytes(b"4"), git(root, "stash"),
    ),
    "a sparse checkout": lambda root: (repository(root), git(root, "sparse-checkout", "set", "d")),
    "a submodule": submodule,
    "repositories within": nested,
    "filters": filtered,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def change(root: Path) -> None:
    """Remove, move, change and add, wherever there are files of the user's."""
    for number, path in enumerate(sorted(_own(root))):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.rename(path.with_name(f"{path.name} moved"))
        else:
            path.write_bytes(b"changed\r\n")
    (root / "made").write_bytes(b"new")


def _own(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)


@pytest.mark.parametrize("state", STATES)
async def test_a_turn_is_taken_back_whatever_git_is_at(
    root: Path, tmp_path: Path, state: str
) -> None:
    STATES[state](root)
    (root / "untracked").write_bytes(b"\xff\xfe\0")
    await _back(root, tmp_path)
    assert not (tmp_path / "ran").exists(), "a filter of the repository ran"


async def test_a_turn_in_a_linked_worktree_is_taken_back(root: Path, tmp_path: Path) -> None:
    repository(root)
    linked = tmp_path / "linked"
    git(root, "worktree", "add", "-q", str(linked), "other")
    await _back(linked, tmp_path)


async def _back(root: Path, tmp_path: Path) -> None:
    before = _of_git(tmp_path)
    whole = look(root)
    points = checkpoints(root, tmp_path / "state")
    old = await points.make("before")
    change(root)
    new = await points.make("after")
    went = await points.unwind([(old.id, new.id)])
    assert (went.refused, look(root)) == ((), whole)
    assert _of_git(tmp_path) == before


def _of_git(top: Path) -> dict[Path, object]:
    return {path: look(path, times=True) for path in top.rglob(".git") if path.is_dir()}

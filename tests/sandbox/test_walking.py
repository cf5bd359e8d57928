"""The files of a tree, as git would list them."""

import os
from pathlib import Path

import pytest

from sandbox.workspace import Workspace


def make(root: Path, *paths: str, **texts: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")


def test_ignore_files_count_from_the_top_down(tmp_path: Path) -> None:
    make(
        tmp_path, "a.pyc", "build/x", "sub/build/x", "sub/keep.pyc", "sub/b.log", "c.log",
        "sub/deep/only.txt", "deep/only.txt", "sp ace.log", "docs/secret/x", ".git/info/exclude",
    )  # fmt: skip
    (tmp_path / ".gitignore").write_text("# c\n*.pyc\n/build\n*.log\n!c.log\ndocs/**/x\n")
    (tmp_path / "sub/.gitignore").write_text("!keep.pyc\n/deep/\n")
    (tmp_path / ".git/info/exclude").write_text("deep/only.txt\n")
    ws = Workspace(tmp_path)
    listed = [".gitignore", "c.log", "sub/.gitignore", "sub/build/x", "sub/keep.pyc"]
    assert list(ws.walk()) == listed
    assert list(ws.walk("sub")) == listed[2:]
    assert list(ws.walk("sub/keep.pyc")) == ["sub/keep.pyc"]
    everything = list(ws.walk(ignored=True))
    assert "build/x" in everything
    assert "docs/secret/x" in everything
    assert not [path for path in everything if path.startswith(".git/")]


@pytest.mark.parametrize("odd", ["!", "/", "!/", "//", "[", "a[", "\\", "! ", "!!a", "a\\"])
def test_a_line_that_means_nothing_changes_nothing(tmp_path: Path, odd: str) -> None:
    make(tmp_path, "a.log", "b.txt", "sub/c.log", ".git/HEAD")
    (tmp_path / ".gitignore").write_text(f"*.log\n{odd}\n")
    assert list(Workspace(tmp_path).walk()) == [".gitignore", "b.txt"]


def test_dependency_folders_are_left_out_and_words_that_only_look_so_are_not(
    tmp_path: Path,
) -> None:
    make(
        tmp_path, "node_modules/a/i.js", "p/node_modules/b.js", ".venv/lib/x.py", "env/pyvenv.cfg",
        "env/lib/x.py", "rust/Cargo.toml", "rust/target/debug/x", "src/target/goal.py",
        "__pycache__/a.pyc", "venv/mine.py",
    )  # fmt: skip
    assert list(Workspace(tmp_path).walk()) == ["rust/Cargo.toml", "src/target/goal.py",
                                                "venv/mine.py"]  # fmt: skip


def test_links_are_not_followed_and_nested_repositories_are_listed(tmp_path: Path) -> None:
    make(tmp_path, "a/f", "nested/.git/config", "nested/x.py", "worktree/y.py")
    (tmp_path / "worktree/.git").write_text("gitdir: /elsewhere")
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "file").symlink_to("a/f")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    ws = Workspace(tmp_path)
    assert list(ws.walk()) == ["a/f", "file", "nested/x.py", "worktree/y.py"]


def test_the_order_is_that_of_the_paths(tmp_path: Path) -> None:
    make(tmp_path, "a/z", "a.py", "a-b", "a0", "B", "é")
    found = list(Workspace(tmp_path).walk())
    assert found == sorted(found)
    assert len(found) == 6


def test_a_very_deep_tree_ends(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    found = list(Workspace(tmp_path).walk())
    assert found == ["d/" * 400 + "bottom"]

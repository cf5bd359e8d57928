"""Which commit a tree stands on is read from git's files, whatever they say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import put

from sandbox.head import commit

ONE, TWO = "a" * 40, "b" * 64


def test_the_commit_is_found_wherever_git_keeps_it(tmp_path: Path) -> None:
    loose = put(tmp_path / "a/.git", {"HEAD": "ref: refs/heads/x/y\n", "refs/heads/x/y": ONE})
    assert commit(loose.parent) == ONE
    packed = put(
        tmp_path / "b/.git",
        {
            "HEAD": "ref: refs/heads/main\n",
            "packed-refs": f"# pack\n{TWO} refs/heads/main\n^{ONE}\n",
        },
    )
    assert commit(packed.parent) == TWO
    put(packed, {"HEAD": f"{ONE}\n"})
    assert commit(packed.parent) == ONE, "a detached one"
    put(tmp_path / "c", {".git": f"gitdir: {packed}/worktrees/c\n"})
    put(packed / "worktrees/c", {"HEAD": "ref: refs/heads/main\n", "commondir": "../..\n"})
    assert commit(tmp_path / "c") == TWO


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: refs/heads/none\n",
        "ref: refs/../../secret\n",
        "ref: /etc/passwd\n",
        "x" * 40,
        "\0",
    ],
)
def test_what_is_no_commit_counts_as_none(tmp_path: Path, head: str) -> None:
    put(tmp_path, {".git/HEAD": head, "secret": ONE, ".git/commondir": "\0"})
    assert commit(tmp_path) == ""


def test_nothing_is_waited_for_and_no_link_is_followed(tmp_path: Path) -> None:
    assert commit(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git/HEAD")
    assert commit(tmp_path) == ""
    (tmp_path / ".git/HEAD").unlink()
    (tmp_path / "secret").write_text(ONE)
    (tmp_path / ".git/HEAD").symlink_to(tmp_path / "secret")
    assert commit(tmp_path) == ""

"""What a command leaves where nothing could be held: it is set aside, said, and put back."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.conftest import aside, git, names

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")

PLANT = (
    "mkdir n; cd n; git init -q; git config core.fsmonitor evil; echo x > .git/hooks/post-checkout;"
    " cd ..; git init -q --bare b; git -C b config core.pager evil; echo x > b/hooks/update;"
    " mkdir l; ln -s ../b l/.git; echo end"
)


async def test_a_repository_that_a_command_made_is_disarmed(box: Box, state: Path) -> None:
    result, said = await box.result(PLANT)
    root = box.ground.root
    assert said.endswith("end\n")
    assert aside(state) == [".git", "config", "config", "post-checkout", "update"]
    assert len(result.notes) == 5
    assert all(str(state) in note for note in result.notes)
    for folder in (root / "n", root / "b"):
        assert "evil" not in git(folder, "--git-dir", ".git" if folder.name == "n" else ".",
                                 "config", "--list")  # fmt: skip
    assert names(root / "l") == []


async def test_cloning_and_beginning_repositories_is_work(box: Box) -> None:
    origin = box.ground.outside.parent / "origin"
    git(origin, "init", "-q")
    git(origin, "commit", "-q", "--allow-empty", "-m", "first")
    result, said = await box.result(
        f"git init -q fresh; git clone -q {origin} copy && cd copy && git checkout -q -b mine &&"
        " git config user.name me && git log --format=%s"
    )
    assert said.endswith("first\n"), said
    assert result.notes == ()
    assert "origin" in git(box.ground.root / "copy", "remote", "-v")


async def test_what_is_set_aside_is_never_found_through_a_link(box: Box, state: Path) -> None:
    theirs = box.ground.outside / "repo"
    git(theirs, "init", "-q")
    (theirs / ".git/hooks/pre-commit").write_text("mine")
    (box.ground.root / "sub").mkdir()
    await box.sh(
        f"rmdir sub; ln -s {theirs} sub; ln -s {theirs}/.git x; mkdir d; ln -s {theirs}/.git d/.git"
    )
    assert (theirs / ".git/hooks/pre-commit").read_text() == "mine"
    assert (theirs / ".git/config").exists()
    assert aside(state) == [".git"]
    shutil.rmtree(theirs)


async def test_where_nothing_can_be_held_what_appeared_is_set_aside(
    reduced: Box, state: Path
) -> None:
    root = reduced.ground.root
    (root / ".idea").mkdir()
    result, _ = await reduced.result(
        "mkdir .vscode; echo x > .vscode/tasks.json; echo x > .mcp.json; echo x > .idea/new"
    )
    assert aside(state) == [".mcp.json", ".vscode"]
    assert names(root) == [".git", ".idea"]
    assert sorted(note.partition(" ")[0] for note in result.notes) == [
        ".idea", ".mcp.json", ".vscode",
    ]  # fmt: skip
    assert (await reduced.result("echo x > .idea/other", read_only=True))[0].notes == ()


async def test_a_git_configuration_that_could_run_programs_is_put_back(
    reduced: Box, state: Path
) -> None:
    root = reduced.ground.root
    shutil.rmtree(root / ".git")
    git(root, "init", "-q")
    git(root, "config", "alias.mine", "!true")
    (root / ".git/hooks/pre-commit").write_text("mine")
    (root / ".git/hooks/pre-commit").chmod(0o755)
    before = (root / ".git/config").read_text()
    result, _ = await reduced.result(
        "git config core.fsmonitor evil; echo evil >> .git/hooks/pre-commit;"
        " echo x > .git/hooks/post-checkout"
    )
    assert (root / ".git/config").read_text() == before
    assert (root / ".git/hooks/pre-commit").read_text() == "mine"
    assert os.access(root / ".git/hooks/pre-commit", os.X_OK)
    assert aside(state) == ["config", "post-checkout", "pre-commit"]
    assert sum("was put back" in note for note in result.notes) == 2
    result, _ = await reduced.result("git config user.name me; git checkout -q -b other")
    assert result.notes == ()
    assert git(root, "config", "--local", "user.name") == "me\n"


async def test_a_repository_that_was_only_moved_keeps_its_hooks(reduced: Box, state: Path) -> None:
    root = reduced.ground.root
    git(root / "a/sub", "init", "-q")
    (root / "a/sub/.git/hooks/pre-commit").write_text("mine")
    result, _ = await reduced.result("mv a b")
    assert (root / "b/sub/.git/hooks/pre-commit").read_text() == "mine"
    assert result.notes == ()
    assert aside(state) == []

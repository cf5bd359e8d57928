"""Repositories below a folder: what was told by the kernel is what a walk would find."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.gitparts import parts
from sandbox.obeyed import obeyed
from sandbox.repositories import FEW_FOLDERS, Repositories

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's watches are Linux's")

FOLDERS = ("a", "b", "node_modules", "target", "deep")


def bare(path: Path) -> None:
    for name in ("objects", "refs"):
        (path / name).mkdir(parents=True, exist_ok=True)
    (path / "HEAD").touch()


def enough_to_watch(top: Path) -> None:
    for number in range(FEW_FOLDERS + 1):
        (top / f"f{number}").mkdir()


def seen(repositories: Repositories) -> list[str]:
    return [str(each.entry.relative_to(repositories.top)) for each in repositories.look()]


def test_each_kind_is_found_and_dependencies_are_left_out(tmp_path: Path) -> None:
    for path in (
        "one/.git",
        "x/y/two/.git",
        "node_modules/m/.git",
        "r/target/t/.git",
        "target/.git",
    ):
        bare(tmp_path / path)
    (tmp_path / "r/Cargo.toml").touch()
    bare(tmp_path / "fixtures/three")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.git").write_text("gitdir: ../fixtures/three\n")
    (tmp_path / "away").mkdir()
    (tmp_path / "away/.git").write_text("gitdir: /nowhere\n")
    (tmp_path / "up").symlink_to(tmp_path)
    found = {str(each.entry.relative_to(tmp_path)): each for each in Repositories(tmp_path).look()}
    assert [*found] == [
        "away/.git", "fixtures/three", "linked/.git", "one/.git", "target/.git", "x/y/two/.git",
    ]  # fmt: skip
    assert [name for name, each in found.items() if each.bare] == ["fixtures/three"]
    assert found["linked/.git"].directories == (tmp_path / "fixtures/three",)
    assert found["away/.git"].directories == ()


def test_a_worktree_s_directory_leads_to_the_common_one(tmp_path: Path) -> None:
    bare(tmp_path / "common")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/HEAD").touch()
    (tmp_path / "own/commondir").write_text("../common\n")
    found = {each.entry.name: each for each in Repositories(tmp_path).look()}
    assert [*found] == ["common", "own"]
    assert found["own"].directories == (tmp_path / "own", tmp_path / "common")


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_a_later_look_finds_what_a_walk_would(tmp_path: Path, seed: int) -> None:
    rolled = random.Random(seed)
    if seed % 3:
        enough_to_watch(tmp_path)
    watched = Repositories(tmp_path)
    watched.look()

    def folder() -> Path:
        below = [path for path in tmp_path.rglob("*") if path.is_dir()]
        return rolled.choice([tmp_path, *below])

    def make() -> None:
        (folder() / rolled.choice(FOLDERS) / rolled.choice(FOLDERS)).mkdir(
            parents=True, exist_ok=True
        )

    def begin() -> None:
        goal = folder() / ".git"
        if not goal.is_file():
            bare(goal)

    def begin_bare() -> None:
        bare(folder())

    def remove() -> None:
        if (path := folder()) != tmp_path:
            shutil.rmtree(path)

    def move() -> None:
        source, goal = folder(), folder() / rolled.choice((*FOLDERS, ".git"))
        if source != tmp_path and not goal.is_relative_to(source) and not goal.exists():
            source.rename(goal)

    def point() -> None:
        goal = folder() / ".git"
        if not goal.exists():
            goal.write_text("gitdir: ../a\n")

    acts: list[Callable[[], None]] = [make, make, make, begin, begin_bare, remove, move, point]
    for _ in range(rolled.randrange(1, 40)):
        rolled.choice(acts)()
        if rolled.random() < 0.3:
            assert seen(watched) == seen(Repositories(tmp_path))
    assert seen(watched) == seen(Repositories(tmp_path))


def test_more_than_the_kernel_keeps_is_a_walk(tmp_path: Path) -> None:
    enough_to_watch(tmp_path)
    watched = Repositories(tmp_path)
    assert seen(watched) == []
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(most // 2 + 10):
        (tmp_path / "f").touch()
        (tmp_path / "f").unlink()
        (tmp_path / "g").touch()
        (tmp_path / "g").unlink()
    bare(tmp_path / "late/.git")
    assert seen(watched) == ["late/.git"]


HARMLESS = """
# made by git init and git clone
[core]
\trepositoryformatversion = 0
\tfilemode = true
[remote "origin"]
\turl = git@example.org:a/b.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
[branch "main"] ; mine
"""


@pytest.mark.parametrize(
    "line",
    [
        "[core]\n\tfsmonitor = x",
        "[core]\n\tFSMonitor = x",
        "[core] fsmonitor = x",
        "[core]\n\tfilemode = true\\\n\n",
        "[core]\n\tworktree = /",
        "[core]\n\thooksPath = x",
        '[filter "f"]\n\tsmudge = x',
        "[filter.f]\n\tsmudge = x",
        "[include]\n\tpath = x",
        '[includeIf "gitdir:/"]\n\tpath = x',
        "[alias]\n\tl = !x",
        '[remote "o"]\n\turl = ext::sh -c x',
        '[remote "o"]\n\tuploadpack = x',
        '[branch "a\\"b"]\n\tremote = .',
        "[core\n]\n\tfsmonitor = x",
        "fsmonitor = x",
        "\0",
    ],
)
def test_a_setting_that_is_not_known_to_start_nothing_is_a_trap(tmp_path: Path, line: str) -> None:
    config = tmp_path / "config"
    config.write_text(HARMLESS.replace(" ; mine", ""))
    assert parts(tmp_path)["config"].traps == frozenset()
    config.write_text(HARMLESS.replace(" ; mine", "") + line)
    assert parts(tmp_path)["config"].traps


def test_hooks_and_links_are_traps_and_samples_are_not(tmp_path: Path) -> None:
    bare(tmp_path)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/pre-commit.sample").touch()
    assert parts(tmp_path) == {}
    (tmp_path / "hooks/pre-commit").touch()
    (tmp_path / "hooks/update").symlink_to("/bin/sh")
    (tmp_path / "config").symlink_to("/etc/hostname")
    (tmp_path / "commondir").touch()
    found = parts(tmp_path)
    assert [*found] == ["commondir", "config", "hooks/pre-commit", "hooks/update"]
    assert all(part.traps for part in found.values())
    assert [*parts(tmp_path, held=True)] == ["commondir"]
    shutil.rmtree(tmp_path / "hooks")
    (tmp_path / "hooks").symlink_to("/bin")
    assert parts(tmp_path)["hooks"].traps


def test_a_worktree_and_a_rebase_are_traps_only_where_they_lead_elsewhere(tmp_path: Path) -> None:
    bare(tmp_path)
    worktree, rebase = tmp_path / "worktrees/w", tmp_path / "rebase-merge"
    worktree.mkdir(parents=True)
    rebase.mkdir()
    (worktree / "commondir").write_text("../..\n")
    (rebase / "git-rebase-todo").write_text("pick 1 exec\nlabel x\n# exec true\n")
    assert all(not part.traps for part in parts(tmp_path).values())
    (worktree / "commondir").write_text("../../../evil\n")
    (worktree / "config.worktree").write_text("[core]\n\thooksPath = x\n")
    (rebase / "git-rebase-todo").write_text("pick 1 x\n x true\n")
    names = {"worktrees/w/commondir", "worktrees/w/config.worktree", "rebase-merge"}
    assert {name for name, part in parts(tmp_path).items() if part.traps} == names


def test_what_git_obeys_in_a_tree_is_what_a_configuration_names(tmp_path: Path) -> None:
    home, tree = tmp_path / "home", tmp_path / "tree"
    for folder in (home, tree / ".git/objects"):
        folder.mkdir(parents=True)
    assert [*obeyed(tree, home)] == []
    (tree / ".git/config").write_text(
        '[core]\n\thooksPath = tools/hooks\n[include]\n\tpath = "../shared.ini"\n'
        '[includeIf "onbranch:x"] path=/etc/gitconfig\n[user]\n\tname = hooksPath = no\n'
    )
    (home / ".gitconfig").write_text("[core]\n\tHOOKSPATH = .githooks\n[include]\n\tpath = ~/x\n")
    named = {str(path.relative_to(tree)) for path, _ in obeyed(tree, home)}
    assert named == {"tools/hooks", "shared.ini", ".githooks"}
    (tree / ".git/config").write_text("[core]\n\thooksPath = .\n")
    assert {path.name for path, _ in obeyed(tree, home)} == {".githooks"}  # not the tree itself

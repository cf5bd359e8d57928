"""The inside of the workspace: names that do not exist, and repositories below the top."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.base import Command, CommandResult
from sandbox.bubblewrap import Bubblewrap
from sandbox.masks import MARK
from sandbox.protected import PROTECTED_AT_TOP
from sandbox.workspace import Workspace
from tests.sandbox.conftest import IDENTITY, aside, git, names

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

PROJECT = Path(__file__).parents[2]
ABSENT = (".wisp", *PROTECTED_AT_TOP)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")


@contextmanager
def running(box: Box, **more: bool) -> Iterator[asyncio.Task[CommandResult]]:
    """Run a command that ends when the file `go` appears."""
    command = Command(
        ("/bin/sh", "-c", "echo > up; while ! [ -e go ]; do sleep 0.01; done"),
        box.ground.root, **more,  # type: ignore[arg-type]  # only flags are given
    )  # fmt: skip
    task = asyncio.create_task(box.sandbox.run(command, bytearray().extend))
    try:
        yield task
    finally:
        task.cancel()


async def up(root: Path) -> None:
    for _ in range(1000):
        if (root / "up").exists():
            (root / "up").unlink()
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the command did not come up")


# -- names that do not exist


@pytest.mark.full
@pytest.mark.parametrize("name", ABSENT)
async def test_an_absent_protected_name_cannot_be_made(full: Box, name: str) -> None:
    said = await full.sh(
        f"mkdir {name}; echo x > {name}; echo x > {name}/t; ln -s /bin {name}; rm -r {name};"
        f" mv {name} n; mkdir d; mv d {name}; echo x > f; mv -T f {name}; ls -A {name}; echo end"
    )
    assert said.endswith("\nend\n")
    assert names(full.ground.root) == [".git", "d", "f"]


@pytest.mark.full
async def test_git_sees_no_mask_within_and_outside(full: Box) -> None:
    root = full.ground.root
    shutil.rmtree(root / ".git")
    git(root, "init", "-q")
    (root / ".gitignore").write_text("up\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    with running(full) as task:
        await up(root)
        assert set(ABSENT) <= {*names(root)}
        assert git(root, "status", "--short", "--ignored") == ""
        (root / "go").touch()
        assert (await task).ok
    said = await full.sh(
        "git status --short; git add -An; git clean -fd; echo x > new;"
        f" git {IDENTITY} stash -qu && git show --format= --name-only stash@{{0}}^3", git=True,
    )  # fmt: skip
    assert said == "?? go\nadd 'go'\nRemoving go\nnew\n"
    assert names(root) == [".git", ".gitignore"]


@pytest.mark.full
async def test_what_a_person_puts_there_meanwhile_stays(full: Box) -> None:
    root = full.ground.root
    with running(full) as task:
        await up(root)
        (root / ".vscode/settings.json").write_text("mine")
        (root / ".idea").rmdir()
        (root / ".idea").write_text("mine too")
        (root / "go").touch()
        assert (await task).notes == ()
    assert names(root) == [".git", ".idea", ".vscode", "go"]
    assert (root / ".vscode/settings.json").read_text() == "mine"


@pytest.mark.full
async def test_an_empty_folder_of_the_users_is_no_mask(full: Box) -> None:
    (full.ground.root / ".vscode").mkdir()
    assert "Read-only" in await full.sh("echo x > .vscode/x; ls -A .vscode")
    assert names(full.ground.root) == [".git", ".vscode"]


@pytest.mark.full
async def test_two_commands_share_the_masks_and_the_last_removes_them(full: Box) -> None:
    root = full.ground.root
    other = Bubblewrap(Workspace(root), home=full.ground.home)
    with running(full) as task:
        await up(root)
        sink = bytearray()
        result = await other.run(Command(("ls", "-A"), root), sink.extend)
        assert result.ok
        assert b".vscode" in sink
        assert set(ABSENT) <= {*names(root)}
        (root / "go").touch()
        await task
    assert names(root) == [".git", "go"]


@pytest.mark.full
async def test_masks_that_a_kill_left_are_removed_at_the_next_start(full: Box) -> None:
    root = full.ground.root
    for name in (".vscode", ".idea", ".cursor"):
        (root / name).mkdir()
        os.utime(root / name, (MARK, MARK))
    (root / ".cursor/mine").touch()
    held = os.open(root / ".idea", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    Bubblewrap(Workspace(root), home=full.ground.home)
    assert names(root) == [".cursor", ".git", ".idea"]  # another session uses one of them
    os.close(held)
    Bubblewrap(Workspace(root), home=full.ground.home)
    assert names(root) == [".cursor", ".git"]


@pytest.mark.full
async def test_a_kill_of_us_leaves_no_mask(full: Box) -> None:
    root = full.ground.root
    code = f"""
import asyncio
from pathlib import Path
from sandbox.base import Command
from sandbox.bubblewrap import Bubblewrap
from sandbox.workspace import Workspace
root = Path({str(root)!r})
box = Bubblewrap(Workspace(root), home=Path({str(full.ground.home)!r}))
asyncio.run(box.run(Command(("/bin/sh", "-c", "echo > up; sleep 60"), root), print))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT) as ours:  # noqa: ASYNC220  # another program is what is tested
        await up(root)
        assert (root / ".vscode").is_dir()
        ours.send_signal(signal.SIGKILL)
    for _ in range(1000):
        if names(root) == [".git"]:
            break
        await asyncio.sleep(0.01)
    assert names(root) == [".git"]


@pytest.mark.full
async def test_nothing_is_masked_for_a_command_that_only_reads(full: Box) -> None:
    assert await full.sh("ls -A", read_only=True) == ".git\n"


@pytest.mark.full
async def test_a_repository_can_be_begun_and_is_protected_from_then_on(full: Box) -> None:
    root = full.ground.root
    shutil.rmtree(root / ".git")
    await full.sh("git init -q . && git init -q sub")
    assert (root / ".git/HEAD").exists()
    said = await full.sh(
        "echo x > .git/hooks/pre-commit; echo x >> sub/.git/config; mv sub s; echo end"
    )
    assert said.endswith("end\n")
    assert not (root / ".git/hooks/pre-commit").exists()
    assert "x\n" not in (root / "sub/.git/config").read_text()


@pytest.mark.full
async def test_parts_of_git_that_are_absent_cannot_be_made(full: Box, state: Path) -> None:
    root = full.ground.root
    shutil.rmtree(root / ".git")
    git(root, "init", "-q")
    shutil.rmtree(root / ".git/hooks")
    result, _ = await full.result(
        "cd .git; mkdir hooks; echo x > hooks/pre-commit; echo x > config.worktree;"
        " mkdir modules/m; echo x > info/attributes; mv info i; echo ../evil > commondir", git=True,
    )  # fmt: skip
    assert not {"hooks", "config.worktree", "modules", "commondir", "i"} & {*names(root / ".git")}
    assert names(root / ".git/info") == ["exclude"]
    assert aside(state) == ["commondir"]
    assert ".git/commondir appeared" in result.notes[0]


# -- repositories below the top


@pytest.mark.full
@pytest.mark.parametrize(
    "attack",
    [
        "echo x > libs/sub/.git/hooks/pre-commit",
        "git -C libs/sub config core.fsmonitor x",
        "mv libs/sub/.git libs/sub/g; mkdir libs/sub/.git; echo x > libs/sub/.git/config",
        "mv libs/sub s; mkdir -p libs/sub/.git/hooks; echo x > libs/sub/.git/hooks/pre-commit",
        "mv libs l; mkdir -p libs/sub/.git/hooks; echo x > libs/sub/.git/hooks/pre-commit",
        "rm -rf libs; mkdir -p libs/sub/.git/hooks; echo x > libs/sub/.git/hooks/pre-commit",
    ],
)
async def test_a_nested_repository_runs_nothing_new(full: Box, attack: str) -> None:
    sub = full.ground.root / "libs/sub"
    git(sub, "init", "-q")
    before = (sub / ".git/config").read_text()
    await full.sh(f"{{ {attack}; }} 2>&1; git -C libs/sub status --short")
    assert (sub / ".git/config").read_text() == before
    assert not (sub / ".git/hooks/pre-commit").exists()


@pytest.mark.full
async def test_a_submodule_pointer_and_a_separate_git_directory_stay(full: Box) -> None:
    root = full.ground.root
    git(root / "deep/tree", "init", "-q", "--separate-git-dir", str(root / "store"))
    before = (root / "store/config").read_text()
    await full.sh(
        "echo gitdir: /tmp > deep/tree/.git; rm -f deep/tree/.git; mv deep d;"
        " echo x >> store/config; echo x > store/hooks/pre-commit; mv store s; true"
    )
    assert (root / "deep/tree/.git").read_text() == f"gitdir: {root}/store\n"
    assert (root / "store/config").read_text() == before
    assert not (root / "store/hooks/pre-commit").exists()
    commit = f"git -C deep/tree {IDENTITY} commit -q --allow-empty -m m"
    assert not (await full.result(commit))[0].ok
    assert (await full.result(commit, git=True))[0].ok


@pytest.mark.full
async def test_a_bare_repository_takes_a_push_and_runs_nothing_new(full: Box) -> None:
    bare = full.ground.root / "fixtures/r.git"
    git(bare, "init", "-q", "--bare")
    before = (bare / "config").read_text()
    result, _ = await full.result(
        "echo x > fixtures/r.git/hooks/update; git -C fixtures/r.git config core.fsmonitor x;"
        f' cd "$TMPDIR"; git init -q t; cd t; git {IDENTITY} commit -q --allow-empty -m m'
        f" && git push -q {bare} HEAD:main"
    )
    assert result.ok
    assert git(bare, "log", "--format=%s", "main") == "m\n"
    assert (bare / "config").read_text() == before
    assert not (bare / "hooks/update").exists()


@pytest.mark.full
@pytest.mark.parametrize("folders", [0, 40])
async def test_a_repository_that_the_user_clones_later_is_seen(full: Box, folders: int) -> None:
    root = full.ground.root
    for number in range(folders):
        (root / f"f{number}").mkdir()
    await full.sh("true")
    git(root / "a/b/later", "init", "-q")
    (root / "a").rename(root / "z")
    await full.sh("echo x > z/b/later/.git/hooks/pre-commit; mv z y; true")
    assert not (root / "z/b/later/.git/hooks/pre-commit").exists()


@pytest.mark.full
async def test_what_is_protected_at_the_top_is_not_opened_by_what_lies_in_it(full: Box) -> None:
    root = full.ground.root
    git(root / ".claude/worktrees/w", "init", "-q")
    (root / ".git/inner").mkdir()
    git(root / ".git/inner", "init", "-q")
    await full.sh("echo x > .claude/settings.json; echo x > .git/inner/x; echo x > .git/x; true")
    assert names(root / ".claude") == ["worktrees"]
    assert not (root / ".git/inner/x").exists()
    assert not (root / ".git/x").exists()


@pytest.mark.full
async def test_hooks_that_the_configuration_names_are_kept(full: Box, state: Path) -> None:
    root = full.ground.root
    shutil.rmtree(root / ".git")
    git(root, "init", "-q")
    git(root, "config", "core.hooksPath", "ci/hooks")
    assert await full.sh("mkdir -p ci/hooks; echo x > ci/hooks/pre-commit; ls ci") == "hooks\n"
    assert (names(root / "ci"), aside(state)) == ([], ["hooks"])  # there were none
    (root / "ci/hooks").mkdir()
    (root / "ci/hooks/pre-commit").write_text("true")
    await full.sh("echo x > ci/hooks/pre-commit; mv ci c; touch ci/free")
    assert (root / "ci/hooks/pre-commit").read_text() == "true"
    assert names(root / "ci") == ["free", "hooks"]
    workspace = Workspace(root)
    assert workspace.protected("ci/hooks/post-merge") == "git hooks run what it says"
    assert not workspace.protected("ci/free")

"""What only the full sandbox holds: the inside of the workspace, and other views of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.base import Command, Mount, SandboxError
from sandbox.bubblewrap import Bubblewrap
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box, Ground

pytestmark = pytest.mark.full

EXCHANGE = (
    "import ctypes; print(ctypes.CDLL(None, use_errno=True).renameat2("
    '-100, b".git", -100, b"other", 2))'
)


@pytest.mark.parametrize("git", [False, True])
@pytest.mark.parametrize(
    "attack",
    [
        "echo x > .git/hooks/pre-commit",
        "ln -s /bin/sh .git/hooks/pre-commit",
        "echo x > .git/new; mv .git/new .git/hooks/pre-commit",
        "mv .git g; mkdir -p .git/hooks; echo x > .git/hooks/pre-commit",
        "mv .git/hooks .git/h; mkdir .git/hooks; echo x > .git/hooks/pre-commit",
        "rm -rf .git; mkdir -p .git/hooks; echo x > .git/hooks/pre-commit",
        f"mkdir -p other/hooks; echo x > other/hooks/pre-commit; {sys.executable} -c '{EXCHANGE}'",
        "mount --bind /tmp .git/hooks; umount .git/hooks .git; echo x > .git/hooks/pre-commit",
        "git config core.fsmonitor x; echo x > .git/config; rm .git/config; echo y > .git/config",
        "mv .git/info .git/i; mkdir .git/info; echo x > .git/info/attributes",
    ],
)
async def test_git_directories_run_nothing_new(full: Box, attack: str, git: bool) -> None:
    directory = full.ground.root / ".git"
    (directory / "info").mkdir()
    (directory / "info/attributes").write_text("")
    assert (await full.sh(f"{{ {attack}; }} >&2; echo tried", git=git)).endswith("tried\n")
    assert [*(directory / "hooks").iterdir()] == []
    assert (directory / "config").read_text() == "[core]\n"
    assert (directory / "info/attributes").read_text() == ""


async def test_the_rest_of_git_is_written_only_when_granted(full: Box) -> None:
    await full.sh("echo x > .git/HEAD", git=False)
    assert not (full.ground.root / ".git/HEAD").exists()
    await full.sh("echo x > .git/HEAD", git=True)
    assert (full.ground.root / ".git/HEAD").exists()


async def test_protected_names_are_read_only_where_they_exist(full: Box) -> None:
    root = full.ground.root
    for name in (".wisp", ".vscode", ".idea", ".claude"):
        (root / name).mkdir()
    (root / ".envrc").write_text("")
    await full.sh(
        "for d in .wisp .vscode .idea .claude; do echo x > $d/new; mv $d $d.old; done;"
        " echo x > .envrc; rm .envrc; mv .envrc e; echo end"
    )
    assert not [*root.glob(".*/new")]
    assert (root / ".envrc").read_text() == ""
    assert sorted(path.name for path in root.iterdir()) == [
        ".claude", ".envrc", ".git", ".idea", ".vscode", ".wisp",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [".git", ".vscode", ".wisp"])
async def test_a_protected_name_that_is_a_link_is_refused(full: Box, name: str) -> None:
    root = full.ground.root
    if name == ".git":
        (root / ".git").rename(full.ground.top / "elsewhere")
    (root / name).symlink_to(full.ground.outside)
    with pytest.raises(SandboxError, match="is a link"):
        await full.sh("true")
    assert full.ground.unharmed()


async def test_a_worktree_commits_and_cannot_be_pointed_elsewhere(
    ground: Ground, full: Box
) -> None:
    main = ground.top / "main"
    subprocess.run(  # noqa: ASYNC221 nothing else runs
        f"rm -rf {ground.root}; git init -q {main} && cd {main} && git -c user.name=n"
        f" -c user.email=e@x commit -q --allow-empty -m first && git worktree add -q {ground.root}",
        shell=True, check=True, capture_output=True,
    )  # fmt: skip
    box = Bubblewrap(Workspace(ground.root), home=ground.home)
    full.sandbox = box
    commit = "git -c user.name=n -c user.email=e@x commit -q --allow-empty -m second"
    said = await full.sh(f"{commit}; git log --format=%s; echo x > .git")
    assert said.split("\n")[-3:-1] != ["second", "first"]
    said = await full.sh(f"{commit} && git log --format=%s; echo x > {main}/.git/hooks/x", git=True)
    assert said.startswith("second\nfirst\n")
    assert not (main / ".git/hooks/x").exists()
    (ground.outside / "HEAD").write_text("")
    (ground.root / ".git").write_text(f"gitdir: {ground.outside}\n")
    await full.sh(f"echo x > {ground.outside}/HEAD", git=True)
    assert (ground.outside / "HEAD").read_text() == ""


async def test_modes_outside_are_not_changed(full: Box) -> None:
    file = full.ground.outside / "file"
    before = file.stat()
    await full.sh(f"chmod 777 {file}; touch -d 2001-01-01 {file}; chown 1 {file}; true")
    after = file.stat()
    assert (after.st_mode, after.st_mtime, after.st_uid) == (
        before.st_mode, before.st_mtime, before.st_uid,
    )  # fmt: skip


async def test_the_shared_temporary_folders_are_private(full: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of another program")
    said = await full.sh(
        f"cat {tmp_path}/file; ls /tmp /run /var/tmp /dev/shm | grep -v :; echo x > /tmp/wisp-probe"
        " && echo x > /dev/shm/wisp-probe && echo written"
    )
    assert "of another program" not in said
    assert said.endswith("written\n")
    assert not Path("/tmp/wisp-probe").exists()  # noqa: ASYNC240 at once
    assert not Path("/dev/shm/wisp-probe").exists()  # noqa: ASYNC240 at once


async def test_a_workspace_in_the_temporary_folder_works(full: Box, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    full.sandbox = Bubblewrap(Workspace(tmp_path), home=full.ground.home)
    assert await full.sh("cat a; echo b > b", cwd=tmp_path) == "a"
    assert (tmp_path / "b").exists()


async def test_an_added_folder_is_written_and_guarded(full: Box) -> None:
    added = full.ground.top / "added"
    (added / ".git/hooks").mkdir(parents=True)
    full.sandbox = Bubblewrap(Workspace(full.ground.root, [added]), home=full.ground.home)
    await full.sh(f"echo x > {added}/new; echo x > {added}/.git/hooks/x; echo x > {added}/../y")
    assert sorted(path.name for path in added.iterdir()) == [".git", "new"]
    assert [*(added / ".git/hooks").iterdir()] == []


async def test_a_secret_inside_the_workspace_is_hidden_too(full: Box) -> None:
    (full.ground.root / "dotfiles").mkdir()
    (full.ground.home / ".ssh").rename(full.ground.root / "dotfiles/ssh")
    (full.ground.home / ".ssh").symlink_to(full.ground.root / "dotfiles/ssh")
    said = await full.sh("cat dotfiles/ssh/id; mv dotfiles d; cat d/ssh/id; echo end")
    assert "private key" not in said
    assert said.endswith("end\n")


async def test_a_secret_in_a_copy_of_the_workspace_is_hidden_too(full: Box) -> None:
    root, home, copy = full.ground.root, full.ground.home, full.ground.top / "copy"
    (home / ".ssh").rename(root / "keys")
    (home / ".ssh").symlink_to(root / "keys")
    (root / "a").write_text("seen")
    shutil.copytree(root, copy)
    said = await full.sh("cat a keys/id; echo end", mounts=(Mount(copy, root, writable=True),))
    assert "private key" not in said
    assert said.startswith("seen") and said.endswith("end\n")


async def test_sessions_and_checkpoints_are_not_seen(
    full: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(full.ground.top / name.lower()))
        (full.ground.top / name.lower() / "wisp").mkdir(parents=True)
        (full.ground.top / name.lower() / "wisp/log").write_text("session")
    said = await full.sh(
        f"cd {full.ground.top}; cat state/wisp/log config/wisp/log data/wisp/log;"
        " echo x > state/wisp/log; echo end"
    )
    assert "session" not in said
    store = full.ground.top / "state/wisp/store"
    store.mkdir()
    await full.sh(f"echo x > {store}/new", writable=(store,))
    assert (store / "new").exists()


async def test_only_our_own_processes_are_seen(full: Box) -> None:
    said = await full.sh("cat /proc/1/comm; ls /proc | grep -c '^[0-9]'")
    assert said.startswith("bwrap\n")
    assert int(said.split()[1]) <= 6


async def test_a_copy_is_shown_at_the_original_path(full: Box, ground: Ground) -> None:
    copy, dependencies = ground.top / "copy", ground.root / ".venv"
    for folder in (copy / "src", copy / ".git/hooks", copy / ".venv", dependencies):
        folder.mkdir(parents=True)
    (copy / "src/a.py").write_text("copy")
    (dependencies / "lib").write_text("original")
    mounts = (
        Mount(copy, ground.root, writable=True),
        Mount(dependencies, dependencies),
    )
    said = await full.sh(
        "cat src/a.py .venv/lib; echo new > src/a.py; echo x > .venv/x; echo x > .git/hooks/x; pwd",
        mounts=mounts,
    )
    assert said.startswith("copyoriginal")
    assert said.endswith(f"{ground.root}\n")
    assert (copy / "src/a.py").read_text() == "new\n"
    assert not (ground.root / "src").exists()
    assert [*dependencies.iterdir()] == [dependencies / "lib"]
    assert [*(copy / ".git/hooks").iterdir()] == []
    (copy / ".claude").symlink_to(ground.outside)
    with pytest.raises(SandboxError, match="is a link"):
        await full.sh("true", mounts=mounts)


async def test_a_mount_never_runs_through_a_link(full: Box, ground: Ground) -> None:
    copy = ground.top / "copy"
    copy.mkdir()
    (copy / "sub").symlink_to(ground.outside)
    (ground.root / "sub").mkdir()
    for target in (ground.root / "sub/new", ground.root / "sub"):
        with pytest.raises(SandboxError, match="link"):
            await full.sh("true", mounts=(Mount(copy, ground.root, True), Mount(copy, target)))
    assert ground.unharmed()


async def test_an_editable_install_imports_the_copy(full: Box, ground: Ground) -> None:
    site, copy = ground.top / "site", ground.top / "copy"
    for folder, word in ((ground.root, "original"), (copy, "copy")):
        (folder / "src").mkdir(parents=True)
        (folder / "src/thing.py").write_text(f"print({word!r}, __file__)\n")
    site.mkdir()
    (site / "thing.pth").write_text(f"{ground.root}/src\n")
    code = f"import site; site.addsitedir({str(site)!r}); import thing"
    mount = Mount(copy, ground.root, writable=True)
    command = f'exec {sys.executable} -B -c "$1"'
    assert (await full.sh(command, code)).startswith("original ")
    assert await full.sh(command, code, mounts=(mount,)) == f"copy {ground.root}/src/thing.py\n"


async def test_the_command_line_of_the_sandbox_holds_no_secret(full: Box) -> None:
    process = await full.sandbox.spawn(
        Command(("/bin/sh", "-c", "echo up; cat"), full.ground.root, env={"KEY": "from-the-caller"})
    )
    assert await process.read() == b"up\n"
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes()  # noqa: ASYNC240 at once
    await process.stop()
    assert b"--unshare-net" in line
    assert b"from-the-caller" not in line


async def test_toolchains_in_a_temporary_folder_are_there_to_read(
    full: Box, tmp_path: Path
) -> None:
    for path in ("go/bin/go", "go/lib/data", "alone/tool", "env/bin/python", "env/pyvenv.cfg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("#!/bin/sh\necho it runs\n")
        (tmp_path / path).chmod(0o755)
    (tmp_path / "real/bin").mkdir(parents=True)
    (tmp_path / "env/inner").symlink_to("/etc")
    (tmp_path / "secret").write_text("of another program")
    paths = (f"{tmp_path}/{name}" for name in ("go/bin", "alone", "env/inner", "missing"))
    environ = {
        "PATH": ":".join((*paths, "/usr/bin", "/bin", "/tmp")),
        "VIRTUAL_ENV": f"{tmp_path}/env",
    }
    box = Bubblewrap(Workspace(full.ground.root), home=full.ground.home, environ=environ)
    full.sandbox = box
    said = await full.sh(
        f"cd {tmp_path}; go; tool; cat go/lib/data > /dev/null && echo whole; env/bin/python;"
        f" cat secret; echo x > {tmp_path}/go/bin/new; ls {tmp_path}"
    )
    assert [line for line in said.split("\n") if ":" not in line] == [
        "it runs", "it runs", "whole", "it runs", "alone", "env", "go", "",
    ]  # fmt: skip
    assert not (tmp_path / "go/bin/new").exists()


async def test_words_like_bubblewraps_own_are_passed_on(full: Box) -> None:
    for words in ("bwrap: hello\n", "bwrap: a\nb\n", "bw", "bwrap: no end", "b\nwrap: \n", ""):
        assert await full.sandbox.run(
            Command(("/usr/bin/printf", "%s", words), full.ground.root),
            (said := bytearray()).extend,
        )
        assert said.decode() == words

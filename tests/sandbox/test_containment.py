"""What no contained command can do, whichever sandbox holds it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.base import Command, Limits, Mount, SandboxError
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")


def python(code: str) -> str:
    """Return a shell line that runs the code in this interpreter."""
    return f"{sys.executable} -I -c '{code}'"


async def test_the_workspace_and_a_temporary_folder_can_be_written(box: Box) -> None:
    said = await box.sh(
        'echo a > new && mkdir -p d/e && mv new d/e/f && echo t > "$TMPDIR/t" && cat d/e/f'
        ' && cat "$TMPDIR/t" && echo "$TMPDIR"'
    )
    assert said.split("\n")[:2] == ["a", "t"]
    assert (box.ground.root / "d/e/f").read_text() == "a\n"
    temporary = said.split("\n")[2]
    assert not os.access(f"{temporary}/t", os.F_OK)


@pytest.mark.parametrize(
    "attack",
    [
        "echo x > {outside}/new",
        "echo x >> {outside}/file",
        "echo x >> {home}/.bashrc",
        "rm -f {outside}/file",
        "mv {outside}/file {outside}/other",
        "mv {outside}/file here",
        "ln {outside}/file hard && echo x >> hard",
        "ln -s {outside} link; echo x > link/new",
        "ln -s {outside}/file link; echo x > link; truncate -s 0 link",
        "echo x > /proc/self/root{outside}/new; echo x > /proc/1/root{outside}/new",
        "echo x > /proc/self/cwd/../outside/new",
        "echo x > ../outside/new; mkdir {outside}/d; mkfifo {outside}/p",
        "cp /bin/sh {outside}/sh; chmod 4755 {outside}/sh",
        "dd if=/dev/zero of={outside}/file bs=1 count=1 conv=notrunc",
    ],
)
async def test_nothing_outside_is_written(box: Box, attack: str) -> None:
    ground = box.ground
    script = attack.format(outside=ground.outside, home=ground.home)
    assert (await box.sh(f"{{ {script}; }} 2>/dev/null; echo tried")).endswith("tried\n")
    assert ground.unharmed()


async def test_read_only_means_the_workspace_too(box: Box) -> None:
    (box.ground.root / "file").write_text("as it was")
    said = await box.sh("cat file; echo x > file; echo x > new; rm file", read_only=True)
    assert said.startswith("as it was")
    assert (box.ground.root / "file").read_text() == "as it was"
    assert not (box.ground.root / "new").exists()


async def test_a_path_that_was_granted_can_be_written(box: Box) -> None:
    (box.ground.outside / "open").mkdir()
    said = await box.sh(
        f"cd {box.ground.outside}; echo x > open/new && echo yes; echo x > new",
        writable=(box.ground.outside / "open",),
    )
    assert said.startswith("yes\n")
    assert (box.ground.outside / "open/new").exists()
    assert not (box.ground.outside / "new").exists()
    (box.ground.root / "link").symlink_to(box.ground.outside)
    for path in (box.ground.root / "link", Path("relative"), box.ground.root / "missing"):
        with pytest.raises(SandboxError):
            await box.sh("true", writable=(path,))


async def test_secrets_of_the_home_are_not_read(box: Box) -> None:
    said = await box.sh(
        f"cat {box.ground.home}/.ssh/id {box.ground.home}/.netrc; cat ~/.bashrc;"
        f" ln -s {box.ground.home}/.ssh/id l; cat l; cp ~/.netrc c; cat c; cat /etc/shadow"
    )
    assert "# mine" in said
    assert "private key" not in said
    assert "password" not in said
    assert "root:" not in said


async def test_no_key_is_in_any_environment(box: Box) -> None:
    environ = {**os.environ, "WISP_TEST_API_KEY": "sk-very-secret"}
    with subprocess.Popen(["/bin/sleep", "60"], env=environ) as host:  # noqa: ASYNC220 at once
        said = await box.sh(
            f"cat /proc/{host.pid}/environ; env;"
            " cat /proc/*/environ /proc/1/environ /proc/$PPID/environ | tr '\\0' '\\n'"
        )
        host.kill()
    assert said.count("PAGER=cat") > 1
    assert "sk-very-secret" not in said


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_the_network_is_out_of_reach(box: Box, family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family is socket.AF_INET else "::1"
    with socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.bind((address, 0))
        tcp.listen()
        udp.bind((address, 0))
        tcp.setblocking(False)
        udp.setblocking(False)
        code = f"""
import socket
for kind, port in ((1, {tcp.getsockname()[1]}), (2, {udp.getsockname()[1]})):
    try:
        s = socket.socket({int(family)}, kind)
        s.settimeout(1)
        s.connect(("{address}", port))
        s.send(b"x")
        print("sent", kind)
    except OSError as error:
        print("stopped", kind)
"""
        said = await box.sh(python(code.replace('"', '"')))
        if "sent 2" not in said:
            assert said == "stopped 1\nstopped 2\n"
        with pytest.raises(BlockingIOError):
            tcp.accept()
        with pytest.raises(BlockingIOError):
            udp.recv(1)


async def test_the_network_is_there_when_it_was_granted(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            f'import socket; socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5)'
        )
        assert await box.sh(python(code) + " && echo reached", network=True) == "reached\n"


async def test_services_behind_unix_sockets_are_out_of_reach(box: Box) -> None:
    path = box.ground.outside / "docker.sock"
    name = f"\0wisp-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as service, socket.socket(socket.AF_UNIX) as abstract:
        service.bind(str(path))
        service.listen()
        abstract.bind(name)
        abstract.listen()
        code = f"""
import socket
for address in ("{path}", "\\0{name[1:]}"):
    try:
        socket.socket(socket.AF_UNIX).connect(address)
        print("reached")
    except OSError as error:
        print("stopped")
"""
        assert await box.sh(python(code)) == "stopped\nstopped\n"
    path.unlink()


async def test_other_processes_are_out_of_reach(box: Box) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as victim:  # noqa: ASYNC220 at once
        said = await box.sh(
            f"kill -9 {victim.pid} 2>/dev/null || echo safe; cat /proc/{victim.pid}/mem | head -c1;"
            + python(
                "import ctypes; c = ctypes.CDLL(None);"
                f" print(c.ptrace(16, {victim.pid}, 0, 0), c.unshare(0x10000000))"
            )
        )
        assert "safe\n" in said
        assert "-1 -1\n" in said
        assert victim.poll() is None
        victim.kill()


async def test_no_privilege_is_left_or_won(box: Box) -> None:
    said = await box.sh(
        "grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t';"
        " mknod n b 8 0; mount -t tmpfs none /mnt; mount -o remount,rw /; chroot / true && echo in;"
        " echo end"
    )
    zero = "0" * 16
    assert f"CapPrm:{zero}\nCapEff:{zero}\n" in said
    assert "NoNewPrivs:1\nSeccomp:2\n" in said
    assert "in\n" not in said
    assert not (box.ground.root / "n").exists()


async def test_a_command_without_a_workspace_folder_of_its_own_is_refused(box: Box) -> None:
    ground = box.ground
    for root in (ground.home, ground.top, Path("/")):
        with pytest.raises(SandboxError, match="home directory"):
            if box.sandbox.backend == "landlock":
                type(box.sandbox)(Workspace(root), why_not="", home=ground.home)  # type: ignore[call-arg]  # both backends, one call
            else:
                type(box.sandbox)(Workspace(root), home=ground.home)  # type: ignore[call-arg]  # as above


async def test_ordinary_work_goes_on(box: Box) -> None:
    root = box.ground.root
    (root / "test_it.py").write_text(
        "import multiprocessing, os, sqlite3, subprocess, tempfile, asyncio\n"
        "def square(x): return x * x\n"
        "def test_pool():\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        assert pool.map(square, [1, 2]) == [1, 4]\n"
        "def test_rest(tmp_path):\n"
        "    (tmp_path / 'a').write_text('x')\n"
        "    sqlite3.connect('db').execute('create table t (a)')\n"
        "    assert subprocess.check_output(['echo', 'hi']) == b'hi\\n'\n"
        "    asyncio.run(asyncio.sleep(0))\n"
    )
    result, said = await box.result(
        f"{sys.executable} -m pytest -q -c /dev/null --rootdir . -p no:cacheprovider"
        " -p no:asyncio test_it.py && pip_dir=$PIP_CACHE_DIR"
        ' && echo x > "$pip_dir/x" && echo x > "$CARGO_HOME/x" && echo x > "$GOCACHE/x"'
        ' && echo x > "$npm_config_cache/x" && echo cached; rm -f "$pip_dir/x"'
    )
    assert "2 passed" in said, said
    assert said.endswith("cached\n")
    assert result.ok


async def test_git_works_on_a_real_repository(box: Box) -> None:
    root = box.ground.root
    subprocess.run(  # noqa: ASYNC221 nothing else runs
        "rm -rf .git; git init -q . && echo a > a && git add a"
        " && git -c user.name=n -c user.email=e@x commit -qm first && echo b > a",
        shell=True, cwd=root, check=True,
    )  # fmt: skip
    said = await box.sh("git status --short; git log --format=%s; git diff --stat")
    assert said.startswith(" M a\nfirst\n a | 2 +-")
    commit = "git -c user.name=n -c user.email=e@x commit -qam second && git log --format=%s -1"
    assert await box.sh(commit, git=True) == "second\n"


@pytest.mark.full
async def test_only_the_full_sandbox_shows_folders_elsewhere(reduced: Box) -> None:
    mount = Mount(reduced.ground.outside, reduced.ground.root)
    command = Command(("true",), reduced.ground.root, mounts=(mount,), limits=Limits(wall_s=5))
    with pytest.raises(SandboxError, match="bubblewrap"):
        await reduced.sandbox.run(command, bytearray().extend)

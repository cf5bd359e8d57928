"""Starting, watching and ending commands, in every sandbox."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.base import Command, Limits, SandboxError
from sandbox.descendants import alive, descendants
from sandbox.process import start_child

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are read in /proc")

# a daemon that leaves its session and its parents, and would write a second later
DAEMON = "(setsid sh -c '(sleep 1; echo late > late) & echo $$ > pid' > /dev/null 2>&1 &)"


async def wait_for(path: Path) -> str:
    """Return what a command writes to a file, once it has."""
    for _ in range(500):
        text = path.read_text() if path.exists() else ""  # noqa: ASYNC240 a few bytes
        if text.endswith("\n"):
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing was written to {path}")


def running() -> list[int]:
    """Return this process and what it started, but for the watcher, which stays until we end."""
    found = descendants(os.getpid())
    watchers = [
        pid for pid in found if b"read -r mark" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    theirs = {each for pid in watchers for each in descendants(pid)}
    return [pid for pid in found if pid not in theirs]


async def test_the_exit_code_is_the_commands(any_box: Box) -> None:
    result, said = await any_box.result("echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.signal, result.timed_out, result.ok) == (7, None, False, False)
    assert said == "out\nerr\n"
    assert result.total_bytes == len("it started\nout\nerr\n")
    result, _ = await any_box.result("kill -9 $$")
    assert result.exit_code == 128 + 9


async def test_a_program_that_is_not_there_is_an_error_of_the_start(any_box: Box) -> None:
    for argv, cwd in ((("/nowhere",), any_box.ground.root), (("true",), Path("/nowhere"))):
        with pytest.raises(SandboxError, match="nowhere"):
            await any_box.sandbox.run(Command(argv, cwd), bytearray().extend)


async def test_input_reaches_it_and_ends(any_box: Box) -> None:
    data = b"0123456789abcdef" * 65536
    assert await any_box.sh("wc -c", stdin=data) == f"{len(data)}\n"
    assert await any_box.sh("head -c 3; exit 0", stdin=data) == "012"
    assert await any_box.sh("cat; echo end") == "end\n"


async def test_the_environment_is_what_was_asked(any_box: Box) -> None:
    said = await any_box.sh('echo "$ADDED $HOME $TERM_PROGRAM"; pwd; ls -l /proc/self/fd | wc -l',
                            env={"ADDED": "x y"}, cwd=Path("/usr"))  # fmt: skip
    lines = said.split("\n")
    assert lines[0] == f"x y {any_box.ground.home} "
    assert lines[1] == str(Path("/usr"))
    assert int(lines[2]) == 5  # three, the folder itself, and the line of the total


async def test_limits_are_set(any_box: Box) -> None:
    limits = Limits(wall_s=20, open_files=64, file_bytes=1 << 20, cpu_s=77)
    result, said = await any_box.result(
        "ulimit -n; ulimit -t; ulimit -c; exec head -c 3000000 /dev/zero > big", limits=limits
    )
    assert said.startswith("64\n77\n0\n")
    assert result.notes == ("a file grew to the most that is allowed, 1 MiB",)
    assert (any_box.ground.root / "big").stat().st_size == 1 << 20


async def test_a_command_that_ignores_term_is_killed_at_its_time(any_box: Box) -> None:
    result, said = await any_box.result(
        "trap '' TERM; echo s; while :; do sleep 0.05; done", wall=0.5
    )
    assert result.timed_out
    assert said == "s\n"


async def test_a_command_may_use_its_grace_for_last_words(any_box: Box) -> None:
    result, said = await any_box.result(
        "trap 'echo last words; exit 3' TERM; echo s; while :; do sleep 0.02; done", wall=0.5,
        limits=Limits(wall_s=0.5, kill_grace_s=10),
    )  # fmt: skip
    assert result.timed_out
    assert said.endswith("last words\n")


async def test_a_stopped_command_still_ends(any_box: Box) -> None:
    result, _ = await any_box.result("kill -STOP $$", wall=0.3)
    assert result.timed_out


async def test_a_background_child_that_holds_the_pipe_does_not_block(any_box: Box) -> None:
    result, said = await any_box.result("sleep 60 & echo done")
    assert result.ok
    assert said == "done\n"
    assert result.seconds < 30


async def test_a_daemon_does_not_outlive_its_command(any_box: Box) -> None:
    root = any_box.ground.root
    assert await any_box.sh(f"{DAEMON}; while ! [ -s pid ]; do :; done; echo up") == "up\n"
    await asyncio.sleep(1.2)
    assert not (root / "late").exists()


async def test_cancelling_kills_everything_before_it_is_passed_on(any_box: Box) -> None:
    root = any_box.ground.root
    task = asyncio.create_task(any_box.sh(f"trap '' TERM; {DAEMON}; sleep 60 & sleep 60"))
    await wait_for(root / "pid")
    before = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - before < 1
    assert running() == [os.getpid()]
    await asyncio.sleep(1.2)
    assert not (root / "late").exists()


async def test_a_failing_reader_ends_the_command(any_box: Box) -> None:
    def write(data: bytes) -> None:
        raise RuntimeError("our own bug")

    command = Command(("/bin/sh", "-c", "echo x; sleep 60"), any_box.ground.root)
    with pytest.raises(RuntimeError, match="our own bug"):
        await any_box.sandbox.run(command, write)
    assert running() == [os.getpid()]


async def test_a_flood_of_output_stays_out_of_memory(any_box: Box) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = 0

    def count(data: bytes) -> None:
        nonlocal seen
        seen += len(data)

    size = 300 << 20
    command = Command(("head", "-c", str(size), "/dev/zero"), any_box.ground.root)
    result = await any_box.sandbox.run(command, count)
    assert result.ok
    assert seen == result.total_bytes == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10  # kilobytes


async def test_a_spawned_command_is_talked_to_and_stopped(any_box: Box) -> None:
    command = Command(("/bin/sh", "-c", "echo ready; cat"), any_box.ground.root)
    process = await any_box.sandbox.spawn(command)
    assert await process.read() == b"ready\n"
    await process.send(b"hello\n")
    assert await process.read() == b"hello\n"
    result = await process.stop()
    assert not result.ok
    assert await process.read() == b""
    assert (await process.wait()).total_bytes == len("ready\nhello\n")
    assert running() == [os.getpid()]


async def test_a_spawned_command_can_have_a_terminal(any_box: Box) -> None:
    command = Command(("/bin/sh", "-c", "test -t 0 && test -t 1 && echo tty"), any_box.ground.root)
    process = await any_box.sandbox.spawn(command, pty=True)
    said = b""
    while data := await process.read():
        said += data
    assert said == b"tty\r\n"
    assert (await process.wait()).ok


async def test_nothing_survives_when_we_are_killed(any_box: Box) -> None:
    root = any_box.ground.root
    code = f"""
import asyncio, sys
from pathlib import Path
from sandbox.base import Command
from sandbox.bubblewrap import Bubblewrap
from sandbox.landlock import Landlock
from sandbox.plain import Plain
from sandbox.workspace import Workspace
root, home = Path({str(root)!r}), Path({str(any_box.ground.home)!r})
make = {{
    "bubblewrap": lambda: Bubblewrap(Workspace(root), home=home),
    "landlock": lambda: Landlock(Workspace(root), home=home, why_not=""),
    "none": lambda: Plain(home=home, why_not=""),
}}[{any_box.sandbox.backend!r}]
script = {DAEMON + "; sleep 61"!r}
asyncio.run(make().run(Command(("/bin/sh", "-c", script), root), print))
"""
    project = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": project}
    with subprocess.Popen([sys.executable, "-c", code], env=environ) as ours:  # noqa: ASYNC220  # another program is what is tested
        await wait_for(root / "pid")
        everything = descendants(ours.pid)
        assert len(everything) > 3
        ours.send_signal(signal.SIGKILL)
    for _ in range(500):
        if not any(alive(pid) for pid in everything):
            break
        await asyncio.sleep(0.01)
    assert not [pid for pid in everything if alive(pid)]
    await asyncio.sleep(1.2)
    assert not (root / "late").exists()


async def test_a_program_of_ours_runs_over_pipes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = start_child(
        ("/bin/sh", "-c", 'echo "talk $KEY" >&2; exec cat'),
        cwd=tmp_path, env={"KEY": "k", "PATH": "/bin:/usr/bin"}, log=log,
    )  # fmt: skip
    await child.send(b"a line\n")
    assert await child.read() == b"a line\n"
    child.close_input()
    assert await child.read() == b""
    assert (await child.wait()).ok
    assert log.read_text() == "talk k\n"
    with pytest.raises(OSError, match="nowhere"):
        start_child(("/nowhere",), cwd=tmp_path, env={}, log=None)


async def test_many_commands_leave_no_descriptor_behind(any_box: Box) -> None:
    await any_box.sh("true")
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 not a tree of files
    for script in ("true", "exit 1", "sleep 60 & true"):
        await any_box.sh(script)
    with pytest.raises(SandboxError):
        await any_box.sandbox.run(Command(("/nowhere",), any_box.ground.root), print)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 as above

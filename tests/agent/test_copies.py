import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from trees import UNCONTAINED, Look, build, drive, folders, git, look

from agent.copies import Copies, Copy, CopyLimits, CopyStale, CopyTooLarge
from agent.errors import Failed
from sandbox.base import Command, Containment, Mount
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    build(
        root,
        {
            "src": ("folder", 0o755, {"m.py": ("file", 0o644, b"print(1)\n")}),
            "run": ("file", 0o755, b"#!/bin/sh\n"),
            "secret": ("file", 0o600, b"crlf\r\n"),
            "link": ("link", "src/m.py"),
            "dangling": ("link", "/nowhere"),
            "closed": ("folder", 0o555, {"a": ("file", 0o444, b"a")}),
            "empty": ("folder", 0o700, {}),
        },
    )
    return root


@pytest.fixture
async def copy(root: Path, tmp_path: Path) -> AsyncIterator[Copy]:
    async with Copies(root, cache=tmp_path / "cache").make() as copy:
        yield copy


def left(cache: Path) -> list[str]:
    """Return the folders of copies that are there."""
    return sorted(entry.name for entry in os.scandir(cache / "copies") if entry.is_dir())


async def output(*argv: str, cwd: Path) -> str:
    """Run a command, uncontained, and return what it printed."""
    said = bytearray()
    await UNCONTAINED.run(Command(argv=argv, cwd=cwd), said.extend)
    return said.decode()


async def test_a_copy_is_the_tree_with_its_modes_times_and_links(root: Path, copy: Copy) -> None:
    assert look(copy.path, times=True) == look(root, times=True)
    assert not (copy.path / "run").samefile(root / "run")
    assert (copy.path / "run").stat().st_nlink == 1
    assert copy.mounts == (Mount(copy.path, root, writable=True),)


async def test_dependencies_and_git_are_mounted_and_caches_are_left_out(
    root: Path, tmp_path: Path
) -> None:
    git(root, "init", "-q")
    for name in (".venv/lib", "node_modules/x", "pkgs/a/node_modules", "env", "src/__pycache__"):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_bytes(b"x")
    (root / "env" / "pyvenv.cfg").write_bytes(b"")
    (root / "sub").mkdir()
    (root / "sub" / ".git").write_bytes(b"gitdir: ../.git/modules/sub\n")
    async with Copies(root, cache=tmp_path / "cache").make() as copy:
        kept = (".git", ".venv", "env", "node_modules", "pkgs/a/node_modules", "sub/.git")
        assert copy.mounts[1:] == tuple(Mount(root / name, root / name) for name in kept)
        for name in kept:
            place = copy.path / name
            assert place.exists()
            assert place.is_dir() == (root / name).is_dir()
            assert (place.read_bytes() if place.is_file() else look(place)) in (b"", {})
        assert not (copy.path / "src" / "__pycache__").exists()


async def test_a_source_folder_with_a_common_name_is_copied(root: Path, tmp_path: Path) -> None:
    (root / "target").mkdir()
    (root / "target" / "mod.py").write_bytes(b"x = 1\n")
    async with Copies(root, cache=tmp_path / "cache").make() as copy:
        assert (copy.path / "target" / "mod.py").read_bytes() == b"x = 1\n"


@settings(max_examples=25)
@given(first=folders, second=folders)
def test_a_reset_brings_back_the_first_tree_from_any_other(
    first: dict[str, tuple[object, ...]], second: dict[str, tuple[object, ...]]
) -> None:
    async def there_and_back(root: Path, cache: Path) -> None:
        build(root, first)
        before = look(root, times=True)
        async with Copies(root, cache=cache).make() as copy:
            build(copy.path, second)
            await copy.reset()
            assert look(copy.path, times=True) == before
            await copy.reset()
            assert look(copy.path, times=True) == before
        assert look(root, times=True) == before
        assert left(cache) == []

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(there_and_back(Path(name).resolve() / "work", Path(name) / "cache"))


def in_place(path: Path) -> None:
    """Change content, keeping size and time."""
    when = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(when, when))


async def test_a_reset_undoes_whatever_was_done(root: Path, copy: Copy, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    build(outside, {"precious": ("file", 0o644, b"p"), "m.py": ("file", 0o644, b"m")})
    kept, before = look(outside, times=True), look(root, times=True)
    shutil.rmtree(copy.path / "src")
    (copy.path / "src").symlink_to(outside)  # an attempt may try to lead us out
    (copy.path / "closed").chmod(0o700)
    (copy.path / "closed" / "a").unlink()
    (copy.path / "closed").chmod(0)
    (copy.path / "empty" / "locked").mkdir()
    (copy.path / "empty" / "locked" / "in").mkdir(mode=0)
    (copy.path / "empty" / "locked").chmod(0)
    in_place(copy.path / "run")
    (copy.path / "link").unlink()
    (copy.path / "link").mkdir()
    deep = os.open(copy.path / "empty", os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("deep", dir_fd=deep)
        following = os.open("deep", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = following
    os.close(deep)
    await copy.reset()
    assert look(copy.path, times=True) == before
    assert look(outside, times=True) == kept


async def test_a_write_keeps_the_mode_and_follows_no_link(
    root: Path, copy: Copy, tmp_path: Path
) -> None:
    await copy.write("run", b"new")
    await copy.write("new/folder/file", b"made")
    assert (copy.path / "run").read_bytes() == b"new"
    assert (copy.path / "run").stat().st_mode & 0o777 == 0o755
    assert (copy.path / "new" / "folder" / "file").read_bytes() == b"made"
    await copy.write("link", b"not through")
    assert (copy.path / "src" / "m.py").read_bytes() == b"print(1)\n"
    (tmp_path / "outside").mkdir()
    (copy.path / "out").symlink_to(tmp_path / "outside")
    for path in ("out/file", "../file", "src/../../file", "", "/etc/x", "a//b"):
        with pytest.raises(Failed):
            await copy.write(path, b"escaped")
    assert [*(tmp_path / "outside").iterdir()] == []


async def test_two_attempts_of_one_size_in_one_second_both_run(copy: Copy) -> None:
    argv = (sys.executable, "-c", "import m")
    assert await output(*argv, cwd=copy.path / "src") == "1\n"
    for attempt in range(2, 6):
        if attempt % 2:
            await copy.reset()
        await copy.write("src/m.py", b"print(%d)\n" % attempt)
        os.utime(copy.path / "src" / "m.py", (1, 1))
        assert await output(*argv, cwd=copy.path / "src") == f"{attempt}\n"


async def test_a_reset_says_when_the_original_changed(root: Path, copy: Copy) -> None:
    (root / "secret").write_bytes(b"edited meanwhile")
    await copy.reset()  # nothing of that file is needed
    (copy.path / "secret").write_bytes(b"attempt")
    with pytest.raises(CopyStale, match="secret"):
        await copy.reset()


@pytest.mark.parametrize("limits", [CopyLimits(total_bytes=10), CopyLimits(files=3)])
async def test_a_tree_over_the_limit_is_refused_and_nothing_left(
    root: Path, tmp_path: Path, limits: CopyLimits
) -> None:
    with pytest.raises(CopyTooLarge, match="too large to copy"):
        async with Copies(root, cache=tmp_path / "cache", limits=limits).make():
            raise AssertionError("made")
    assert left(tmp_path / "cache") == []


async def test_a_copy_is_removed_also_after_a_failure_and_a_cancel(
    root: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(ZeroDivisionError):
        async with Copies(root, cache=cache).make() as copy:
            (copy.path / "closed").chmod(0)
            raise ZeroDivisionError
    assert left(cache) == []
    for number in range(3000):
        (root / f"f{number}").write_bytes(b"x")

    async def hold() -> None:
        async with Copies(root, cache=cache).make():
            await asyncio.Event().wait()

    for delay in (0.0, 0.02, 0.1, 1.0):
        task = asyncio.create_task(hold())
        await asyncio.sleep(delay)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert left(cache) == []


HOLD = """
import asyncio, sys
from pathlib import Path
from agent.copies import Copies
async def hold():
    async with Copies(Path(sys.argv[1]), cache=Path(sys.argv[2])).make() as copy:
        print(copy.path.parent.name, flush=True)
        sys.stdin.read()
asyncio.run(hold())
"""


async def test_copies_of_killed_processes_are_swept_and_of_living_ones_kept(
    root: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    living, dead = drive(HOLD, root, cache), drive(HOLD, root, cache)
    assert living.stdout is not None
    assert dead.stdout is not None
    theirs, gone = living.stdout.readline().strip(), dead.stdout.readline().strip()
    assert left(cache) == sorted([theirs, gone])
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    (cache / "copies" / "1-torn").mkdir()  # killed before it had a lock
    async with Copies(root, cache=cache).make() as copy:
        assert left(cache) == sorted([theirs, copy.path.parent.name])
    living.communicate()
    assert living.returncode == 0
    assert left(cache) == []


@pytest.mark.full
async def test_a_contained_command_sees_the_copy_at_the_place_of_the_original(
    root: Path, tmp_path: Path
) -> None:
    git(root, "init", "-q")
    (root / ".venv").mkdir()
    (root / ".venv" / "file").write_bytes(b"installed")
    before = look(root, times=True)
    sandbox = await open_sandbox(Workspace(root), "auto")
    if sandbox.containment is not Containment.FULL:
        pytest.skip(f"no FULL sandbox: {sandbox.why_not}")
    script = f"""echo started; cat {root}/src/m.py .venv/file; git rev-parse --git-dir
    echo changed > {root}/src/m.py && echo wrote
    touch .venv/x || echo kept; touch .git/x || echo kept
    """
    async with Copies(root, cache=tmp_path / "cache").make() as copy:
        await copy.write("src/m.py", b"candidate\n")
        said = bytearray()
        command = Command(
            argv=("/bin/sh", "-c", script), cwd=root, mounts=copy.mounts, env={"LC_ALL": "C"}
        )
        await sandbox.run(command, said.extend)
        lines = [line for line in said.decode().splitlines() if "Read-only" not in line]
        assert lines == ["started", "candidate", "installed.git", "wrote", "kept", "kept"]
        assert (copy.path / "src" / "m.py").read_bytes() == b"changed\n"
        await copy.reset()
        seen: Look = look(copy.path)
        assert seen["src/m.py"] == ("file", 0o644, b"print(1)\n")
    assert look(root, times=True) == before


async def test_what_was_touched_is_told_by_path(root: Path, copy: Copy) -> None:
    assert await copy.touched() == []
    (copy.path / "src" / "m.py").write_bytes(b"print(2)\n")
    in_place(copy.path / "run")
    (copy.path / "closed").chmod(0o755)
    (copy.path / "closed" / "a").unlink()
    (copy.path / "link").unlink()
    (copy.path / "link").symlink_to("run")
    (copy.path / "new").mkdir()
    (copy.path / "new" / "nämë").write_bytes(b"")
    (copy.path / os.fsdecode(b"\xff")).write_bytes(b"")
    changed = [r"\xff", "closed/a", "link", "new/nämë", "run", "src/m.py"]
    assert sorted(await copy.touched()) == sorted(changed)
    await copy.reset()
    assert await copy.touched() == []

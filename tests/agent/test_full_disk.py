"""What happens where the disk is full, on a small file system of our own, and in a sandbox."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import build, checkpoints, drive, look

from agent.checkpoint import Checkpoints
from agent.errors import Failed
from sandbox.base import Command, CommandResult, Containment, SandboxError
from sandbox.detect import open_sandbox
from sandbox.plain import Plain
from sandbox.workspace import Workspace

pytestmark = pytest.mark.full


def on_small_disk(script: str, place: Path, size: int, *arguments: object) -> str:
    """Run a script with a file system of `size` bytes at `place`; return what it printed."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("no bubblewrap to make a small disk with")
    place.mkdir(exist_ok=True)
    wrapper = (bwrap, "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(place), "--")
    said, _ = drive(script, place, *arguments, wrapper=wrapper).communicate()
    return said


STORE = """
import asyncio, os, sys
from pathlib import Path
from agent.errors import Failed
from trees import checkpoints, look
place, work = map(Path, sys.argv[1:])
before = look(work, times=True)
points = checkpoints(work, place)
async def fill():
    (work / "first").write_bytes(b"small")
    first = await points.make("first")
    (work / "large").write_bytes(os.urandom(4 << 20))
    try:
        await points.make("second")
    except Failed as error:
        print(error.message, "|", error.hint)
    (work / "large").unlink()
    (work / "first").write_bytes(b"changed")
    print((await points.restore(first.id)).files, (work / "first").read_bytes())
asyncio.run(fill())
"""


def test_a_checkpoint_on_a_full_disk_is_one_clear_error_and_the_older_ones_stay(
    tmp_path: Path,
) -> None:
    (tmp_path / "work").mkdir()
    said = on_small_disk(STORE, tmp_path / "small", 2 << 20, tmp_path / "work").splitlines()
    assert said[0].startswith("no space left on the disk: ")
    assert said[0].endswith(" | free some space and try again")
    assert said[1:] == ["('first',) b'small'"]


WORK = """
import asyncio, os, sys
from pathlib import Path
from agent.errors import Failed
from trees import checkpoints, look
work, state = map(Path, sys.argv[1:])
async def fill():
    (work / "a").write_bytes(b"before")
    (work / "large").write_bytes(os.urandom(2 << 20))
    points = checkpoints(work, state)
    first, whole = await points.make("first"), look(work)
    (work / "a").write_bytes(b"after")
    (work / "large").unlink()
    (work / "node_modules").mkdir()
    junk = work / "node_modules" / "junk"
    with junk.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    left = look(work)
    try:
        await points.restore(first.id)
    except Failed as error:
        print(error.message)
    print("as it was", look(work) == left)
    junk.unlink()
    junk.parent.rmdir()
    await points.restore(first.id)
    print("restored", look(work) == whole)
asyncio.run(fill())
"""


def test_a_restore_on_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    said = on_small_disk(WORK, tmp_path / "small", 4 << 20, tmp_path / "state").splitlines()
    assert said[0].startswith("no space left on the disk: ")
    assert said[1:] == ["as it was True", "restored True"]


COPY = """
import asyncio, os, sys
from pathlib import Path
from agent.copies import Copies
from agent.errors import Failed
place, work = map(Path, sys.argv[1:])
async def fill():
    try:
        async with Copies(work, cache=place).make():
            print("made")
    except Failed as error:
        print(error.message, "|", error.hint)
    print(sorted(os.listdir(place / "copies")))
asyncio.run(fill())
"""


def test_a_copy_on_a_full_disk_is_one_clear_error_and_nothing_is_left(tmp_path: Path) -> None:
    build(tmp_path / "work", {name: ("file", 0o644, bytes(1 << 20)) for name in "abcd"})
    said = on_small_disk(COPY, tmp_path / "small", 2 << 20, tmp_path / "work").splitlines()
    assert said[0].startswith("no space left for a copy: ")
    assert "XDG_CACHE_HOME" in said[0]
    assert said[1:] == ["['gate']"]


async def test_checkpoints_work_where_git_runs_contained_and_their_place_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "work"
    build(root, {"a": ("file", 0o644, b"1\r\n"), "b": ("link", "a")})
    sandbox = await open_sandbox(Workspace(root), "auto")
    if sandbox.containment is not Containment.FULL:
        pytest.skip(f"no FULL sandbox: {sandbox.why_not}")
    points, before = Checkpoints(root, sandbox), look(root)
    assert points.path.is_relative_to(tmp_path / "state")
    first = await points.make("first")
    build(root, {"c": ("file", 0o644, b"new\n")})
    second = await points.make("second")
    assert "+new" in await points.diff(first.id, second.id)
    assert (await points.restore(first.id)).files == ("a", "b", "c")
    assert look(root) == before


class Unstartable(Plain):
    """A sandbox that cannot be set up."""

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        raise SandboxError("no place for a mount")


async def test_a_git_that_cannot_be_started_is_an_error_with_a_hint(
    tmp_path: Path,
) -> None:
    root, state = tmp_path / "work", tmp_path / "state"
    build(root, {"a": ("file", 0o644, b"1")})
    points = checkpoints(root, state)
    await points.make("one")
    (root / "a").write_bytes(b"2")
    unstartable = Checkpoints(root, Unstartable(why_not="a test"), state=state)
    with pytest.raises(Failed, match="no place for a mount") as caught:
        await unstartable.make("two")
    assert caught.value.hint
    assert (await points.make("three")).files == 1

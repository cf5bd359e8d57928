import asyncio
import os
import random
import signal
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from trees import UNCONTAINED, build, checkpoints, drive, folders, git, look

from agent.checkpoint import Checkpoints
from agent.errors import Failed
from agent.tree import Limits
from sandbox.masks import Masks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def points(root: Path, tmp_path: Path) -> Checkpoints:
    return checkpoints(root, tmp_path / "state")


@settings(max_examples=12)
@given(first=folders, second=folders)
def test_any_tree_comes_back_from_any_other_byte_for_byte(
    first: dict[str, tuple[object, ...]], second: dict[str, tuple[object, ...]]
) -> None:
    async def there_and_back(root: Path, state: Path) -> None:
        points = checkpoints(root, state)
        build(root, first)
        before = look(root)
        one = await points.make("first")
        build(root, second)
        after = look(root)
        restored = await points.restore(one.id)
        assert restored.refused == ()
        assert look(root) == before
        again = await checkpoints(root, state).restore(restored.backup)
        assert again.refused == ()
        assert look(root) == after
        await points.extract(one.id, state / "extracted")
        assert look(state / "extracted") == before
        shown = await points.changed(one.id, restored.backup, folders=True)
        assert bool(shown) == (before != after)
        assert list(restored.files) == list(again.files) == shown

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(there_and_back(Path(name) / "work", Path(name) / "state"))


async def test_the_users_repository_is_not_touched(root: Path, points: Checkpoints) -> None:
    git(root, "init", "-q", "-b", "main")
    build(root, {"a": ("file", 0o644, b"1\r\n"), ".gitattributes": ("file", 0o644, b"* text\n")})
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    (root / "a").write_bytes(b"stashed\n")
    git(root, "stash")
    (root / "a").write_bytes(b"staged\n")
    git(root, "add", "a")
    (root / "a").write_bytes(b"not staged\r\n")
    (root / ".git" / "hooks" / "post-checkout").write_text("#!/bin/sh\ntouch ran\n")
    (root / ".git" / "index.lock").write_bytes(b"")  # another git is at work
    (root / ".git" / "info" / "attributes").write_text("* filter=x\n")
    before, whole = look(root / ".git", times=True), look(root)

    one = await points.make("before")
    (root / "a").unlink()
    (root / "b").write_bytes(b"new")
    await points.restore(one.id)

    assert look(root / ".git", times=True) == before
    assert look(root) == whole


async def test_files_of_nested_repositories_are_kept_and_their_git_left_alone(
    root: Path, points: Checkpoints
) -> None:
    for name in ("empty", "full"):
        (root / name).mkdir()
        git(root / name, "init", "-q")
        (root / name / "file").write_bytes(b"content of " + name.encode())
    git(root / "full", "add", "-A")
    git(root / "full", "commit", "-q", "-m", "one")
    whole = look(root, times=True)
    inside = {path for path in whole if "/.git" in path}
    one = await points.make("before")
    (root / "empty" / "file").write_bytes(b"changed")
    (root / "full" / "file").unlink()
    restored = await points.restore(one.id)
    assert restored.files == ("empty/file", "full/file")
    assert look(root) == {path: seen[:-1] for path, seen in whole.items()}
    after = look(root, times=True)
    assert {path: after[path] for path in inside} == {path: whole[path] for path in inside}


async def test_small_ignored_files_are_kept_and_large_ones_named(
    root: Path, points: Checkpoints
) -> None:
    build(
        root,
        {
            ".gitignore": ("file", 0o644, b"*.db\nlogs/\n"),
            "small.db": ("file", 0o644, b"small"),
            "large.db": ("file", 0o644, bytes(2 << 20)),
            "large.py": ("file", 0o644, bytes(2 << 20)),
            "logs": ("folder", 0o755, {"large": ("file", 0o644, bytes(2 << 20))}),
            "node_modules": ("folder", 0o755, {"x.js": ("file", 0o644, b"x")}),
        },
    )
    one = await points.make("before")
    assert one.left_out == ("large.db", "logs/large")
    for name in ("small.db", "large.db", "large.py", "logs/large", "node_modules/x.js"):
        (root / name).write_bytes(b"changed")
    restored = await points.restore(one.id)
    assert restored.files == ("large.py", "small.db")
    assert restored.refused == ("large.db", "logs/large")
    assert (root / "small.db").read_bytes() == b"small"
    assert (root / "large.py").read_bytes() == bytes(2 << 20)
    assert (root / "large.db").read_bytes() == b"changed"
    assert (root / "node_modules" / "x.js").read_bytes() == b"changed"


async def test_what_is_no_file_is_named_and_never_waited_for(
    root: Path, points: Checkpoints
) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "sock"))
        (root / "loop").symlink_to("loop")
        one = await points.make("before")
    assert one.left_out == ("fifo", "sock")
    assert one.files == 1


async def test_limits_leave_out_and_name_the_rest(root: Path, tmp_path: Path) -> None:
    for name in "abcd":
        (root / name).write_bytes(b"12345")
    (root / "big").write_bytes(b"1234567890")
    points = checkpoints(root, tmp_path / "state", Limits(file_bytes=9, total_bytes=15, depth=2))
    (root / "x" / "y" / "z").mkdir(parents=True)
    assert (await points.make("before")).left_out == ("big", "d", "x/y/z")


async def test_a_mask_of_a_running_command_is_no_part_of_the_tree(
    root: Path, points: Checkpoints
) -> None:
    masks = Masks()
    (root / ".idea").mkdir()
    assert masks.put(root / ".vscode")
    first = await points.make("a command runs")
    masks.remove()
    assert await points.changed(first.id, (await points.make("it ended")).id) == []
    await points.restore(first.id)
    assert [*look(root)] == [".idea"]


async def test_an_unchanged_tree_is_the_same_checkpoint(
    root: Path, points: Checkpoints, tmp_path: Path
) -> None:
    (root / "a").write_bytes(b"1")
    one = await points.make("one")
    assert await points.make("two") == one
    os.utime(root / "a", ns=(1, 1))
    assert await checkpoints(root, tmp_path / "state").make("three") == one
    assert await points.ids() == [one.id]
    assert await points.latest() == one


async def test_a_change_that_keeps_size_and_time_is_seen(root: Path, points: Checkpoints) -> None:
    file = root / "a"
    file.write_bytes(b"1111")
    os.utime(file, ns=(10**18, 10**18))
    one = await points.make("one")
    for content in (b"2222", b"3333", b"4444"):
        with file.open("r+b") as opened:
            opened.write(content)
        os.utime(file, ns=(10**18, 10**18))
        made = await points.make("next")
        assert "+" + content.decode() in await points.diff(one.id, made.id)


async def test_only_what_the_turn_changed_goes_back_and_later_changes_are_refused(
    root: Path, points: Checkpoints
) -> None:
    for name in ("agent", "both", "user", "moved"):
        (root / name).write_bytes(b"old")
    before = await points.make("before")
    for name in ("agent", "both", "made", "made-then-edited"):
        (root / name).write_bytes(b"by the agent")
    (root / "moved").unlink()
    after = await points.make("after")
    for name in ("both", "user", "made-then-edited", "users-own"):
        (root / name).write_bytes(b"by the user")
    restored = await points.unwind([(before.id, after.id)])
    assert restored.files == ("agent", "made", "moved")
    assert restored.refused == ("both", "made-then-edited")
    assert {path: seen[2] for path, seen in look(root).items()} == {
        "agent": b"old",
        "moved": b"old",
        "both": b"by the user",
        "user": b"by the user",
        "users-own": b"by the user",
        "made-then-edited": b"by the user",
    }


async def test_a_file_that_shrank_under_the_limit_is_not_deleted(
    root: Path, tmp_path: Path
) -> None:
    points = checkpoints(root, tmp_path / "state", Limits(file_bytes=100))
    (root / "log").write_bytes(bytes(200))
    before = await points.make("before")
    (root / "log").write_bytes(b"short")
    assert (await points.restore(before.id)).refused == ("log",)
    assert (root / "log").read_bytes() == b"short"


async def test_nothing_is_written_or_removed_through_a_link(
    root: Path, points: Checkpoints, tmp_path: Path
) -> None:
    (root / "src").mkdir()
    (root / "src" / "a").write_bytes(b"mine")
    (root / "src" / "gone").write_bytes(b"mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"not yours")
    before = await points.make("before")
    (root / "src" / "gone").unlink()
    after = await points.make("after")
    (root / "src" / "a").unlink()
    (root / "src").rmdir()
    (root / "src").symlink_to(outside)
    kept = look(outside, times=True)

    assert (await points.unwind([(before.id, after.id)])).refused == ("src/gone",)
    assert look(outside, times=True) == kept
    assert (await points.restore(before.id)).refused == ()
    assert look(outside, times=True) == kept
    assert (root / "src" / "a").read_bytes() == b"mine"
    assert not (root / "src").is_symlink()


async def test_a_folder_gives_way_to_a_file_only_when_nothing_unsaved_is_in_it(
    root: Path, points: Checkpoints
) -> None:
    (root / "thing").write_bytes(b"file")
    before = await points.make("before")
    (root / "thing").unlink()
    (root / "thing" / "node_modules").mkdir(parents=True)
    (root / "thing" / "node_modules" / "x.js").write_bytes(b"x")
    assert (await points.restore(before.id)).refused == ("thing",)
    assert (root / "thing" / "node_modules" / "x.js").read_bytes() == b"x"


async def test_a_diff_is_what_git_would_show(root: Path, points: Checkpoints) -> None:
    build(root, {"a b": ("file", 0o644, b"1\n"), "x": ("file", 0o644, b"same\n")})
    before = await points.make("before")
    (root / "a b").write_bytes(b"2\n")
    (root / "x").chmod(0o755)
    (root / "left by a tool").mkdir()  # no file changed by that
    after = await points.make("after")
    assert await points.diff(before.id, after.id) == (
        "diff --git a/a b b/a b\nindex d00491f..0cfbf08 100644\n--- a/a b\t\n+++ b/a b\t\n"
        "@@ -1 +1 @@\n-1\n+2\ndiff --git a/x b/x\nold mode 100644\nnew mode 100755\n"
    )
    assert await points.changed(before.id, after.id) == ["a b", "x"]


async def test_only_the_newest_are_kept(root: Path, tmp_path: Path) -> None:
    points = checkpoints(root, tmp_path / "state", Limits(checkpoints=50))
    made = []
    for number in range(66):
        (root / "a").write_bytes(b"%d" % number)
        made.append(await points.make(str(number)))
    kept = await points.ids()
    assert kept == [one.id for one in made[-len(kept) :]]
    assert 50 <= len(kept) < 60
    assert len([*points.path.glob("objects/pack/*.pack")]) < 10
    git(tmp_path, f"--git-dir={points.path}", "fsck", "--full", "--strict")
    await points.restore(kept[0])
    assert (root / "a").read_bytes() == b"%d" % made.index(next(m for m in made if m.id == kept[0]))
    with pytest.raises(Failed, match="no such checkpoint"):
        await points.restore(made[0].id)


async def test_without_git_one_line_says_what_to_do(root: Path, tmp_path: Path) -> None:
    points = Checkpoints(root, UNCONTAINED, state=tmp_path / "state", programs="/nowhere")
    with pytest.raises(Failed, match="checkpoints need git") as raised:
        await points.make("before")
    assert "install git" in raised.value.hint


async def test_a_damaged_store_is_told_and_the_tree_left_alone(
    root: Path, points: Checkpoints
) -> None:
    (root / "a").write_bytes(b"1")
    one = await points.make("before")
    (root / "a").write_bytes(b"2")
    await points.make("after")
    for pack in points.path.glob("objects/pack/*"):
        pack.chmod(0o600)
        pack.write_bytes(b"garbage")
    with pytest.raises(Failed, match="checkpoints"):
        await points.restore(one.id)
    assert look(root) == {"a": ("file", (root / "a").stat().st_mode & 0o777, b"2")}


MAKE = """
import asyncio, sys
from pathlib import Path
from trees import checkpoints
points = checkpoints(Path(sys.argv[1]), Path(sys.argv[2]))
print("started", flush=True)
asyncio.run(points.make("in a process"))
"""
RESTORE = MAKE.replace('points.make("in a process")', "points.restore(sys.argv[3])")


async def test_a_kill_while_one_is_made_leaves_the_older_ones(
    root: Path, points: Checkpoints, tmp_path: Path
) -> None:
    (root / "a").write_bytes(b"first")
    first, whole = await points.make("first"), look(root)
    chance = random.Random(7)
    for attempt in range(5):
        for number in range(300):
            (root / f"f{number}").write_bytes(chance.randbytes(10_000))
        process = drive(MAKE, root, tmp_path / "state")
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        await asyncio.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        await points.extract(first.id, tmp_path / f"out{attempt}")
        assert look(tmp_path / f"out{attempt}") == whole
    await points.make("after the kills")
    assert [*points.path.rglob("*tmp*"), *points.path.glob("fast_import_crash*")] == []
    git(tmp_path, f"--git-dir={points.path}", "fsck", "--full", "--strict")


async def test_a_killed_restore_can_be_done_again(
    root: Path, points: Checkpoints, tmp_path: Path
) -> None:
    for number in range(500):
        (root / f"f{number}").write_bytes(b"%d" % number)
    before, whole = await points.make("before"), look(root)
    chance = random.Random(11)
    for _ in range(4):
        for number in range(500):
            (root / f"f{number}").write_bytes(b"changed")
        after = await points.make("after")
        process = drive(RESTORE, root, tmp_path / "state", before.id)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        await asyncio.sleep(chance.uniform(0.05, 0.35))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        restored = await points.unwind([(before.id, after.id)])
        assert restored.refused == ()
        assert look(root) == whole


async def test_two_processes_make_them_at_once(
    root: Path, points: Checkpoints, tmp_path: Path
) -> None:
    for number in range(300):
        (root / f"f{number}").write_bytes(b"%d" % number)
    running = [drive(MAKE, root, tmp_path / "state") for _ in range(3)]
    (root / "late").write_bytes(b"late")
    await asyncio.gather(points.make("here"), points.make("here too"))
    for process in running:
        process.communicate()
        assert process.returncode == 0
    for checkpoint in await points.ids():
        await points.extract(checkpoint, tmp_path / checkpoint)
        assert len(look(tmp_path / checkpoint)) in (300, 301)
    git(tmp_path, f"--git-dir={points.path}", "fsck", "--full", "--strict")


async def test_a_cancelled_make_frees_the_store(root: Path, points: Checkpoints) -> None:
    for number in range(2000):
        (root / f"f{number}").write_bytes(b"%d" % number)
    making = asyncio.create_task(points.make("cancelled"))
    await asyncio.sleep(0.05)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert (await points.make("again")).files == 2000

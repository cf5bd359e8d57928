"""What a session changed, hunk by hunk, and taking one of them back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_desk import at_a_desk
from trees import look

from agent.desk import Desk
from agent.errors import Blocked, Failed
from agent.events import Rewound
from agent.log import read
from agent.place import Place
from agent.review import Review
from agent.undo import redo, undo
from tests.support import put
from tools.base import ToolCall

LINES = "".join(f"line {number}\n" for number in range(1, 41))
CHANGED = LINES.replace("line 3\n", "line three\n").replace("line 30\n", "line thirty\nand more\n")


@contextlib.asynccontextmanager
async def begun(root: Path) -> AsyncIterator[Desk]:
    """A desk whose session has made its first checkpoint, as before any change."""
    async with at_a_desk(root) as (desk, _):
        call = ToolCall(
            id=desk.next_command_id(), name="shell", arguments={"command": "python3 -c pass"}
        )
        await desk.command(call)
        yield desk


def told(review: Review) -> list[tuple[str, ...]]:
    return [
        (file.path, file.kind, *(hunk.about or f"+{hunk.come} -{hunk.gone}" for hunk in file.hunks))
        for file in review.files
    ]


async def test_where_no_checkpoint_was_made_nothing_changed(tmp_path: Path) -> None:
    async with at_a_desk(put(tmp_path / "work", {"a": "1"})) as (desk, _):
        assert (await Review.of(desk)).files == ()


async def test_every_kind_of_change_is_told(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": LINES, "b": b"\0\1", "gone": "1\n", "m": "", "l": "x\n"})
    root.joinpath("moved from").write_text(LINES)
    before = look(root)
    async with begun(root) as desk:
        put(root, {"a": CHANGED, "b": b"\0\2\3", "new/c": "1\n2", "new/empty": ""})
        (root / "gone").unlink()
        (root / "m").chmod(0o700)
        (root / "l").unlink()
        (root / "l").symlink_to("a")
        (root / "moved from").rename(root / "moved to")
        review = await Review.of(desk)
        assert told(review) == [
            ("a", "changed", "+1 -1", "+2 -1"),
            ("b", "changed", "binary: 3 bytes, was 2"),
            ("gone", "deleted", "+0 -1"),
            ("l", "changed", "was a file, is a link"),
            ("m", "changed", "mode 644 → 700"),
            ("moved from", "deleted", "+0 -40"),
            ("moved to", "created", "+40 -0"),
            ("new/c", "created", "+2 -0"),
            ("new/empty", "created", "empty"),
        ]
        assert [file.moved for file in review.files if file.moved] == ["moved to", "moved from"]
        assert review.files[0].hunks[0].text.startswith("@@ -1,6 +1,6 @@\n line 1\n")
        for file in reversed(review.files):
            await review.revert(file)
        assert look(root) == before


async def test_one_hunk_goes_back_and_the_others_stay(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": LINES, "b": "1"})
    async with begun(root) as desk:
        put(root, {"a": CHANGED, "b": "2"})
        (root / "a").chmod(0o600)
        review = await Review.of(desk)
        mode, first, second = review.files[0].hunks
        await review.revert(first)
        assert (root / "a").read_text() == CHANGED.replace("line three\n", "line 3\n")
        assert (root / "a").stat().st_mode & 0o777 == 0o600
        assert [review.state(each) for each in (mode, first, second)] == [
            "open",
            "reverted",
            "open",
        ]
        review.accept(review.files[0])
        assert review.state(first) == "reverted"
        assert review.state(second) == "accepted"
        await review.revert(second)
        await review.revert(mode)
        assert (root / "a").read_text() == LINES
        assert (root / "a").stat().st_mode & 0o777 == 0o644
        assert (root / "b").read_text() == "2"
        log = read(desk.talk.session.log_path).events
        assert [each.files for each in log if isinstance(each, Rewound)] == [("a",)] * 3


async def test_endings_and_bytes_of_an_old_encoding_survive(tmp_path: Path) -> None:
    old = LINES.replace("\n", "\r\n").encode() + "sch\u00f6n".encode("latin-1")
    root = put(tmp_path / "work", {"a": old})
    async with begun(root) as desk:
        new = old.replace(b"line 3\r\n", b"three\r\n").removesuffix("\u00f6n".encode("latin-1"))
        put(root, {"a": new})
        review = await Review.of(desk)
        first, last = review.files[0].hunks
        assert "+three\n" in first.text
        assert "-sch\u00f6n\n\\ No newline" in last.text
        await review.revert(first)
        assert (root / "a").read_bytes() == new.replace(b"three", b"line 3")
        await review.revert(last)
        assert (root / "a").read_bytes() == old


async def test_a_file_that_changed_since_is_left_alone(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": LINES, "b": "1"})
    async with begun(root) as desk:
        put(root, {"a": CHANGED, "b": "2"})
        review = await Review.of(desk)
        put(root, {"a": CHANGED + "the user's\n"})
        with pytest.raises(Failed, match="changed since it was shown: a"):
            await review.revert(review.files[0].hunks[0])
        assert (root / "a").read_text() == CHANGED + "the user's\n"
        assert review.state(review.files[0].hunks[0]) == "open"
        await review.revert(review.files[1])
        assert (root / "b").read_text() == "1"


async def test_a_name_that_is_free_again_is_not_written_over(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": "1", "d/b": "1"})
    async with begun(root) as desk:
        shutil.rmtree(root / "d")
        (root / "a").unlink()
        put(root, {"a/new": "1"})
        review = await Review.of(desk)
        a, new, b = review.files
        with pytest.raises(Failed, match="in the way of a: a/new"):
            await review.revert(a)
        await review.revert(new)
        await review.revert(a)
        put(root, {"d/b": "theirs"})
        with pytest.raises(Failed, match="changed since"):
            await review.revert(b)
        assert ((root / "a").read_text(), (root / "d/b").read_text()) == ("1", "theirs")


async def test_what_was_taken_back_can_be_undone_and_done_again(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": LINES})
    async with begun(root) as desk:
        put(root, {"a": CHANGED, "new": "1"})
        after = look(root)
        review = await Review.of(desk)
        await review.revert(review.files[0].hunks[1])
        half = look(root)
        await review.revert(review.files[1])
        assert (await undo(desk.checkpoints())).files == ("new",)
        assert look(root) == half
        assert (await undo(desk.checkpoints())).files == ("a",)
        assert look(root) == after
        await redo(desk.checkpoints())
        assert look(root) == half


async def test_two_sessions_do_not_change_files_at_once(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": "1"})
    async with begun(root) as desk:
        put(root, {"a": "2"})
        review = await Review.of(desk)
        desk.talk.place.leave()
        other = Place(root.resolve(), "another")
        other.take()
        with pytest.raises(Blocked, match="another session changes files here"):
            await review.revert(review.files[0])
        other.leave()
        assert (root / "a").read_text() == "2"


async def test_names_of_any_kind_are_found(tmp_path: Path) -> None:
    names = ("new\nline", 'quo"te', " b/x", "tab\t", os.fsdecode(b"latin\xe9"), "a b/c", "--- a")
    root = put(tmp_path / "work", dict.fromkeys(names, "1\n"))
    before = look(root)
    async with begun(root) as desk:
        put(root, dict.fromkeys(names, "diff --git a/x b/x\n@@ -1 +1 @@\n"))
        review = await Review.of(desk)
        assert [each.come for each in review.files] == [2] * len(names)
        for file in review.files:
            await review.revert(file)
        assert look(root) == before


# -- any changes, in any order

_LINES = st.lists(st.sampled_from(["a", "b", "c", "", "d\r", "\u00e4"]), max_size=30)
_TEXT = st.tuples(_LINES, st.booleans()).map(
    lambda drawn: ("\n".join(drawn[0]) + ("\n" if drawn[1] else "")).encode()
)
_CONTENT = st.one_of(_TEXT, st.sampled_from([b"", b"\0\1", b"\xff\xfe\0", b"\xe4\n" * 9]))
_FILES = st.dictionaries(
    st.sampled_from(["a", "b", "d/e", "d/f/g", "h i"]),
    st.tuples(_CONTENT, st.sampled_from([0o644, 0o755, 0o600, 0o444])),
    max_size=4,
)


def lay(root: Path, files: dict[str, tuple[bytes, int]]) -> None:
    for each in root.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    for name, (data, mode) in files.items():
        put(root, {name: data})
        (root / name).chmod(mode)


@settings(max_examples=15)
@given(_FILES, _FILES, st.integers(0, 99).map(random.Random))
def test_all_hunks_taken_back_in_any_order_give_the_tree_as_it_was(
    old: dict[str, tuple[bytes, int]], new: dict[str, tuple[bytes, int]], chance: random.Random
) -> None:
    async def go(top: Path) -> None:
        root = put(top / "work", {})
        lay(root, old)
        before = look(root)
        async with begun(root) as desk:
            assert desk.root == root
            lay(root, new)
            review = await Review.of(desk)
            hunks = [hunk for file in review.files for hunk in file.hunks]
            chance.shuffle(hunks)
            for hunk in hunks:
                others = {path: it for path, it in look(root).items() if path != hunk.path}
                await review.revert(hunk)
                now = look(root)
                assert all(now[path] == it for path, it in others.items() if it[0] == "file")
            assert look(root) == before

    with tempfile.TemporaryDirectory() as top:  # in no repository: the session is to see only this
        asyncio.run(go(Path(top).resolve()))

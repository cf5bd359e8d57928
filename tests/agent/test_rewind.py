"""Going back to before a turn or a step: the files, the conversation, or both."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Ended, agent, picture, put, script
from trees import checkpoints

from agent import log
from agent.events import ToolRequested, TurnStarted
from agent.place import Place
from agent.sessions import kept
from agent.undo import Turns, TurnSpan, redo, rewind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.txt": "0", "b.txt": "0"})


def write(name: str, text: str) -> dict[str, Any]:
    return {"write": {"path": name, "content": text}}


def shell(command: str) -> dict[str, Any]:
    return {"shell": {"command": command}}


def turn(root: Path, *calls: dict[str, Any], words: tuple[str, ...] = ()) -> Ended:
    model = script(root.parent / "s.yaml", *({"calls": [call]} for call in calls), "Done.")
    ended = agent("run", "-m", model, "-p", "go", "--autonomy", "run", *words, cwd=root)
    assert ended.code in (0, 3), ended
    return ended


def back(root: Path, *words: str, code: int = 0) -> Ended:
    ended = agent("rewind", *words, cwd=root)
    assert ended.code == code, ended
    return ended


def files(root: Path) -> tuple[str, ...]:
    return tuple(path.read_text() for path in sorted(root.glob("*.txt")))


def two_turns(root: Path) -> None:
    edit = {"edit": {"path": "c.txt", "old": "1", "new": "2"}}
    turn(root, write("c.txt", "1"), edit, shell("printf 3 >b.txt"))
    turn(root, shell("printf 4 >a.txt"), words=("-c",))


def test_the_files_of_any_step_come_back_and_go_again(root: Path) -> None:
    two_turns(root)
    after = picture(root)
    back(root, "1.2", "--files")
    assert files(root) == ("0", "0", "1")
    assert agent("undo", "--redo", cwd=root).code == 0
    assert picture(root) == after
    back(root, "1.3", "--files")
    assert files(root) == ("0", "0", "2")
    back(root, "1", "--files")  # what is left of a turn can go too
    assert files(root) == ("0", "0")
    for _ in range(2):
        assert agent("undo", "--redo", cwd=root).code == 0
    assert picture(root) == after


def test_a_preview_changes_nothing(root: Path) -> None:
    two_turns(root)
    before = picture(root)
    said = back(root, "1.2", "--preview")
    assert said.out.splitlines() == [
        "would go back: a.txt", "would go back: b.txt", "would go back: c.txt",
    ]  # fmt: skip
    assert (picture(root), len(kept(root))) == (before, 1)


def test_the_conversation_goes_on_from_there_in_a_copy(root: Path) -> None:
    two_turns(root)
    (old,) = kept(root)
    said = back(root, "2", "--talk")
    assert files(root)[0] == "4", "the files stay"
    (new,) = (each for each in kept(root) if each.id != old.id)
    assert f"agent run -r {new.id}" in said.err
    turn(root, words=("-r", new.id))
    events = log.read(new.path).events
    assert len([each for each in events if isinstance(each, TurnStarted)]) == 2
    assert len([each for each in events if isinstance(each, ToolRequested)]) == 3


def test_a_fork_goes_back_to_before_its_beginning(root: Path) -> None:
    two_turns(root)
    turn(root, words=("-c", "--fork"))
    back(root, "1.2", "--files")
    assert files(root) == ("0", "0", "1")


@pytest.mark.parametrize(("at", "then"), [("1.2", ("0", "0", "2")), ("1", ("0", "3", "2"))])
def test_a_fork_puts_the_files_back_to_how_they_were_where_it_begins(
    root: Path, at: str, then: tuple[str, ...]
) -> None:
    two_turns(root)
    again = shell("printf 5 >c.txt")
    said = turn(root, again, words=("-c", "--fork", "--from", at))
    assert "the files stay as they are now" in said.err and "/rewind fork" in said.err
    assert files(root) == ("4", "3", "5")
    told = back(root, "fork")
    assert files(root) == then
    assert f"the conversation ends after {at}" in told.err
    back(root, "fork", code=2)  # it is the one that was forked that comes last now


def test_both_go_back_without_a_word_more(root: Path) -> None:
    two_turns(root)
    back(root, "2")
    assert (files(root)[0], len(kept(root))) == ("0", 2)


def test_what_the_user_changed_since_is_left_alone_and_told(root: Path) -> None:
    two_turns(root)
    (root / "b.txt").write_text("mine")
    said = back(root, "1", "--files", code=1)
    assert files(root) == ("0", "mine")
    assert "left alone, changed since: b.txt" in said.err


@pytest.mark.parametrize("to", ["9", "1.9", "x", "1.", "0", "-1", "²"])
def test_what_is_no_step_is_said(root: Path, to: str) -> None:
    two_turns(root)
    before = picture(root)
    ended = agent("rewind", to, cwd=root)
    assert (ended.code, len(ended.errors), picture(root)) == (2, 1, before)


@pytest.mark.behind_the_log  # a part of it is taken out
def test_nothing_is_counted_across_a_gap_in_the_log(root: Path) -> None:
    two_turns(root)
    before = picture(root)
    (session,) = kept(root)
    whole = session.path.read_bytes().splitlines(keepends=True)
    session.path.write_bytes(b"".join([*whole[:5], b"\0\0\0\n", *whole[6:]]))
    assert "is damaged" in back(root, "2", code=2).err
    model = script(root.parent / "s.yaml", "Done.")
    ended = agent("run", "-m", model, "-c", "--from", "1", "-p", "go", cwd=root)
    assert (ended.code, "is damaged" in ended.err) == (2, True)
    assert (picture(root), len(kept(root))) == (before, 1)


def test_nobody_goes_back_under_a_session_at_work(root: Path) -> None:
    two_turns(root)
    place = Place(root, "other")
    place.take()
    try:
        for words in (("undo",), ("undo", "--redo"), ("rewind", "1")):
            assert agent(*words, cwd=root).code == 4
    finally:
        place.leave()


_EDITS = st.lists(
    st.tuples(st.sampled_from(("turn", "user")), st.sampled_from("abc"), st.integers(0, 2)),
    max_size=8,
)


@given(_EDITS, st.integers(0, 7))
def test_going_back_never_overwrites_what_the_user_made(
    edits: list[tuple[str, str, int]], to: int
) -> None:
    """Content 0 removes a file. A model of it keeps, for each file, who changed it and in order."""
    top = Path(tempfile.mkdtemp())
    try:
        asyncio.run(_go_through(top, edits, to))
    finally:
        shutil.rmtree(top)


async def _go_through(top: Path, edits: list[tuple[str, str, int]], to: int) -> None:
    work = top / "work"
    work.mkdir()
    points = checkpoints(work, top / "state")
    turns = Turns(points.path)
    history: dict[str, list[tuple[str, int, int]]] = {name: [("user", 0, 0)] for name in "abc"}
    spans = []
    for number, (who, name, content) in enumerate(edits, 1):
        before = (await points.make("before")).id if who == "turn" else ""
        path = work / name
        path.write_text(str(content)) if content else path.unlink(missing_ok=True)
        changes = history[name]
        if who == "user" and changes[-1][0] == "user" and len(changes) > 1:
            changes.pop()  # nobody saw what was between
        if changes[-1][1] != content:
            changes.append((who, content, number))
        if who == "turn":
            after = (await points.make("after")).id
            spans.append(TurnSpan("session", number, before, after))
            if before != after:
                turns.record(spans[-1])
    recorded = [span for span in spans if span.before != span.after]
    if not recorded:
        return
    first = recorded[to % len(recorded)]
    now = {name: _content(work / name) for name in "abc"}
    wanted = {}
    for name, changes in history.items():
        rest = list(changes)
        while rest[-1][0] == "turn" and rest[-1][2] >= first.turn:
            rest.pop()
        wanted[name] = rest[-1][1]
    await rewind(points, first)
    assert {name: _content(work / name) for name in "abc"} == wanted
    if wanted != now:
        await redo(points)
        assert {name: _content(work / name) for name in "abc"} == now


def _content(path: Path) -> int:
    return int(path.read_text()) if path.exists() else 0

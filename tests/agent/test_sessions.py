from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import UsageError
from agent.sessions import Kept, find, folder, kept, rename

HERE, THERE = Path("/work/here"), Path("/work/there")
Keep = Callable[..., Path]


@pytest.fixture
def keep(home: Path) -> Keep:
    """Put a log there, by default of this workspace; `used` is when it was last written."""

    def put(session_id: str, root: Path = HERE, used: int = 1) -> Path:
        path = folder(root) / f"{session_id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        os.utime(path, (used, used))
        return path

    return put


@pytest.fixture
def some(keep: Keep) -> None:
    keep("20260101-000000-aaaaaa", used=30)
    keep("20260101-000001-bbbbbb", used=10)
    keep("20260202-000000-cccccc", used=20)
    keep("20260303-000000-dddddd", THERE, used=40)


def test_the_last_used_comes_first(some: None) -> None:
    assert [each.id[-1] for each in kept(HERE)] == ["a", "c", "b"]
    assert [each.id[-1] for each in kept(None)] == ["d", "a", "c", "b"]
    assert kept(Path("/work/nowhere")) == []


def test_what_is_no_log_is_no_session(keep: Keep, home: Path) -> None:
    path = keep("20260101-000000-aaaaaa")
    (path.parent / "x.name").write_text("x")
    (path.parent / "link.jsonl").symlink_to(path)
    (path.parent / "folder.jsonl").mkdir()
    assert [each.path for each in kept(HERE)] == [path]


@pytest.mark.parametrize(
    ("word", "last"),
    [
        ("last", "a"),
        ("20260101-000001-bbbbbb", "b"),
        ("20260202", "c"),
        ("bbbbbb", "b"),
        ("20260303", "d"),  # none of this workspace begins so
        ("dddddd", "d"),
    ],
)
def test_a_session_is_found_by_what_people_type(some: None, word: str, last: str) -> None:
    assert find(word, HERE).id[-1] == last


def test_a_session_is_found_by_the_path_of_its_log(some: None) -> None:
    path = folder(THERE) / "20260303-000000-dddddd.jsonl"
    assert find(str(path), HERE).path == path
    with pytest.raises(UsageError, match="cannot read the session"):
        find(str(path) + "l", HERE)


def test_a_word_that_could_be_several_names_them(some: None) -> None:
    with pytest.raises(UsageError, match=r"20260101 could be 2 sessions: .*aaaaaa, .*bbbbbb"):
        find("20260101", HERE)
    with pytest.raises(UsageError, match=r"2026 could be 4 sessions: .* and 1 more"):
        find("2026", None)


@pytest.mark.parametrize("word", ["nothing", "", "0101", "bbb", "*"])
def test_a_word_that_is_none_is_one_line_with_a_hint(some: None, word: str) -> None:
    with pytest.raises(UsageError, match="no such session") as caught:
        find(word, HERE)
    assert caught.value.hint == "agent sessions list --all"


def test_the_last_session_is_of_this_workspace_only(keep: Keep) -> None:
    keep("20260303-000000-dddddd", THERE)
    with pytest.raises(UsageError, match="no session here"):
        find("last", HERE)
    assert find("last", None).id == "20260303-000000-dddddd"


def test_a_name_counts_before_the_beginning_of_an_id(some: None) -> None:
    rename(find("bbbbbb", HERE), "2026")
    assert find("2026", HERE).id[-1] == "b"
    assert find("bbbbbb", HERE).name == "2026"
    rename(find("2026", HERE), "")
    assert find("bbbbbb", HERE).name == ""


def test_a_name_is_given_once_in_a_workspace(some: None) -> None:
    rename(find("bbbbbb", HERE), "parser")
    rename(find("bbbbbb", HERE), " parser ")  # its own
    rename(find("dddddd", HERE), "parser")  # of another workspace
    with pytest.raises(UsageError, match="bbbbbb is called parser already"):
        rename(find("aaaaaa", HERE), "parser")
    assert find("parser", HERE).id[-1] == "b"
    assert find("parser", THERE).id[-1] == "d"


@pytest.mark.parametrize("name", ["last", "a/b", "x" * 61, "a\x1b[2J"])
def test_a_name_that_could_not_be_typed_is_refused(some: None, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        rename(find("aaaaaa", HERE), name)


def test_a_session_knows_its_workspace(some: None) -> None:
    assert find("aaaaaa", HERE).belongs(HERE)
    assert not find("dddddd", HERE).belongs(HERE)
    assert Kept(Path("/x/y.jsonl"), 0).name == ""

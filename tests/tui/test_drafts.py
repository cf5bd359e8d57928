from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sessions import folder, kept
from tui.drafts import KEPT, SLACK, Drafts
from tui.recall import Recall

PROJECT = Path(__file__).parents[2]


def drafts(root: Path) -> Drafts:
    return Drafts(root, lambda text: text.replace("hunter22", "[redacted]"))


def test_prompts_come_back_in_order_without_the_same_twice_in_a_row(tmp_path: Path) -> None:
    first = drafts(tmp_path)
    for text in ("one", "two", "two", "one", "", "key is hunter22"):
        assert first.add(text) == ""
    second = drafts(tmp_path)
    assert second.history() == ["one", "two", "one", "key is [redacted]"]
    second.add("key is hunter22")
    assert len(drafts(tmp_path).history()) == 4


def test_only_the_user_may_read_them_and_they_are_no_session(tmp_path: Path) -> None:
    ours = drafts(tmp_path)
    ours.add("one")
    ours.keep("two", [])
    place = folder(tmp_path) / "prompts"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()}
    assert modes == {"history.jsonl": 0o600, "draft.json": 0o600}
    assert kept(tmp_path) == []


def test_another_workspace_has_its_own(tmp_path: Path) -> None:
    drafts(tmp_path).add("one")
    assert drafts(tmp_path.parent).history() == []


def test_at_most_so_many_are_kept(tmp_path: Path) -> None:
    ours = drafts(tmp_path)
    for number in range(KEPT + SLACK + 10):
        ours.add(f"prompt {number}")
    found = drafts(tmp_path).history()
    assert len(found) == KEPT
    assert found[-1] == f"prompt {KEPT + SLACK + 9}"
    lines = (folder(tmp_path) / "prompts" / "history.jsonl").read_bytes().count(b"\n")
    assert lines <= KEPT + SLACK


def test_huge_prompts_push_the_oldest_out(tmp_path: Path) -> None:
    ours = drafts(tmp_path)
    for number in range(9):
        ours.add(f"{number}" * 700_000)
    path = folder(tmp_path) / "prompts" / "history.jsonl"
    assert path.stat().st_size < 5_000_000
    assert drafts(tmp_path).history()[-1] == "8" * 700_000


def test_broken_lines_are_passed_over_and_a_torn_one_spoils_no_other(tmp_path: Path) -> None:
    ours = drafts(tmp_path)
    ours.add("one")
    path = folder(tmp_path) / "prompts" / "history.jsonl"
    torn = b'[1]\n{"prompt": 3}\nnull\n\xff\xfe\n' + b"[" * 5000 + b'\n{"prompt": "tor'
    path.write_bytes(path.read_bytes() + torn)
    again = drafts(tmp_path)
    assert again.history() == ["one"]
    again.add("two")
    assert drafts(tmp_path).history() == ["one", "two"]


def test_several_processes_may_append_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tui.drafts import Drafts\n"
        "ours = Drafts(Path(sys.argv[1]), str)\n"
        "for number in range(700): ours.add(f'{sys.argv[2]} {number}')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=PROJECT)
        for name in "ab"
    ]
    assert [each.wait(60) for each in running] == [0, 0]
    found = drafts(tmp_path).history()
    assert len(found) == KEPT
    for name in "ab":
        own = [int(text[2:]) for text in found if text.startswith(name)]
        assert own == list(range(700 - len(own), 700))


def test_a_draft_and_its_queue_are_kept_until_there_is_none(tmp_path: Path) -> None:
    ours = drafts(tmp_path)
    assert ours.kept() == ("", [])
    ours.keep("half a thought with hunter22", ["next", "then"])
    assert drafts(tmp_path).kept() == ("half a thought with [redacted]", ["next", "then"])
    ours.keep("", ["next"])
    assert drafts(tmp_path).kept() == ("", ["next"])
    ours.keep("", [])
    assert list((folder(tmp_path) / "prompts").iterdir()) == []
    ours.keep("", [])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"draft": 1, "queued": []}', '{"draft": ""}'])
def test_a_broken_draft_counts_as_none(tmp_path: Path, text: str) -> None:
    ours = drafts(tmp_path)
    ours.keep("x", [])
    (folder(tmp_path) / "prompts" / "draft.json").write_text(text)
    assert ours.kept() == ("", [])


def test_a_disk_that_fails_is_told_once(tmp_path: Path) -> None:
    place = folder(tmp_path)
    place.parent.mkdir(parents=True)
    place.write_text("a file where the folder would be")
    ours = drafts(tmp_path)
    assert ours.history() == [] and ours.kept() == ("", [])
    assert ours.add("one") == "what you type is not kept: Not a directory"
    assert ours.add("two") == "" and ours.keep("three", []) == ""


@given(st.lists(st.text(min_size=1)))
def test_any_prompts_come_back_as_they_were(prompts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as root:
        ours = Drafts(Path(root), str)
        for text in prompts:
            ours.add(text)
        apart = [text for at, text in enumerate(prompts) if prompts[at - 1 : at] != [text]]
        assert Drafts(Path(root), str).history() == apart
        ours.keep(prompts[0] if prompts else "", prompts)
        assert Drafts(Path(root), str).kept() == (prompts[0] if prompts else "", prompts)


@given(st.lists(st.text("ab", min_size=1, max_size=3)), st.text("ab", max_size=2))
def test_a_walk_meets_what_begins_so_and_ends_at_what_was_typed(
    entries: list[str], typed: str
) -> None:
    recall = Recall(entries)
    met = [typed]
    while (text := recall.older(met[-1])) is not None:
        met.append(text)
    expected = [each for each in reversed(entries) if each.startswith(typed)]
    apart = [each for at, each in enumerate(expected) if each != ([typed, *expected])[at]]
    assert met[1:] == apart
    back = [met[-1]]
    while (text := recall.newer(back[-1])) is not None:
        back.append(text)
    assert back[-1] == typed


def test_a_search_finds_every_word_the_newest_first_and_each_once() -> None:
    recall = Recall(["Fix the price", "add", "fix price", "add", "fix it"])
    assert recall.search("price fix") == ["fix price", "Fix the price"]
    assert recall.search("") == ["fix it", "add", "fix price", "Fix the price"]
    assert recall.search("", most=1) == ["fix it"]

"""What a face does for instructions: `/init`, and the lessons that a user keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.context.lessons import DROPPED, KEPT
from agent.events import TurnStarted
from agent.log import read
from agent.policy import Autonomy
from agent.remembered import lessons_path
from tests.support import AGENT, put, script
from tests.tui.live import live
from tests.tui.terminal import terminal

TOKEN = "ghp_" + "a1B2" * 9
WRITE = {"calls": [{"write": {"path": "AGENTS.md", "content": "# Shop\n\nUse tabs.\n"}}]}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "shop", {"README.md": "A shop.\n", "shop/a.py": "x = 1\n"})


def turns(log: Path) -> list[TurnStarted]:
    return [each for each in read(log).events if isinstance(each, TurnStarted)]


async def test_the_model_writes_it_behind_what_was_found_and_it_can_be_undone(work: Path) -> None:
    async with live(work, WRITE, "Written.", level=Autonomy.EDIT) as at:
        await at.say("/init Say it in short.")
        await at.until("Written.")
        await at.rest()
        assert (work / "AGENTS.md").read_text() == "# Shop\n\nUse tabs.\n"
        desk = at.app.work.desk
        assert desk is not None
        (turn,) = turns(desk.talk.session.log_path)
        assert turn.prompt.startswith("Write AGENTS.md") and turn.prompt.endswith("in short.")
        # not what the words of the prompt may be about, which a local model is shown else
        assert turn.context.startswith("What the repository shows of itself")
        assert turn.context.endswith("- `shop/`: Python")
        await at.say("/undo")
        await at.until("went back: 1 file")
        assert not (work / "AGENTS.md").exists()


async def test_it_is_asked_about_where_edits_are(work: Path) -> None:
    async with live(work, WRITE, "Not written.", level=Autonomy.ASK) as at:
        await at.say("/init")
        await at.until("Use tabs.")
        await at.answer("n", "enter")
        await at.until("Not written.")
        assert not (work / "AGENTS.md").exists()


async def test_a_lesson_is_kept_told_behind_the_next_prompt_and_listed(work: Path) -> None:
    async with live(work, "One.", "Two.", "Three.", level=Autonomy.EDIT) as at:
        await at.say("/remember use  tabs,\nnever spaces")
        await at.until("kept: use tabs, never spaces")
        for word, answer in (("one", "One."), ("two", "Two.")):
            await at.say(word)
            await at.until(answer)
            await at.rest()
        await at.say("/lessons")
        await at.until("1. use tabs, never spaces")
        await at.say("/lessons forget 1")
        await at.until("forgotten: use tabs, never spaces")
        await at.say("/lessons")
        await at.until("no lessons are kept")
        await at.say("three")
        await at.until("Three.")
        desk = at.app.work.desk
        assert desk is not None
        contexts = [each.context for each in turns(desk.talk.session.log_path)]
    lesson = "- use tabs, never spaces"
    assert contexts == [f"{KEPT}\n{lesson}", "", f"{DROPPED}\n{lesson}"]


async def test_what_cannot_be_a_lesson_is_said(work: Path) -> None:
    async with live(work, level=Autonomy.EDIT) as at:
        for typed, said in (
            ("/remember", "/remember needs a word"),
            (f"/remember {TOKEN}", "not kept: it holds a secret"),
            ("/lessons forget 2", "there is no lesson 2"),
            ("/lessons all", "not understood: /lessons all"),
        ):
            at.app.main.prompt.clear()
            await at.say(typed)
            await at.until(said)
    assert not lessons_path().exists()


def test_in_lines_they_are_the_same_commands(work: Path) -> None:
    model = script(work.parent / "m.yaml", WRITE, "Written.")
    with terminal([AGENT, "--plain", "-m", model, "--autonomy", "edit"], work) as at:
        at.wait(lambda text: text.endswith(">"))
        at.type("/remember use tabs\r")
        at.wait("kept: use tabs")
        at.type("/lessons\r")
        at.wait("1. use tabs")
        at.type("/init\r")
        at.wait("Written.")
        at.type("/quit\r")
        assert at.end() == 0
    assert (work / "AGENTS.md").read_text() == "# Shop\n\nUse tabs.\n"


async def test_what_is_told_to_the_model_is_shown_in_a_line_each_with_its_cost(work: Path) -> None:
    put(work, {"AGENTS.md": "Use tabs.\n", "shop/CLAUDE.md": "Prices are cents.\n"})
    look = {"calls": [{"read": {"path": "shop/a.py"}}]}
    async with live(work, look, "Looked.", level=Autonomy.EDIT) as at:
        await at.until("· AGENTS.md: 9 tokens")
        await at.say("look")
        await at.until("Looked.")
        assert re.search(r"▸ told to the model: shop/CLAUDE\.md: [23]\d tokens", at.screen)

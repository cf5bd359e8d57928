"""The session on the screen: back and forward in it, another model, another session."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from agent.job import Job
from agent.policy import Autonomy
from agent.resumption import Resume
from tests.support import script
from tests.tui.live import Live, live
from tests.tui.wrong_sum import BROKEN, EDIT, MENDED, SLOW, calc
from tui.app import Wisp
from tui.screens.models import Models


async def test_undo_and_redo(work: Path) -> None:
    async with live(work, EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
        await at.say("/undo")
        await at.until("/redo takes this back")
        assert calc(work) == BROKEN
        await at.say("/redo")
        await at.until("/undo takes this back")
        assert calc(work) == MENDED


async def test_back_to_before_a_turn(work: Path) -> None:
    async with live(work, "First.", EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("say first")
        await at.rest()
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
        await at.say("/rewind 2")
        await at.until(lambda: calc(work) == BROKEN)
        await at.until("resumed")
        await at.rest()
        assert "First." in at.screen and "I mend it." not in at.screen
        assert at.app.main.prompt.value == "mend it"  # to be said in another way


async def test_a_fork_shows_what_was_until_there_and_puts_the_files_back(work: Path) -> None:
    async with live(work, "First.", EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("say first")
        await at.rest()
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
    async with live(work, "Again.", resume=Resume("last", at="1")) as at:
        await at.until("/rewind fork puts them back")
        assert "First." in at.screen and "I mend it." not in at.screen
        assert calc(work) == MENDED, "the files stay"
        await at.say("/rewind fork")
        await at.until(lambda: calc(work) == BROKEN)
        await at.until("/redo takes this back")
        await at.rest()
        assert "First." in at.screen
        await at.say("/redo")
        await at.until(lambda: calc(work) == MENDED)


async def test_another_model_goes_on_in_the_same_session(work: Path) -> None:
    async with live(work, "First.") as at:
        await at.say("say first")
        await at.rest()
        name = at.session
        other = script(work.parent / "other.yaml", "Second.")
        await at.say(f"/model {other}")
        await at.until("other.yaml")
        await at.rest()
        await at.say("say second")
        await at.until("Second.")
        assert at.session == name
        await at.say("/model scripted:nowhere.yaml")
        await at.until("✗ error: ")
        await at.say(f"/model {other}")
        await at.rest()


async def test_a_new_session_and_back_to_the_old_one(work: Path) -> None:
    async with live(work, "First.", "Second.") as at:
        await at.say("say first")
        await at.rest()
        name = at.session
        await at.say("/clear")
        await at.until(lambda: "First." not in at.screen)
        await at.rest()
        await at.say(f"/sessions {name}")
        await at.until("First.")


async def test_a_session_that_goes_on_shows_what_was_said(work: Path) -> None:
    async with live(work, EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
    async with live(work, "Again.", resume=Resume("last")) as at:
        await at.until("Done.")
        assert "resumed" in at.screen and "mend it" in at.screen
        await at.say("more")
        await at.until("Again.")


async def test_a_session_goes_on_with_its_own_model_wherever_it_is_opened_from(work: Path) -> None:
    async with live(work, "First.", EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("say first")
        await at.rest()
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
        model = at.app.work.job.settings.model
    async with live(work, model="qwen2.5-coder-1.5b", resume=Resume("last")) as at:
        await at.until("Done.")
        assert at.app.work.job.settings.model == model
        await at.say("/rewind 2")
        await at.until(lambda: calc(work) == BROKEN)
        await at.rest()


async def test_changes_in_a_worktree_are_told_at_the_end(work: Path) -> None:
    async with live(work, EDIT, "Done.", level=Autonomy.EDIT, worktree=True) as at:
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
        assert calc(work) == BROKEN
    where, hint = at.app.work.told()
    assert where.startswith("the changes are in ") and hint.startswith("hint: git apply")


@pytest.mark.parametrize("words", ["/clear", "/model other", "/sessions last"])
async def test_no_other_session_is_opened_over_a_turn_that_runs(work: Path, words: str) -> None:
    async with live(work, SLOW, level=Autonomy.RUN) as at:
        await at.say("wait")
        await at.until(lambda: at.app.work.doing is not None)
        await at.say(words)
        await at.until("a turn runs")
        assert at.app.work.doing is not None


@pytest.mark.parametrize("key", ["escape", "m"])
async def test_a_model_that_is_not_here_makes_room_for_another(work: Path, key: str) -> None:
    other = script(work.parent / "other.yaml", "Second.")
    app = Wisp(Job("run", "", Settings(), work))
    async with app.run_test(size=(100, 30)) as pilot:
        at = Live(app, pilot)
        await at.until("is not on this machine yet")
        await at.press(key)
        if key == "m":
            await at.until(lambda: isinstance(app.screen, Models))
            app.screen.dismiss((other, ""))
        else:
            await at.until("no session is open: /model chooses a model")
            assert "✗ error" in at.screen
            await at.say(f"/model {other}")
        await at.rest()
        await at.say("go on")
        await at.until("Second.")
        app.leave()

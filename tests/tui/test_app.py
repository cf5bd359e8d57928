"""The whole screen, driven by keys, with a scripted model."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from agent.job import Job
from agent.policy import Autonomy
from tests.support import UNITTEST
from tests.tui.live import Live, live
from tests.tui.wrong_sum import BROKEN, EDIT, MENDED, SLOW, calc
from tui.app import Wisp

ECHO = {"say": "I run it.", "calls": [{"shell": {"command": "echo hello"}}]}
PLAN = {
    "say": "A plan.",
    "calls": [{"plan": {"items": [{"text": "mend add"}, {"text": "add a test"}]}}],
}


async def test_a_question_is_answered(work: Path) -> None:
    async with live(work, "It adds.") as at:
        await at.say("what does it do?")
        await at.until("It adds.")
        await at.rest()
        assert "nothing left this machine" in at.screen


async def test_a_prompt_of_the_command_line_is_sent_at_once(work: Path) -> None:
    async with live(work, "It adds.", prompt="what does it do?") as at:
        await at.until("It adds.")


async def test_an_edit_is_approved(work: Path) -> None:
    async with live(work, EDIT, "Done.") as at:
        await at.say("mend it")
        await at.until("level ASK asks before EDIT")
        await at.answer("y")
        await at.until("Done.")
        assert calc(work) == MENDED
        assert "approved by you" in at.screen
        assert "not verified" in at.screen or "unverified" in at.screen


async def test_an_edit_is_refused_with_a_word(work: Path) -> None:
    async with live(work, EDIT, "As you like.") as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        await at.answer("n")
        await at.press(*"later", "enter")
        await at.until("As you like.")
        assert calc(work) == BROKEN
        assert "declined by you: later" in at.screen


async def test_a_command_is_edited_before_it_runs(work: Path) -> None:
    async with live(work, ECHO, "Done.", level=Autonomy.EDIT) as at:
        await at.say("run it")
        await at.until("─ asks ─")
        await at.answer("e")
        await at.press("end", *"2", "enter")
        await at.until("Done.")
        assert "echo hello2" in at.screen


async def test_a_rule_is_written_once_it_was_read(work: Path) -> None:
    async with live(work, ECHO, ECHO, "Done.", level=Autonomy.EDIT) as at:
        await at.say("run it")
        await at.until("─ asks ─")
        await at.answer("a")
        assert "shell: echo hello" in at.screen
        await at.press("a")
        await at.until("Done.")  # the second one is not asked about


async def test_the_slider_answers_what_waits(work: Path) -> None:
    async with live(work, EDIT, "Done.") as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        await at.press("shift+tab")
        await at.until("Done.")
        assert calc(work) == MENDED
        assert "[EDIT]" in at.screen and "approved by the slider" in at.screen


async def test_the_prompt_takes_text_while_an_approval_waits(work: Path) -> None:
    async with live(work, EDIT, "Done.") as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        at.app.main.prompt.focus()
        await at.press(*"yes or no")
        assert at.app.main.prompt.value == "yes or no"
        assert at.app.waiting.approvals
        await at.press("tab")
        assert at.app.focused is at.app.main.wanted.front


async def test_the_slider_goes_around_and_stops_at_its_ends(work: Path) -> None:
    async with live(work, level=Autonomy.FULL) as at:
        await at.press("shift+tab")
        assert "[OBSERVE]" in at.screen
        await at.press("alt+left")
        assert "[OBSERVE]" in at.screen
        await at.press("alt+right")
        assert "[ASK]" in at.screen
        await at.pilot.click("Slider", offset=(34, 0))
        await at.pilot.pause()
        assert "[FULL]" in at.screen


async def test_the_slider_is_where_it_was_left_in_this_folder(work: Path) -> None:
    from agent.remembered import level

    async with live(work) as at:
        await at.press("alt+right")
    assert level(work) is Autonomy.EDIT


async def test_the_knob_is_turned(work: Path) -> None:
    async with live(work, "Done.") as at:
        await at.press("alt+up", "alt+up", "alt+up")
        assert "●●●● 4" in at.screen
        await at.say("/effort 1")
        await at.until("●○○○ 1")


async def test_a_turn_is_stopped_and_what_was_queued_comes_back(work: Path) -> None:
    async with live(work, SLOW, "After.", level=Autonomy.RUN) as at:
        await at.say("wait")
        await at.until("sleep 60")
        await at.until(lambda: at.app.work.doing is not None)
        await at.say("and then this")
        await at.until("queued 1 · and then this")
        await at.press("escape")
        await at.rest()
        assert at.app.main.prompt.value == "and then this"
        await at.press("enter")
        await at.until("After.")


async def test_what_is_typed_ahead_joins_the_turn(work: Path) -> None:
    pause = {
        "say": "I run it.",
        "calls": [{"shell": {"command": "until [ -e go ]; do sleep 0.05; done"}}],
    }
    async with live(work, pause, "Both done.", level=Autonomy.RUN) as at:
        await at.say("run it")
        await at.until("until [ -e go ]")
        await at.say("this too")
        await at.until("queued 1 · this too")
        (work / "go").touch()
        await at.until("Both done.")
        assert "queued" not in at.screen
        assert "you   this too" in at.screen


async def test_up_takes_back_what_is_queued(work: Path) -> None:
    async with live(work, SLOW, level=Autonomy.RUN) as at:
        await at.say("wait")
        await at.until("sleep 60")
        await at.say("one more")
        await at.until("queued 1 · one more")
        await at.press("up")
        assert at.app.main.prompt.value == "one more"
        assert at.app.work.queued == []


async def test_ctrl_c_puts_the_prompt_aside_and_twice_leaves(work: Path) -> None:
    async with live(work) as at:
        at.app.main.prompt.put("half a thought")
        await at.press("ctrl+c")
        assert at.app.main.prompt.value == ""
        assert "Ctrl+C again leaves" in at.screen
        await at.press("up")
        assert at.app.main.prompt.value == "half a thought"
        await at.press("ctrl+c")
        await at.until(lambda: at.app.work.left)


async def test_a_command_of_the_users_own(work: Path) -> None:
    async with live(work, "I saw it.") as at:
        await at.say("! echo $((40 + 2))")
        await at.until("exit 0")
        await at.until("42")
        await at.say("! --bogus x")
        await at.until("not understood before a command")
        await at.say("/bogus")
        await at.until("no such command: /bogus")


async def test_a_plan_is_accepted_by_item(work: Path) -> None:
    async with live(work, PLAN, "That is it.", EDIT, "Mended.", level=Autonomy.OBSERVE) as at:
        await at.say("mend it")
        await at.until("─ a plan ─")
        await at.answer("2", "a")
        await at.until("Mended.")
        assert "[EDIT]" in at.screen
        assert calc(work) == MENDED
        assert "1. mend add" in at.screen and "2. add a test" not in at.screen


async def test_a_check_that_is_asked_for_proves_the_change(work: Path) -> None:
    async with live(work, EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("mend it")
        await at.until("/check")
        await at.rest()
        await at.say(f"/check {UNITTEST}")
        await at.until("✓ verified: tests")
        assert "before 0 ✓ 1 ✗" in at.screen and "after 1 ✓ 0 ✗" in at.screen


@pytest.mark.parametrize("size", [(40, 12), (60, 24), (160, 50)])
async def test_the_window_changes_its_size_at_any_moment(work: Path, size: tuple[int, int]) -> None:
    async with live(work, EDIT, "Done.") as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        await at.pilot.resize_terminal(*size)
        await at.pilot.pause()
        await at.answer("y")
        await at.until("not proved")
        assert len(at.screen.splitlines()[-1]) <= size[0]


@pytest.mark.parametrize("key", ["f1", "f2", "f3", "f4", "f5", "f6"])
async def test_each_screen_opens_and_closes(work: Path, key: str) -> None:
    async with live(work, EDIT, "Done.", level=Autonomy.EDIT) as at:
        await at.say("mend it")
        await at.until("Done.")
        await at.rest()
        await at.press(key)
        await at.until(lambda: len(at.app.screen_stack) == 2)
        await at.press("escape")
        await at.until(lambda: len(at.app.screen_stack) == 1)
        assert at.app.focused is at.app.main.prompt


async def test_tokens_money_and_what_left(work: Path) -> None:
    async with live(work, "Done.") as at:
        await at.say("go")
        await at.rest()
        await at.say("/cost")
        await at.until("tokens read")


async def test_a_report_is_put_where_it_is_wanted(work: Path) -> None:
    async with live(work, "Done.") as at:
        await at.say("/export")
        await at.until("nothing was asked in this session yet")
        await at.say("go")
        await at.rest()
        await at.say("/export told.md")
        await at.until("the report is in")
        assert "```text\ngo\n```" in (work / "told.md").read_text()
        await at.say("/export calc.txt")
        await at.until("a name in .html, .md or .json")
        await at.say("/export")
        await at.until(lambda: any(work.glob("wisp-report-*.html")))


async def test_it_can_be_left_while_it_waits_for_a_model(work: Path) -> None:
    app = Wisp(Job("run", "", Settings(), work))
    async with app.run_test(size=(100, 30)) as pilot:
        at = Live(app, pilot)
        await at.until("is not on this machine yet")
        app.leave(143)
        await at.until(lambda: not app.is_running)
    assert app.return_code == 143


async def test_an_empty_screen_says_what_can_be_typed(work: Path) -> None:
    async with live(work, "A discount is wrong.") as at:
        assert "a bug: your own tests decide what is a repair" in at.screen
        await at.say("why is it wrong?")
        await at.until("/fix and what is wrong")


@pytest.mark.parametrize("theme", ["auto", "dark", "light", "contrast", "ansi"])
async def test_each_theme_shows_an_approval_and_a_diff(work: Path, theme: str) -> None:
    async with live(work, EDIT, "Done.", theme=theme) as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        await at.answer("y")
        await at.until("Done.")


async def test_a_plan_is_offered_once(work: Path) -> None:
    async with live(work, PLAN, "That is it.", "It adds.", level=Autonomy.OBSERVE) as at:
        await at.say("mend it")
        await at.until("─ a plan ─")
        await at.answer("escape")
        await at.say("what does it do?")
        await at.until("It adds.")
        await at.rest()
        assert "─ a plan ─" not in at.screen


async def test_escape_stops_the_turn_right_after_an_answer(work: Path) -> None:
    async with live(work, EDIT, SLOW, level=Autonomy.ASK) as at:
        await at.say("mend it")
        await at.until("─ asks ─")
        await at.answer("n")
        await at.press(*"later", "enter", "escape")
        await at.until("stopped")
        await at.say("/clear")
        await at.until(lambda: "later" not in at.screen)

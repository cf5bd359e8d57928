"""The card of an approval: which keys answer, and what they answer."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot
from textual.widgets import Input, TextArea

from agent.grants import Grant
from agent.policy import Autonomy, Stance
from sandbox.base import Containment
from tests.tui.approvals import WHERE, Asked, Clock, a_push, a_script, an_edit, answer, case
from tests.tui.screen import Stage, folded, text_of
from tools.base import Effect, Preview
from tui.widgets.approval import CHANGED, GUARD_S, Approval


async def test_y_allows_it_once_and_hides_the_card() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "y", "y")
        assert await text_of(pilot) == ""
    assert asked.answers == [answer(True)]


async def test_a_key_pressed_too_soon_is_no_answer_and_neither_is_one_that_repeats() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        for _ in range(20):  # held down since before the card came
            asked.clock.now += GUARD_S / 10
            await pilot.press("y")
        assert asked.answers == []
        await asked.press(pilot, "y")
    assert asked.answers == [answer(True)]


async def test_keys_do_not_answer_while_the_focus_is_elsewhere() -> None:
    clock = Clock()
    card, prompt = Approval(WHERE, clock=clock), Input()
    app = Stage(card, prompt, told=(Approval.Answered,))
    async with app.run_test(size=(100, 30)) as pilot:
        card.show(*a_push())
        prompt.focus()
        await pilot.pause()
        clock.now += 9
        await pilot.press("y")
        assert "Tab to answer" in await text_of(pilot)
        assert prompt.value == "y"
    assert app.said == []


async def test_a_shows_the_rule_and_where_it_goes_before_it_counts() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "a")
        lines = (await text_of(pilot)).split("\n")
        assert "│ rule    shell[network,destroy]: git push origin main " in lines[4]
        assert f"written to {WHERE}, for this workspace" in lines[5]
        assert asked.answers == []
        await asked.press(pilot, "a")
    rule = Grant.of("shell[network,destroy]: git push origin main")
    assert asked.answers == [answer(True, grant=rule)]


async def test_esc_takes_a_rule_back_and_then_leaves_without_an_answer() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "a", "escape")
        assert WHERE not in await text_of(pilot)
        assert asked.app.said == []
        await asked.press(pilot, "escape")
    assert [type(each) for each in asked.app.said] == [Approval.Left]


async def test_there_is_no_always_where_no_rule_fits() -> None:
    asked = Asked(a_script)
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        assert "always" not in await text_of(pilot)
        await asked.press(pilot, "a", "a")
    assert asked.answers == []


@pytest.mark.parametrize("word", ["", "use make"])
async def test_n_declines_with_a_word_or_without(word: str) -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "n", *("space" if char == " " else char for char in word), "enter")
    assert asked.answers == [answer(False, feedback=word)]


async def test_esc_in_the_word_goes_back_to_the_choices() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "n", "y", "escape", "y")
    assert asked.answers == [answer(True)]


async def test_a_changed_command_is_handed_over_and_the_old_one_declined() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "e")
        assert folded(await text_of(pilot)) == snapshot("""\
╭─ asks ───────────────────────────────────────────────────────────────────────────────────────────╮
│ shell   git push origin main                                         EXECUTE + NETWORK + DESTROY │
│ with    network, git                                                                             │
│ why     level RUN asks before NETWORK and DESTROY (table, row 3)                                 │
│         Enter runs it once as it stands here, Ctrl+J is a new line, Esc goes back                │
│ git push origin main                                                                             │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
""")
        await asked.press(pilot, *["backspace"] * 4, "d", "e", "v", "enter")
    wanted, answered = asked.app.said
    assert isinstance(wanted, Approval.EditWanted)
    assert answered.edited == {"command": "git push origin dev", "network": True}
    assert answered.answer == answer(False, by="edit", feedback=CHANGED)


async def test_a_call_that_was_left_as_it_is_is_allowed() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "e", "enter")
    assert asked.answers == [answer(True)]
    assert asked.app.said[-1].edited is None


async def test_other_calls_are_changed_as_json_which_must_be_right() -> None:
    asked = Asked(an_edit)
    async with asked.app.run_test(size=(100, 40)) as pilot:
        await asked.show()
        await asked.press(pilot, "e")
        assert folded(await text_of(pilot)) == snapshot("""\
╭─ asks ───────────────────────────────────────────────────────────────────────────────────────────╮
│ edit    src/pricing.py +1 -1                                                                EDIT │
│ why     level ASK asks before EDIT (table, row 1)                                                │
│ @@ -29,4 +29,4 @@                                                                                │
│   def total(amount, discount):                                                                   │
│ -     if discount:                                                                               │
│ +     if discount is not None:                                                                   │
│   \\tamount -= amount * discount\\x1b[2J
⤷    │
│         Ctrl+S makes the call once as it stands here, Esc goes back                              │
│ {                                                                                                │
│   "path": "src/pricing.py",                                                                      │
│   "old": "if discount:",                                                                         │
│   "new": "if discount is not None:"                                                              │
│ }                                                                                                │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
""")
        area = asked.app.query_one(TextArea)
        area.text = '{"path": 1'
        await asked.press(pilot, "ctrl+s")
        assert "no JSON: Expecting ',' delimiter" in await text_of(pilot)
        assert asked.answers == []
        area.text = '["path"]'
        await asked.press(pilot, "ctrl+s")
        assert "the arguments are a JSON object" in await text_of(pilot)
        area.text = '{"path": "b.py"}'
        await asked.press(pilot, "ctrl+s")
    assert asked.app.said[-1].edited == {"path": "b.py"}


async def test_what_a_terminal_would_obey_is_never_put_into_the_editor() -> None:
    command = "printf '\x1b]0;hello\x07'"
    preview = Preview(kind="command", title="run", body=command)
    stance = Stance(Autonomy.ASK, Containment.FULL)
    asked = Asked(lambda: case("shell", {"command": command}, preview, stance, Effect.EXECUTE))
    async with asked.app.run_test(size=(100, 40)) as pilot:
        await asked.show()
        assert "\x1b" not in await text_of(pilot)
        await asked.press(pilot, "e")
        text = asked.app.query_one(TextArea).text
        assert "\x1b" not in text
        assert "\\u001b]0;hello\\u0007" in text
        await asked.press(pilot, "ctrl+s")
    assert asked.answers == [answer(True)]  # nothing was changed


async def test_the_slider_moves_while_an_approval_waits() -> None:
    asked = Asked(an_edit)
    async with asked.app.run_test(size=(160, 30)) as pilot:
        await asked.show()
        assert "EDIT would allow this" in await text_of(pilot)
        question, call, stance = asked.case
        await asked.press(pilot, "n", "o")
        asked.card.show(question, call, Stance(Autonomy.OBSERVE, stance.containment), "1 of 3")
        assert "1 of 3" in await text_of(pilot)
        await asked.press(pilot, "enter")  # what was being typed is still there
    assert asked.answers == [answer(False, feedback="o")]


async def test_the_next_one_is_seen_before_a_key_counts_for_it() -> None:
    asked = Asked()
    other, call, stance = an_edit()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        await asked.press(pilot, "y")
        asked.card.show(other.model_copy(update={"call_id": "c2"}), call, stance)
        asked.card.focus()
        await pilot.press("y")
        assert len(asked.answers) == 1
        await asked.press(pilot, "y")
    assert [each.call_id for each in asked.answers] == ["c1", "c2"]


async def test_a_click_on_a_choice_is_its_key() -> None:
    asked = Asked()
    async with asked.app.run_test(size=(100, 30)) as pilot:
        await asked.show()
        lines = (await text_of(pilot)).split("\n")
        row = next(at for at, each in enumerate(lines) if "y once" in each)
        asked.clock.now += GUARD_S
        await pilot.click(offset=(lines[row].index("y once") + 2, row))
        await pilot.pause()
    assert asked.answers == [answer(True)]

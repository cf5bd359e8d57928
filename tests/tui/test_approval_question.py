"""The card of a question: picked by number, answered in words, or not at all."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from tests.tui.approvals import Clock
from tests.tui.screen import Stage, folded, text_of
from tui.waiting import Asked
from tui.widgets.approval import GUARD_S
from tui.widgets.question import Question

WHICH = Asked("Which total is meant?\nBoth are used.", ("src/a.py", "src/b.py\x1b[1m", "日本語"))


class Stood:
    """A question on a stage, seen for long enough."""

    def __init__(self, asked: Asked = WHICH) -> None:
        self.clock = Clock()
        self.card = Question(clock=self.clock)
        self.app = Stage(self.card, told=(Question.Answered,))
        self.asked = asked

    def show(self) -> None:
        self.card.show(self.asked, "1 of 2")
        self.card.focus()

    async def press(self, pilot: Pilot[None], *keys: str) -> None:
        for key in keys:
            self.clock.now += GUARD_S
            await pilot.press(key)
        await pilot.pause()

    @property
    def answers(self) -> list[str | None]:
        assert all(each.asked is self.asked for each in self.app.said)
        return [each.answer for each in self.app.said]


async def shown(width: int) -> str:
    stood = Stood()
    async with stood.app.run_test(size=(width, 20)) as pilot:
        stood.show()
        return folded(await text_of(pilot))


async def test_a_question_at_60_columns() -> None:
    assert await shown(60) == snapshot("""\
╭─ the model asks ─────────────────────────────────────────╮
│ Which total is meant?                                    │
│ Both are used.                                           │
│  1 src/a.py                                              │
│  2 src/b.py\\x1b[1m                                       │
│  3 日本語                                                │
│ or in your own words                                     │
│ 1-3 picks   Enter sends what is typed                    │
│ Esc gives no answer                                      │
╰───────────────────────────────────────────────── 1 of 2 ─╯
""")


async def test_a_question_at_100_columns() -> None:
    assert await shown(100) == snapshot("""\
╭─ the model asks ─────────────────────────────────────────────────────────────────────────────────╮
│ Which total is meant?                                                                            │
│ Both are used.                                                                                   │
│  1 src/a.py                                                                                      │
│  2 src/b.py\\x1b[1m
⤷    │
│  3 日本語                                                                                        │
│ or in your own words                                                                             │
│ 1-3 picks   Enter sends what is typed   Esc gives no answer                                      │
╰───────────────────────────────────────────────────────────────────────────────────────── 1 of 2 ─╯
""")


async def test_a_question_at_160_columns() -> None:
    assert await shown(160) == snapshot("""\
╭─ the model asks ──────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────╮
│ Which total is meant?
⤷                                                                │
│ Both are used.
⤷                                                                │
│  1 src/a.py
⤷                                                                │
│  2 src/b.py\\x1b[1m
⤷                                                                │
│  3 日本語
⤷                                                             │
│ or in your own words
⤷                                                                │
│ 1-3 picks   Enter sends what is typed   Esc gives no answer
⤷                                                                │
╰───────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────── 1 of 2 ─╯
""")


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["2"], WHICH.choices[1]),
        (["n", "o", "1", "enter"], "no1"),
        (["escape"], None),
        (["a", "escape"], None),
        (["tab", "1", "enter"], "1"),
    ],
)
async def test_keys_answer_a_question(keys: list[str], answer: str | None) -> None:
    stood = Stood()
    async with stood.app.run_test(size=(80, 20)) as pilot:
        stood.show()
        await pilot.pause()
        await stood.press(pilot, *keys)
        assert await text_of(pilot) == ""
    assert stood.answers == [answer]


async def test_a_number_pressed_too_soon_or_out_of_range_is_no_answer() -> None:
    stood = Stood()
    async with stood.app.run_test(size=(80, 20)) as pilot:
        stood.show()
        await pilot.pause()
        await pilot.press("1")
        await stood.press(pilot, "0", "4")
    assert stood.answers == []


async def test_a_question_without_choices_is_typed_at_once() -> None:
    stood = Stood(Asked("Which?", ()))
    async with stood.app.run_test(size=(80, 20)) as pilot:
        stood.show()
        await pilot.pause()
        await stood.press(pilot, "enter", "4", "2", "enter")  # nothing is no answer
    assert stood.answers == ["42"]


async def test_a_click_picks_a_choice() -> None:
    stood = Stood()
    async with stood.app.run_test(size=(80, 20)) as pilot:
        stood.show()
        await pilot.pause()
        stood.clock.now += GUARD_S
        await pilot.click(offset=(6, 3))
        await pilot.pause()
    assert stood.answers == ["src/a.py"]

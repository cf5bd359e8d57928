"""The card of a plan: what it shows, and which keys answer what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot
from textual.widgets import Input

from agent.policy import Autonomy
from tests.tui.approvals import Clock
from tests.tui.screen import Stage, folded, text_of
from tools.base import PlanItem
from tui.widgets.approval import GUARD_S
from tui.widgets.plan_offer import EMPTY, PlanOffer

PLAN = (
    PlanItem(text="read src/pricing.py and its tests", state="done"),
    PlanItem(text="let total() ask whether the discount is None, not whether it is true"),
    PlanItem(text="add a test for a discount\n\tof zero,\x1b[2J and one for no discount"),
    PlanItem(text="run pytest -q"),
)
ONE, TWO, THREE = (
    "let total() ask whether the discount is None, not whether it is true",
    "add a test for a discount of zero,\x1b[2J and one for no discount",
    "run pytest -q",
)


class Offered:
    """The card on a stage, a prompt below it, and what the card said."""

    def __init__(self, plan: Sequence[PlanItem] = PLAN) -> None:
        self.clock, self._plan = Clock(), plan
        self.card, self.prompt = PlanOffer(clock=self.clock), Input()
        told = (PlanOffer.Accepted, PlanOffer.EditWanted, PlanOffer.Left)
        self.app = Stage(self.card, self.prompt, told=told)

    async def show(self, pilot: Pilot[Any], *, focus: bool = True) -> None:
        self.card.show(self._plan)
        (self.card if focus else self.prompt).focus()
        await pilot.pause()

    async def press(self, pilot: Pilot[Any], *keys: str) -> None:
        """Press keys as a person does who looks before each."""
        for key in keys:
            self.clock.now += 2 * GUARD_S
            await pilot.press(key)
        await pilot.pause()

    @property
    def said(self) -> list[Any]:
        rows = []
        for each in self.app.said:
            match each:
                case PlanOffer.Accepted(items=items, level=level):
                    rows.append((items, level))
                case PlanOffer.EditWanted(text=text):
                    rows.append(text)
                case _:
                    rows.append("left")
        return rows


async def at(width: int, *keys: str) -> str:
    offered = Offered()
    async with offered.app.run_test(size=(width, 16)) as pilot:
        await offered.show(pilot)
        await offered.press(pilot, *keys)
        return folded((await text_of(pilot)).rsplit("╯", 1)[0] + "╯")


async def test_the_plan_at_60_columns() -> None:
    assert await at(60, "down", "down") == snapshot("""\
╭─ a plan ─────────────────────────────────────────────────╮
│   ☐ 1 read src/pricing.py and its tests  done            │
│   ☑ 2 let total() ask whether the discount is None, not  │
│       whether it is true                                 │
│ ▸ ☑ 3 add a test for a discount of zero,\\x1b[2J and one  │
│       for no discount                                    │
│   ☑ 4 run pytest -q                                      │
│ a accept at EDIT   A accept at RUN   e edit              │
│ space on/off   Esc leaves                                │
╰────────────────────────────────────────────── 3 of 4 on ─╯
""")


async def test_the_plan_at_100_columns() -> None:
    assert await at(100, "down", "space") == snapshot("""\
╭─ a plan ─────────────────────────────────────────────────────────────────────────────────────────╮
│   ☐ 1 read src/pricing.py and its tests  done                                                    │
│ ▸ ☐ 2 let total() ask whether the discount is None, not whether it is true                       │
│   ☑ 3 add a test for a discount of zero,\\x1b[2J and one for no discount
⤷    │
│   ☑ 4 run pytest -q                                                                              │
│ a accept, slider to EDIT   A accept, slider to RUN   e edit first   space on/off   Esc leaves    │
╰────────────────────────────────────────────────────────────────────────────────────── 2 of 4 on ─╯
""")


async def test_the_plan_at_160_columns_with_nothing_on() -> None:
    assert await at(160, "2", "3", "4", "a") == snapshot("""\
╭─ a plan ──────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────╮
│   ☐ 1 read src/pricing.py and its tests  done
⤷                                                                │
│   ☐ 2 let total() ask whether the discount is None, not whether it is true
⤷                                                                │
│   ☐ 3 add a test for a discount of zero,\\x1b[2J and one for no discount
⤷                                                                │
│ ▸ ☐ 4 run pytest -q
⤷                                                                │
│ ✗ no item is on: space switches one on
⤷                                                                │
│ a accept, slider to EDIT   A accept, slider to RUN   e edit first   space on/off   Esc leaves
⤷                                                                │
╰───────────────────────────────────────────────────────────────────────────────────────────────
⤷ ─────────────────────────────────────────────────── 0 of 4 on ─╯
""")


async def test_without_the_focus_it_says_the_way_in() -> None:
    offered = Offered(PLAN[1:2])
    async with offered.app.run_test(size=(100, 10)) as pilot:
        await offered.show(pilot, focus=False)
        await offered.press(pilot, "a", "A", "e", "space")
        assert "Tab to answer:   a accept" in await text_of(pilot)
    assert offered.said == [] and offered.prompt.value == "aAe "


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a"], ((ONE, TWO, THREE), Autonomy.EDIT)),
        (["A"], ((ONE, TWO, THREE), Autonomy.RUN)),
        (["2", "A"], ((TWO, THREE), Autonomy.RUN)),
        (["j", "j", "space", "up", "space", "space", "a"], ((ONE, THREE), Autonomy.EDIT)),
        (["space", "a"], ((PLAN[0].text, ONE, TWO, THREE), Autonomy.EDIT)),
        (["3", "e"], f"Do this plan:\n1. {ONE}\n2. {THREE}"),
        (["escape"], "left"),
        (["2", "3", "4", "a", "A", "e", "4", "a"], ((THREE,), Autonomy.EDIT)),
    ],
)
async def test_keys_accept_edit_or_leave_it(keys: list[str], said: Any) -> None:
    offered = Offered()
    async with offered.app.run_test(size=(100, 16)) as pilot:
        await offered.show(pilot)
        await offered.press(pilot, *keys)
        assert not offered.card.has_class("-there") and offered.card.plan == ()
    assert offered.said == [said]


async def test_a_key_pressed_too_soon_accepts_nothing_and_neither_does_typing() -> None:
    offered = Offered()
    async with offered.app.run_test(size=(100, 16)) as pilot:
        await offered.show(pilot)
        await pilot.press("a")
        offered.clock.now += 2 * GUARD_S
        for key in "the plan as a whole":
            offered.clock.now += GUARD_S * 0.9
            await pilot.press("space" if key == " " else key)
        assert offered.said == []
        await offered.press(pilot, "a")
    assert offered.said == [((ONE, TWO, THREE), Autonomy.EDIT)]


async def test_a_click_switches_an_item_and_another_takes_a_key() -> None:
    offered = Offered()
    async with offered.app.run_test(size=(100, 16)) as pilot:
        await offered.show(pilot)
        offered.clock.now += 2 * GUARD_S
        await pilot.click(offset=(20, 4))
        assert "☐ 4 run pytest -q" in await text_of(pilot)
        lines = (await text_of(pilot)).split("\n")
        row = next(y for y, line in enumerate(lines) if "A accept" in line)
        await pilot.click(offset=(lines[row].index("A accept") + 3, row))
        await pilot.pause()
    assert offered.said == [((ONE, TWO), Autonomy.RUN)]


async def test_a_long_plan_scrolls_to_the_item_at_the_mark() -> None:
    offered = Offered([PlanItem(text=f"do part {number}") for number in range(1, 41)])
    async with offered.app.run_test(size=(60, 20)) as pilot:
        await offered.show(pilot)
        await offered.press(pilot, *["down"] * 39)
        shown = await text_of(pilot)
    assert "▸ ☑ 40 do part 40" in shown and "do part 2\n" not in shown
    assert "accept at EDIT" in shown and "40 of 40 on" in shown


async def test_nothing_on_is_said() -> None:
    assert EMPTY in await at(100, "2", "3", "4", "e")


async def test_a_plan_without_items_is_not_shown() -> None:
    offered = Offered([])
    async with offered.app.run_test(size=(60, 10)) as pilot:
        await offered.show(pilot, focus=False)
        assert "plan" not in await text_of(pilot)

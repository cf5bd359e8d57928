"""The transcript on a screen: it follows, keeps its place, opens, copies, and stays cheap."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from textual.content import Content
from textual.events import MouseScrollUp
from textual.pilot import Pilot

from agent.events import Base, Notice, StepStarted, TextDelta
from tests.tui.screen import Stage, shown, text_of
from tests.tui.told import DIFF, Teller, repair
from tools.base import ToolResult
from tui.cards.base import Card
from tui.fold import Change
from tui.widgets.heights import Heights
from tui.widgets.transcript import Transcript

SIZE = (60, 12)


class Unfocused(Stage):
    AUTO_FOCUS = ""


class Told(Teller):
    """A teller whose events a transcript shows as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript(self.fold)
        self.app = Unfocused(self.transcript, told=(Transcript.NewBelow,))

    def tell(self, *events: Base, seconds: float = 0.1) -> None:
        for event in events:
            cards, before = self.fold.cards, [card.version for card in self.fold.cards]
            super().tell(event, seconds=seconds)
            changed = (n for n, version in enumerate(before) if cards[n].version != version)
            self.transcript.changed(Change(len(cards) - len(before), tuple(changed)))


def filled(turns: int = 30) -> Told:
    told = Told()
    for number in range(turns):
        told.turn(f"turn {number}")
        told.step(1, f"answer {number}")
        told.call("shell", ToolResult(text="a\nb\nc", summary="exit 0"), command=f"run {number}")
        told.end()
    return told


async def still(pilot: Pilot[Any], transcript: Transcript) -> str:
    """Return the screen without its scroll bar, once every change is shown."""
    await pilot.pause()
    while transcript.pending:
        await pilot.pause()
    lines = (await text_of(pilot)).split("\n")
    return "\n".join(line[: transcript.size.width - 1].rstrip() for line in lines).rstrip()


async def test_it_shows_the_end_and_follows_it() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        assert "run 29" in await still(pilot, told.transcript)
        told.tell(Notice(text="the newest"))
        assert "the newest" in (await still(pilot, told.transcript)).splitlines()[-1]
        assert told.transcript.following


async def test_what_fits_stands_at_the_top() -> None:
    told = Told()
    async with told.app.run_test(size=(60, 40)) as pilot:
        repair(told)
        screen = await still(pilot, told.transcript)
        assert screen == told.text(59).strip("\n")


async def test_scrolled_up_it_stays_while_cards_come_and_says_how_many() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        told.transcript.page(-1)
        before = await still(pilot, told.transcript)
        for number in range(5):
            told.tell(Notice(text=f"note {number}"))
            assert await still(pilot, told.transcript) == before
        assert not told.transcript.following
        told.transcript.scroll_to_end_and_follow()
        assert "note 4" in await still(pilot, told.transcript)
        counts = [message.count for message in told.app.said]
        assert (counts[0], max(counts), counts[-1]) == (1, 5, 0)


async def test_scrolled_up_it_stays_while_what_is_above_changes() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        told.transcript.page(-1)
        before = await still(pilot, told.transcript)
        for index in (0, 5, 20):
            card = told.fold.cards[index]
            grow(card)
            told.transcript.changed(Change(0, (index,)))
            assert await still(pilot, told.transcript) == before


def grow(card: Card) -> None:
    card.version += 1
    card.open = True


async def test_scrolling_up_all_the_way_shows_every_line_once() -> None:
    told = Told()
    for number in range(40):  # whose heights nobody can guess
        told.step(1, "\n".join(f"- {number}.{line} {'word ' * 9}" for line in range(number % 7)))
    async with told.app.run_test(size=SIZE) as pilot:
        seen = (await still(pilot, told.transcript)).splitlines()
        while told.transcript.scroll_offset.y:
            told.transcript.scroll_to(y=told.transcript.scroll_offset.y - 3, animate=False)
            screen = (await still(pilot, told.transcript)).splitlines()
            fresh = next(n for n in range(len(screen)) if screen[n:] == seen[: len(screen) - n])
            seen = screen[:fresh] + seen
        lines = told.text(59).strip("\n").splitlines()
        assert seen == lines


async def test_a_resize_keeps_the_place() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        for _ in range(3):
            told.transcript.page(-1)
        top = (await still(pilot, told.transcript)).splitlines()[0]
        await pilot.resize_terminal(100, 20)
        assert (await still(pilot, told.transcript)).splitlines()[0][:30] == top[:30]
        told.transcript.scroll_to_end_and_follow()
        await pilot.resize_terminal(80, 8)
        assert "nothing left" in (await still(pilot, told.transcript)).splitlines()[-1]


async def test_keys_move_between_cards_and_open_them_in_place() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        told.transcript.focus()
        await still(pilot, told.transcript)
        await pilot.press("k")
        screen = await still(pilot, told.transcript)
        assert "▌   ▸ $ shell   run 29" in screen
        await pilot.press("enter")
        after = (await still(pilot, told.transcript)).splitlines()
        row = next(n for n, line in enumerate(after) if "run 29" in line)
        assert after[row].startswith("▌   ▾ $ shell   run 29")
        assert "run 29" in screen.splitlines()[row], "the head stays where it was"
        await pilot.press("space")
        assert await still(pilot, told.transcript) == screen


async def test_the_first_and_the_last_card_are_a_key_away() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        told.transcript.focus()
        await pilot.press("g")
        assert "turn 0" in await still(pilot, told.transcript)
        assert told.transcript.selected is told.fold.cards[0]
        await pilot.press("G")
        assert "run 29" in await still(pilot, told.transcript)
        assert told.transcript.selected is told.fold.cards[-1] and told.transcript.following


async def test_all_cards_open_and_close_again() -> None:
    told = filled(3)
    async with told.app.run_test(size=(60, 40)) as pilot:
        told.transcript.focus()
        before = await still(pilot, told.transcript)
        await pilot.press("o")
        assert (await still(pilot, told.transcript)).count("▾") == 3
        await pilot.press("o")
        assert await still(pilot, told.transcript) == before


async def test_a_card_is_copied_as_its_text() -> None:
    told = Told()
    told.call("edit", ToolResult(text="ok", diff=DIFF), path="src/pricing.py")
    async with told.app.run_test(size=SIZE) as pilot:
        told.transcript.focus()
        await pilot.press("y")
        assert told.app.clipboard == DIFF.rstrip("\n")


async def test_a_click_on_a_head_opens_the_card() -> None:
    told = filled(1)
    async with told.app.run_test(size=(60, 40)) as pilot:
        screen = (await still(pilot, told.transcript)).splitlines()
        row = next(n for n, line in enumerate(screen) if "run 0" in line)
        await pilot.click(Transcript, offset=(20, row))
        assert "▾ $ shell   run 0" in await still(pilot, told.transcript)
        assert told.transcript.selected is told.fold.cards[3]


async def test_selected_text_copies_without_decoration_while_more_is_told() -> None:
    told = Told()
    told.call("edit", ToolResult(text="ok", diff=DIFF), path="src/pricing.py")
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        await pilot.mouse_down(Transcript, offset=(10, 2))
        await pilot.hover(Transcript, offset=(40, 3))
        told.tell(Notice(text="more"))
        await still(pilot, told.transcript)
        await pilot.mouse_up(Transcript, offset=(40, 3))
        assert told.app.screen.get_selected_text() == snapshot("""\
    if discount:
    if discount is not None:\
""")
        assert "▾" in shown(told.app), "to select is not to click"


async def test_the_wheel_scrolls_and_stops_the_following() -> None:
    told = filled()
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        top = told.transcript.scroll_offset.y
        await pilot._post_mouse_events([MouseScrollUp], Transcript, offset=(5, 5))
        await still(pilot, told.transcript)
        assert told.transcript.scroll_offset.y < top and not told.transcript.following


async def test_there_is_no_timer_while_nothing_runs() -> None:
    told = Told()
    async with told.app.run_test(size=SIZE) as pilot:
        told.tell(StepStarted(step=1))
        await still(pilot, told.transcript)
        assert told.transcript.pulsing
        told.end("cancelled")
        await still(pilot, told.transcript)
        assert not told.transcript.pulsing and not told.transcript.pending


async def test_many_events_are_one_frame() -> None:
    told = Told()
    told.tell(StepStarted(step=1))
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        for number in range(200):
            told.tell(TextDelta(text=f"{number} "))
        assert told.transcript.pending
        assert "199" in await still(pilot, told.transcript)


async def test_another_fold_is_shown_from_its_end() -> None:
    told, other = filled(), filled(40)
    async with told.app.run_test(size=SIZE) as pilot:
        await still(pilot, told.transcript)
        told.transcript.page(-1)
        told.transcript.show(other.fold)
        assert "run 39" in await still(pilot, told.transcript)


async def test_of_twenty_thousand_cards_only_what_is_near_is_made() -> None:
    made: set[int] = set()

    class Line(Card):
        def lines(self, width: int) -> list[Content]:
            made.add(self.at)
            return [Content(f"card {self.at}")] * (self.at % 3 + 1)

        def plain(self) -> str:
            return ""

    told = Told()
    for number in range(20_000):
        card = Line()
        card.at = number
        told.fold.cards.append(card)
    async with told.app.run_test(size=SIZE) as pilot:
        assert (await still(pilot, told.transcript)).endswith("card 19999")
        assert len(made) < 60
        told.transcript.focus()
        await pilot.press("g")
        assert (await still(pilot, told.transcript)).startswith("▌ard 0")
        await pilot.resize_terminal(100, 12)
        await pilot.press("G")
        assert (await still(pilot, told.transcript)).endswith("ard 19999")
        assert len(made) < 120


@given(st.lists(st.integers(0, 9)), st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9))))
def test_heights_are_what_adding_them_up_gives(heights: list[int], sets: list[Any]) -> None:
    held = Heights(heights[: len(heights) // 2])
    for height in heights[len(heights) // 2 :]:
        held.append(height)
    for index, height in sets:
        if index < len(heights):
            heights[index] = height
            held.set(index, height)
    assert held.total == sum(heights)
    assert [held.top(n) for n in range(len(heights))] == [
        sum(heights[:n]) for n in range(len(heights))
    ]
    lines = [(index, at) for index, height in enumerate(heights) for at in range(height)]
    assert [held.find(line) for line in range(len(lines))] == lines

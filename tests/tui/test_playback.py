"""A session played back on the screen: by keys and by mouse, and nothing on it acts."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot

from agent.events import QuestionAsked, TurnStarted
from agent.policy import Verdict
from tests.tui.recorded import Kept, two_turns
from tests.tui.screen import shown
from tools.base import ToolResult
from tui.playback.recording import Recording
from tui.player import Player
from tui.screens.playback import Playback
from tui.widgets.playhead import Playhead, Position, keys, line

EVIL = "\x1b[2J\x1b]0;x\x07[bold red]x[/] \u202etxt\r"


class At:
    """A player that runs, and the clock that it looks at."""

    def __init__(self, app: Player, pilot: Pilot[Any], now: list[float]) -> None:
        self.app, self.pilot, self._now = app, pilot, now

    @property
    def playback(self) -> Playback:
        return self.app.playback

    @property
    def screen(self) -> str:
        return shown(self.app)

    @property
    def place(self) -> str:
        """What the bar says of where it stands."""
        said = next(each for each in self.screen.split("\n") if " turn " in each and " of " in each)
        return said.partition("turn ")[2].split("  ")[0]

    async def press(self, *names: str) -> None:
        await self.pilot.press(*names)
        await self.pilot.pause()

    async def go_on(self, seconds: float) -> None:
        """Let the clock go on, and the screen look at it."""
        self._now[0] += seconds
        self.playback.look()
        await self.still()

    async def still(self) -> None:
        await self.pilot.pause()
        while self.playback.transcript.pending:
            await self.pilot.pause()

    async def click(self, words: str) -> None:
        """Click on the last place where words stand in the first line that has them."""
        rows = self.screen.split("\n")
        y = next(number for number, row in enumerate(rows) if words in row)
        x = Content(rows[y][: rows[y].rindex(words)]).cell_length
        await self.pilot.click(offset=(x, y))
        await self.still()


@contextlib.asynccontextmanager
async def played(
    recording: Recording, speed: float = 1.0, size: tuple[int, int] = (100, 32)
) -> AsyncIterator[At]:
    """Play a recording until the end of the block; its clock stands until it is moved."""
    now = [500.0]
    app = Player(recording, speed, now=lambda: now[0])
    async with app.run_test(size=size) as pilot:
        at = At(app, pilot, now)
        await at.still()
        yield at


def asking() -> Kept:
    """Tell of a push that was approved after half a minute."""
    told = Kept()
    told.open()
    told.turn("push it")
    told.step(1, "I push it.")
    told.call(
        "shell",
        verdict=Verdict.ASK,
        reason="level ASK asks",
        command="git push origin main",
    )
    told.tell(QuestionAsked(question="Which branch?", choices=("main", "next")), seconds=30.0)
    told.end()
    return told


async def test_it_plays_by_itself_as_it_went() -> None:
    recording = two_turns().recording()
    async with played(recording) as at:
        assert "session 01JC8Z" in at.screen and "I look at" not in at.screen
        assert "▸ plays" in at.screen and "[RUN]" in at.screen and "orders-api" in at.screen
        await at.go_on(1.7)
        assert "● writing" in at.screen and "I look" in at.screen
        assert "I look at the file." not in at.screen, "it is typed"
        await at.go_on(2.0)
        assert "I look at the file." in at.screen and at.place == "1 of 2, step 2"
        await at.go_on(100.0)
        assert "■ the end" in at.screen and "No more." in at.screen
        assert at.place == "2 of 2, step 1"


async def test_steps_turns_and_ends_by_key() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("space")
        assert "‖ paused" in at.screen
        places = []
        for key in ("right", "right", "right", "left", "left", "]", "]", "[", "[", "end", "home"):
            name = {"]": "right_square_bracket", "[": "left_square_bracket"}.get(key, key)
            await at.press(name)
            places.append((key, at.place))
        assert places == [
            ("right", "1 of 2, step 1"),
            ("right", "1 of 2, step 2"),
            ("right", "1 of 2, step 2"),  # with its end
            ("left", "1 of 2, step 2"),
            ("left", "1 of 2, step 1"),
            ("]", "2 of 2"),
            ("]", "2 of 2, step 1"),
            ("[", "2 of 2"),
            ("[", "1 of 2"),
            ("end", "2 of 2, step 1"),
            ("home", "0 of 2"),
        ]
        assert "session 01JC8Z" in at.screen and "look" not in at.screen.partition("■")[0][:400]


async def test_what_comes_later_is_gone_where_it_went_back() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("end")
        assert "No more." in at.screen
        await at.press("space", "space", "left_square_bracket")
        await at.press("home", "right")
        assert "I look at the file." in at.screen
        assert "I run it." not in at.screen and "No more." not in at.screen


async def test_faster_slower_and_at_once() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("plus")
        assert " 2x" in at.screen
        await at.press("minus", "minus")
        assert " 0.5x" in at.screen
        await at.press(*["plus"] * 9)
        assert "at once" in at.screen and "■ the end" in at.screen


async def test_at_most_speed_the_end_is_there_at_once() -> None:
    async with played(two_turns().recording(), float("inf")) as at:
        assert "■ the end" in at.screen and "No more." in at.screen


async def test_by_mouse() -> None:
    async with played(two_turns().recording()) as at:
        await at.click("Space")
        assert "‖ paused" in at.screen
        await at.click("→ step")
        assert at.place == "1 of 2, step 1"
        await at.click("]")
        assert at.place == "2 of 2"
        await at.click("Home")
        assert at.place == "0 of 2"
        await at.click("░")
        assert "■ the end" in at.screen
        await at.click("F1")
        assert "a session played back" in at.screen


async def test_what_was_asked_is_shown_and_takes_no_answer() -> None:
    told = asking()
    async with played(told.recording()) as at:
        await at.press("end", "space")  # plays again
        await at.go_on(2.9)
        assert "asks" in at.screen and "git push origin main" in at.screen
        assert "y once" not in at.screen and "Shift+Tab" not in at.screen
        before = at.playback.stage.count
        await at.press("y", "a", "n", "e", "x", "enter", "shift+tab")
        await at.click("asks")
        await at.click("EDIT")  # of the slider
        await at.click("○")  # of the knob
        assert at.playback.stage.count == before
        assert "[RUN]" in at.screen and "effort ●●○○ 2" in at.screen
        assert at.playback.approval.asked is not None
        assert at.app.focused in (None, at.playback.transcript)
        await at.go_on(60.0)
        assert at.playback.approval.asked is None and at.playback.question.asked is None


async def test_a_question_stands_until_its_answer() -> None:
    told = Kept()
    told.open()
    told.turn("round it")
    told.tell(QuestionAsked(question="Which rounding?", choices=("half up", "half even")))
    told.end()
    recording = told.recording()
    async with played(recording) as at:
        at.playback.seek(recording.due[2])
        await at.still()
        assert "the model asks" in at.screen and "half even" in at.screen
        await at.press("1", "escape")
        assert at.playback.question.asked is not None
        await at.press("end")
        assert at.playback.question.asked is None


async def test_help_has_its_keys_and_takes_what_is_typed() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("f1")
        assert "a session played back" in at.screen and "to the end of the next step" in at.screen
        await at.press("s", "l", "o", "w", "space", "q")
        assert at.app.is_running and at.app.return_value is None
        await at.press("escape", "escape")
        assert len(at.app.screen_stack) == 1


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_it_is_left_by_key(key: str) -> None:
    async with played(two_turns().recording()) as at:
        await at.press(key)
        assert (at.app.return_value, at.app.return_code) == ("", 0)


async def test_going_on_live_is_asked_first() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("c")
        assert "nothing is complete yet" in at.screen
        await at.press("right", "right", "c")
        assert "behind step 2 of turn 1" in at.screen and "stay as they are now" in at.screen
        await at.press("n")
        assert at.app.return_value is None and len(at.app.screen_stack) == 1
        await at.press("c", "y")
        assert at.app.return_value == "1.2"


async def test_from_the_end_of_a_turn_the_whole_turn_goes_along() -> None:
    async with played(two_turns().recording()) as at:
        await at.press("space", "right", "right", "right", "c")
        assert "behind turn 1, " in at.screen
        await at.click("y go on")
        assert at.app.return_value == "1"


async def test_from_a_damaged_log_nothing_goes_on() -> None:
    recording = two_turns().recording(damage=["a.jsonl, line 3: not an event"])
    async with played(recording) as at:
        assert "the log is damaged: a.jsonl, line 3: not an event" in at.screen
        await at.press("end", "c")
        assert "nothing can go on from a step of it" in at.screen


async def test_nothing_in_a_log_reaches_the_terminal_as_more_than_text() -> None:
    told = Kept()
    told.open()
    told.tell(TurnStarted(prompt=EVIL, origin=EVIL))
    told.step(1, EVIL, thought=EVIL)
    told.call(
        "shell", ToolResult(text=EVIL, summary=EVIL), verdict=Verdict.ASK, reason=EVIL, command=EVIL
    )
    told.tell(QuestionAsked(question=EVIL, choices=(EVIL,)))
    told.end(error=EVIL, hint=EVIL, outcome="failed")
    first = told.events[0].model_copy(update={"cwd": f"/a/{EVIL}", "model": EVIL, "id": EVIL})
    told.events[0] = first
    recording = told.recording(damage=[EVIL])
    async with played(recording) as at:
        for due in recording.due:
            at.playback.seek(due)
            await at.still()
            for strip in at.app.screen._compositor.render_strips():
                text = "".join(each.text for each in strip)
                assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
        assert "[bold red]x[/]" in at.screen


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_bar_fits(width: int) -> None:
    at = Position(12, 30, 112, 4000.0, 9000.0, 0.5, 0.25, playing=True)
    first, start, end = line(at, width)
    assert first.cell_length <= width and end <= width
    assert end - start >= 6 if width >= 60 else start == end == 0
    told = "  ".join(f"{name}{about}" for _, name, about in keys(at, width))
    assert "Space pause" in told and "q leave" in told
    assert ("Home" in told) == (width >= 80)


async def test_the_bar_is_drawn_anew_only_where_it_says_something_else() -> None:
    async with played(two_turns().recording()) as at:
        bar = at.app.screen.query_one(Playhead)
        bar.show(Position(time=1.2, part=0.5))
        before = bar._at
        bar.show(Position(time=1.3, part=0.5001))
        assert bar._at is before

"""The bar of a playback: where it stands, how fast it goes, and the keys that move it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui import theme
from tui.playback.clock import AT_ONCE
from tui.widgets.header import bar
from tui.words import clock

_GAP = 2  # cells between two keys
_WIDE = 78  # cells; below them the place is said in figures
_LEAST = 6  # cells of the meter
Told = tuple[int, tuple[tuple[str, str], ...], str]  # how soon it goes, the keys, what they do


@dataclass(frozen=True, slots=True)
class Position:
    """Where a playback stands; `time` and `whole` are seconds of the session, `part` is 0 to 1."""

    turn: int = 0
    turns: int = 0
    step: int = 0
    time: float = 0.0
    whole: float = 0.0
    part: float = 0.0
    speed: float = 1.0
    playing: bool = False


def pace(speed: float) -> str:
    """Return how fast it goes, in a word."""
    return "at once" if speed == AT_ONCE else f"{speed:g}x"


def line(at: Position, width: int) -> tuple[Content, int, int]:
    """Return the first line, and between which columns the meter stands."""
    ended = at.part >= 1.0
    sign, word = (theme.PAUSED, "paused")
    if ended:
        sign, word = theme.ENDED, "the end"
    elif at.playing:
        sign, word = theme.PLAYING, "plays"
    wide = width >= _WIDE
    step = f", step {at.step}" if at.step else ""
    place = f"turn {at.turn} of {at.turns}{step}"
    if not wide:
        place = f"{at.turn}.{at.step} of {at.turns}"
    times = f"{clock(at.time)} of {clock(at.whole)}"
    left = Content.assemble(
        (f"{sign} ", theme.NAME), f"{word:7}  {place}", (f"  {times}  ", theme.DIM), pace(at.speed)
    )
    room = width - left.cell_length - 3
    if room < _LEAST:
        return left.truncate(width), 0, 0
    full, empty = bar(at.part, room)
    start = left.cell_length + 2
    drawn = Content.assemble(left, "  ", (full, theme.NAME), (empty, theme.FAINT))
    return drawn, start, start + room


def keys(at: Position, width: int) -> list[tuple[str, str, str]]:
    """Return the keys that there is room for: each with what is written of it and its meaning."""
    shown: list[tuple[str, str, str]] = []
    told = [*_told(at)]
    while sum(map(_width, told)) + _GAP * (len(told) - 1) > width and len(told) > 1:
        told.remove(max(told, key=lambda each: each[0]))
    for _, pressed, about in told:
        for number, (key, name) in enumerate(pressed):
            last = number == len(pressed) - 1
            shown.append((key, name, f" {about}" if last and about else ""))
    return shown


def _told(at: Position) -> Iterator[Told]:
    yield 0, (("space", "Space"),), "pause" if at.playing else "play"
    yield 2, (("left", "←"), ("right", "→")), "step"
    yield 3, (("left_square_bracket", "["), ("right_square_bracket", "]")), "turn"
    yield 4, (("minus", "-"), ("plus", "+")), "speed"
    yield 5, (("home", "Home"), ("end", "End")), ""
    yield 1, (("c", "c"),), "go on live"
    yield 0, (("q", "q"),), "leave"


def _width(told: Told) -> int:
    _, pressed, about = told
    return sum(len(name) + 1 for _, name in pressed) + len(about) - (not about)


class Playhead(Widget):
    """Two lines in the place of the prompt; `show` says where it stands now."""

    DEFAULT_CSS = """
    Playhead { height: 3; width: 1fr; padding: 0 1; border-top: solid $rule; }
    """

    class Pressed(Message):
        """The user clicked on the name of a key."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Sought(Message):
        """The user clicked on the meter, at this part of it."""

        def __init__(self, part: float) -> None:
            super().__init__()
            self.part = part

    def __init__(self) -> None:
        super().__init__()
        self._at = Position()
        self._meter = (0, 0)
        self._ends: list[tuple[int, int, str]] = []  # of the keys, as they were drawn

    def show(self, at: Position) -> None:
        """Show a position; costs nothing where the same is drawn already."""
        room = max(1, self.content_size.width)
        drawn = (at.turn, at.step, at.speed, at.playing, int(at.time), round(at.part * room))
        old = self._at
        before = (old.turn, old.step, old.speed, old.playing, int(old.time))
        if drawn != (*before, round(old.part * room)):
            self._at = at
            self.refresh()

    def render(self) -> Content:
        """Draw it."""
        width = self.content_size.width
        first, *meter = line(self._at, width)
        self._meter = (meter[0], meter[1])
        self._ends, parts, column = [], list[Content | str](), 0
        for key, name, about in keys(self._at, width):
            self._ends.append((column, column + len(name) + len(about), key))
            gap = " " * (_GAP if about or name == "End" else 1)
            parts += [Content.assemble((name, theme.DIM), (about, theme.FAINT)), gap]
            column += len(name) + len(about) + len(gap)
        return Content("\n").join([first, Content.assemble(*parts[:-1])])

    def on_click(self, event: events.Click) -> None:
        """Tell which key was clicked, or where on the meter."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            start, end = self._meter
            if start <= offset.x < end:
                self.post_message(self.Sought((offset.x - start) / max(1, end - start - 1)))
            return
        for start, end, key in self._ends:
            if start <= offset.x < end:
                self.post_message(self.Pressed(key))

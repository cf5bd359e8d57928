"""The transcript: one widget that draws the lines in sight of any number of cards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.cards.base import Card
from tui.fold import NO_CHANGE, Change, Fold
from tui.later import later
from tui.widgets import selecting
from tui.widgets.column import Column
from tui.widgets.paint import Paint

if TYPE_CHECKING:
    from textual.timer import Timer

FRAME = 1 / 30  # seconds between two frames, at least
BEAT = 1 / 4  # seconds between two pulses of what runs


class Transcript(ScrollView, can_focus=True):
    """Draws the cards of a fold; follows the end until the user scrolls up.

    Whoever feeds the fold hands each change to `changed`. Heights of cards that nobody has seen are
    guesses; `settle` measures what comes into sight, and what is in sight stays in its place.
    `clock` tells the time as events do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next", show=False),
        Binding("k,up", "move(-1)", "Previous", show=False),
        Binding("enter,space", "open", "Open", show=False),
        Binding("o", "open_all", "Open all", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("g,home", "first", "First", show=False),
        Binding("G,end", "last", "Last", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
    ]

    DEFAULT_CSS = """
    Transcript {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        background: $background;
    }
    """

    class NewBelow(Message):
        """There are so many cards below that came while the end was out of sight; 0: none."""

        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

    def __init__(
        self, fold: Fold, *, id: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(id=id)
        self._fold, self._clock = fold, clock
        self.following = True
        self._column = Column(fold.cards, 0)
        self._paint = Paint(self)
        self._anchor = (0, 0, 0)  # a card, a line of it, and where on the screen that stands
        self._left_at = 0  # how many cards there were when the end went out of sight
        self._told = 0
        self._dirty: set[int] = set()
        self._cursor = -1
        self._all = False
        self._moving = False
        self._last_frame = 0.0
        self._frame: asyncio.TimerHandle | None = None
        self._beat: Timer | None = None
        self._beats = False

    # -- what it is told

    def show(self, fold: Fold) -> None:
        """Draw another fold, from its end."""
        self._fold, self._column, self._cursor = fold, Column(fold.cards, 0), -1
        self._dirty.clear()
        self.following = True
        self.settle()
        self.refresh()

    def changed(self, change: Change) -> None:
        """Take in what the fold said; the next frame shows it."""
        if change is NO_CHANGE:
            return
        self._dirty.update(change.changed)
        if self._frame is None and self.is_running:
            late = self._last_frame + FRAME - time.monotonic()
            self._frame = later(self, late, self._draw_frame)

    @property
    def pending(self) -> bool:
        """Whether something is changed that no frame has shown yet."""
        return self._frame is not None

    @property
    def pulsing(self) -> bool:
        """Whether something runs that counts time."""
        return self._beats

    def scroll_to_end_and_follow(self) -> None:
        """Show the end, and stay there."""
        self.following = True
        self.settle()

    def page(self, direction: int) -> None:
        """Scroll by a page, 1 down or -1 up."""
        self.scroll_to(y=self.scroll_offset.y + direction * max(1, self._page - 1), animate=False)

    # -- frames

    def on_mount(self) -> None:
        """Make the pulse, at rest until something runs."""
        self._beat = self.set_interval(BEAT, self._pulse, pause=True)

    def _draw_frame(self) -> None:
        self._frame = None
        self._last_frame = time.monotonic()
        self.settle()

    def _pulse(self) -> None:
        self.changed(self._fold.pulse(self._clock()))

    def settle(self) -> None:
        """Measure what is in sight and a page around it; what is in sight stays in its place."""
        width, page = self.scrollable_content_region.size
        if not width or self._moving:
            return
        was = (self.scroll_offset.y, self._column.total)
        if width != self._column.width:
            self._column = Column(self._fold.cards, width)
            self.refresh()
        column = self._column
        column.grow()
        moved = False
        rows: list[tuple[int, int]] = []
        for index in self._dirty:
            moved |= column.guess(index)
        for index in self._around(page):
            grown, changed = column.measure(index)
            moved |= grown
            rows += ((index, line) for line in changed)
        self._dirty.clear()
        self._place(page)
        if moved or was != (self.scroll_offset.y, column.total):
            self.refresh()
        else:
            for index, line in rows:
                self.refresh_line(column.top(index) + line)
        if self._beat is not None and self._beats != bool(self._fold.running):
            self._beats = not self._beats
            (self._beat.resume if self._beats else self._beat.pause)()
        self._tell()

    def _around(self, page: int) -> Iterator[int]:
        """Yield the cards in sight and a page around it, as heights are known while it goes on."""
        if self.following:
            return self._column.around(len(self._column), 2 * page, 0)
        index, line, at = self._anchor
        return self._column.around(index, page + at, 2 * page + line - at)

    def _place(self, page: int) -> None:
        """Set the size of it all, and scroll to where the anchor or the end is."""
        total = self._column.total
        card, line, at = self._anchor
        if self.following:
            goal = total - page
        else:
            line = min(line, max(0, self._column.height(card) - 1))
            goal = self._column.top(card) + line - at
        self._moving = True
        self._resize()
        goal = max(0, min(goal, total - page))
        if goal != self.scroll_offset.y:
            self.scroll_target_y = self.scroll_y = goal
        self._moving = False

    def _resize(self) -> None:
        size = Size(self._column.width, self._column.total)
        if size != self.virtual_size:
            # without a layout, which the size of what is scrolled does not change
            self.set_reactive(Transcript.virtual_size, size)
            self._scroll_update(size)

    def _tell(self) -> None:
        below = 0 if self.following else len(self._column) - self._left_at
        if below != self._told:
            self._told = below
            self.post_message(self.NewBelow(below))

    # -- scrolling

    @property
    def _page(self) -> int:
        return self.scrollable_content_region.height

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Hold on to what the user scrolled to."""
        super().watch_scroll_y(old_value, new_value)
        if not self._moving and round(old_value) != round(new_value):
            self._hold()
            self.settle()

    def _hold(self) -> None:
        """Keep the first line in sight where it is, or follow the end when that is in sight."""
        top = self.scroll_offset.y
        end = top >= self._column.total - self._page
        if self.following and not end:
            self._left_at = len(self._column)
        self.following = end
        self._anchor = (*self._column.find(top), 0)

    def on_resize(self) -> None:
        """Guess anew what is out of sight."""
        self.settle()

    # -- drawing

    def notify_style_update(self) -> None:
        """Draw anew in other colours."""
        super().notify_style_update()
        self._paint.forget()
        self._column.fade()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        line = self.scroll_offset.y + y
        width, blank = self._column.width, self.visual_style.rich_style
        if line >= self._column.total:
            return Strip.blank(width, blank)
        index, at = self._column.find(line)
        drawn = self._column.drawn(index)
        if drawn is None or at >= len(drawn.lines):  # a jump; what it shows is being measured
            return Strip.blank(width, blank)
        selection = self.text_selection
        strip = drawn.strips.get(at) if selection is None else None
        if strip is None:
            strip = self._paint.strip(drawn.lines[at], selecting.place(index, at), width, selection)
            if selection is None:
                drawn.strips[at] = strip
        if index == self._cursor and self.has_focus and at >= self._fold.cards[index].head:
            strip = self._paint.barred(strip, width)
        return strip

    # -- selecting

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is selected, without decoration; all of it as the cards copy themselves."""
        cards = self._fold.cards
        if selection.start is None and selection.end is None:
            return "\n".join(filter(None, (card.plain() for card in cards))), "\n"
        return selecting.text(self._column, selection), "\n"

    # -- the cursor

    @property
    def selected(self) -> Card | None:
        """The card that keys act on."""
        cards = self._fold.cards
        return cards[self._cursor] if 0 <= self._cursor < len(cards) else None

    def on_focus(self) -> None:
        """Select the last card in sight, unless one in sight is."""
        if not self._in_sight(self._cursor):
            self._cursor = self._at_edge(-1)
        self.refresh()

    def on_blur(self) -> None:
        """Show no cursor."""
        self.refresh()

    def action_move(self, direction: int) -> None:
        """Select the next card, or the one before."""
        if not self._in_sight(self._cursor):
            return self._select(self._at_edge(direction))
        index = self._cursor + direction
        while 0 <= index < len(self._column) and not self._column.height(index):
            index += direction
        if index >= len(self._column):
            return self.scroll_to_end_and_follow()
        return self._select(max(0, index))

    def action_first(self) -> None:
        """Select the first card."""
        self._select(0)

    def action_last(self) -> None:
        """Select the last card, and follow the end."""
        self._cursor = len(self._column) - 1
        self.scroll_to_end_and_follow()
        self.refresh()

    def action_page(self, direction: int) -> None:
        """Scroll by a page."""
        self.page(direction)

    def action_open(self) -> None:
        """Open or close the selected card; its head stays where it is."""
        if (card := self.selected) and card.opens:
            self._stay(self._cursor)
            card.toggle()
            self.settle()
            self._hold()

    def action_open_all(self) -> None:
        """Open all cards, or close them again."""
        self._all = not self._all
        if len(self._column):
            self._stay(self._cursor if self._in_sight(self._cursor) else self._at_edge(1))
        for card in self._fold.cards:
            card.open = True if self._all else None
        self._column = Column(self._fold.cards, self._column.width)
        self.settle()
        self._hold()

    def action_copy(self) -> None:
        """Copy the selected card."""
        if card := self.selected:
            self.app.copy_to_clipboard(card.plain())

    def on_click(self, event: events.Click) -> None:
        """Select a card; open or close it by its head. A second click selects its text."""
        offset = event.get_content_offset(self)
        if offset is None or (event.chain == 1 and self.text_selection is not None):
            return
        index, at = self._column.find(self.scroll_offset.y + offset.y)
        if index >= len(self._column):
            return
        self._cursor = index
        if event.chain == 1 and at == self._fold.cards[index].head:
            self.action_open()
        self.refresh()

    def text_select_all(self) -> None:
        """Select the text of the card with the cursor, which a double click is on."""
        if 0 <= self._cursor < len(self._column):
            self.screen.selections = {self: selecting.whole(self._column, self._cursor)}

    def _select(self, index: int) -> None:
        if not 0 <= index < len(self._column):
            return
        self._show_cursor(index)
        self._column.measure(index)
        self._resize()
        top, height = self._column.top(index), self._column.height(index)
        goal = min(max(self.scroll_offset.y, top + height - self._page), top)
        self.scroll_to(y=goal, animate=False)

    def _show_cursor(self, index: int) -> None:
        """Move the cursor, and draw anew only what it was on and is on."""
        for each in {self._cursor, index}:
            if self._in_sight(each):
                self.refresh_lines(self._column.top(each), self._column.height(each))
        self._cursor = index

    def _stay(self, index: int) -> None:
        """Hold on to the head of a card, wherever on the screen it is."""
        line = self._fold.cards[index].head
        self._anchor = (index, line, self._column.top(index) + line - self.scroll_offset.y)
        if self.following:
            self.following, self._left_at = False, len(self._column)

    def _in_sight(self, index: int) -> bool:
        if not 0 <= index < len(self._column):
            return False
        top, start = self._column.top(index), self.scroll_offset.y
        return top < start + self._page and top + self._column.height(index) > start

    def _at_edge(self, direction: int) -> int:
        """Return the first card in sight, or with -1 the last."""
        start = self.scroll_offset.y
        line = start if direction > 0 else min(start + self._page, self._column.total) - 1
        return self._column.find(max(0, line))[0]

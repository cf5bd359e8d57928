"""A list of any length, a line each: only what is in sight is drawn, and one row is selected."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.cards.lines import NOTHING
from tui.widgets.paint import Paint

Draw = Callable[[int, int, bool], Content]
"""Return a row as a line: which one, for which width, and whether it is the selected one."""
CHOSEN = "on $panel"


def _any(at: int) -> bool:
    return True


class Rows(ScrollView, can_focus=False):
    """Draws the rows that `draw` returns; `pickable` says which of them can be selected.

    `at` is the selected row, -1 where there is none.
    """

    ALLOW_SELECT = False  # a click picks

    DEFAULT_CSS = """
    Rows { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; height: 1fr; }
    """

    class Moved(Message):
        """Another row is the selected one."""

    class Picked(Message):
        """The selected row was clicked."""

    def __init__(self, draw: Draw, pickable: Callable[[int], bool] = _any) -> None:
        super().__init__()
        self._draw, self._pickable = draw, pickable
        self._count = 0
        self._paint = Paint(self)
        self.at = -1

    def show(self, count: int, at: int = -1) -> None:
        """Draw so many rows anew, and select one, else the first that can be."""
        self._count = count
        self.virtual_size = Size(self.size.width, count)
        self.at = at if 0 <= at < count else self._from(0, 1)
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def move(self, by: int) -> None:
        """Select another row, so many further down or up; at the ends stay there."""
        step = 1 if by > 0 else -1
        wanted = min(max(self.at + by, 0), self._count - 1)
        found = self._from(wanted, step)
        self._select(found if found >= 0 else self._from(wanted, -step))

    def page(self, direction: int) -> None:
        """Go a page up or down."""
        self.move(direction * max(1, self.size.height - 1))

    def _from(self, at: int, step: int) -> int:
        """Return the next row that can be selected, this one first; -1 for none."""
        while 0 <= at < self._count:
            if self._pickable(at):
                return at
            at += step
        return -1

    def _select(self, at: int) -> None:
        if at != self.at and at >= 0:
            self.at = at
            self._keep_in_sight()
            self.refresh()
            self.post_message(self.Moved())

    def _keep_in_sight(self) -> None:
        if self.at >= 0:
            # what cannot be selected above the first row is its heading
            top = 0 if self.at == self._from(0, 1) else self.at
            self.scroll_to_region(Region(0, top, 1, self.at - top + 1), animate=False)

    def on_resize(self) -> None:
        """Keep the selected row in sight."""
        self.virtual_size = Size(self.size.width, self._count)
        self.call_after_refresh(self._keep_in_sight)

    def on_click(self, event: events.Click) -> None:
        """Select a row, or pick the one that is."""
        event.stop()
        at = self.scroll_offset.y + event.y
        if not (0 <= at < self._count and self._pickable(at)):
            return
        if at == self.at:
            self.post_message(self.Picked())
        else:
            self._select(at)

    def notify_style_update(self) -> None:
        """Draw anew in other colours."""
        super().notify_style_update()
        self._paint.forget()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width, at = self.scrollable_content_region.width, self.scroll_offset.y + y
        chosen = at == self.at
        line = self._draw(at, width, chosen) if at < self._count else NOTHING
        line = line.truncate(width, ellipsis=True, pad=True)
        return self._paint.strip(line.stylize_before(CHOSEN) if chosen else line, at, width, None)

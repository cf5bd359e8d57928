"""The list above the prompt: what could stand where the cursor is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from agent.terminal import inert
from tui.theme import CLOSED, DIM, FAINT, NAME

ROWS = 8
_KEYS = "Tab takes it · Esc closes"
_NARROW = 60
_WIDE = 96  # columns in which a row is read as one
_FOUND = f"bold underline {NAME}"  # letters that were looked for


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the list: what is `shown`, what it puts as `text`, and what is said of it.

    `columns` are the letters of what is shown that were looked for. `from_end` says that a name
    that is too long loses its beginning, as a path does.
    """

    text: str
    shown: str
    about: str = ""
    more: str = ""
    columns: tuple[int, ...] = ()
    from_end: bool = False


class Completion(Widget):
    """A list over the transcript, right above the prompt, which keeps the focus and the keys.

    It stands directly before the prompt in its container, where it takes no room.
    """

    DEFAULT_CSS = """
    Completion {
        overlay: screen;
        display: none;
        width: 1fr;
        height: 1;
        padding: 0 1;
        background: $surface;
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.taken: Callable[[Choice], None] = lambda choice: None  # by a click
        self._choices: Sequence[Choice] = ()
        self._title = ""
        self._at = 0
        self._top = 0
        self._rows = 0

    @property
    def is_open(self) -> bool:
        """Whether it is on the screen."""
        return self._rows > 0

    @property
    def chosen(self) -> Choice | None:
        """The choice that the mark is at."""
        return self._choices[self._at] if self._choices and self.is_open else None

    def offer(self, title: str, choices: Sequence[Choice]) -> None:
        """Show choices, the best first; without any it shows the title alone."""
        self._title, self._choices = title, choices
        self._at = self._top = 0
        room = max(1, min(ROWS, self.app.size.height // 2 - 2))
        rows = 1 + min(len(choices), room)
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows
            self.styles.offset = (0, -rows)
            self.display = True
        self.refresh()

    def close(self) -> None:
        """Take it off the screen."""
        if self.is_open:
            self._rows = 0
            self._choices = ()
            self.display = False

    def move(self, by: int) -> None:
        """Move the mark, around the end too."""
        if self._choices:
            self._at = (self._at + by) % len(self._choices)
            seen = self._rows - 1
            self._top = min(max(self._top, self._at - seen + 1), self._at)
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Take the choice that was clicked."""
        at = self._top + event.y - 1
        if event.y and at < len(self._choices):
            event.stop()
            self.taken(self._choices[at])

    def render(self) -> Content:
        """Return the title and the choices in sight."""
        width = self.content_size.width
        seen = range(self._top, min(self._top + self._rows - 1, len(self._choices)))
        names = max((cell_len(self._choices[at].shown) for at in seen), default=0)
        rows = [self._row(self._choices[at], at == self._at, names, width) for at in seen]
        return Content("\n").join([self._head(width), *rows])

    def _head(self, width: int) -> Content:
        count = f"{self._at + 1} of {len(self._choices)}" if self._choices else "no match"
        left = f"─ {self._title} · {count} "
        keys = f" {_KEYS} ─" if self._choices and width >= _NARROW else ""
        rule = "─" * max(0, width - cell_len(left + keys))
        return Content.styled(left + rule + keys, FAINT).truncate(width)

    def _row(self, choice: Choice, chosen: bool, names: int, width: int) -> Content:
        sign = (f"{CLOSED} ", f"bold {NAME}") if chosen else "  "
        name = _name(choice, width - 2)
        row = Content.assemble(sign, name)
        if choice.about:
            gap = max(2, min(names, width // 3) + 2 - name.cell_length)
            row = Content.assemble(row, " " * gap, (inert(choice.about), DIM))
        more = cell_len(choice.more)
        column = min(width, _WIDE)
        if more and row.cell_length + more + 2 <= column:
            gap = column - row.cell_length - more
            row = Content.assemble(row, " " * gap, (choice.more, FAINT))
        row = row.truncate(width, ellipsis=True).truncate(width, pad=True)
        return row.stylize("on $panel") if chosen else row


def _name(choice: Choice, width: int) -> Content:
    """Return the name with its letters marked, cut where it is too long."""
    shown, cut = choice.shown, 0
    if choice.from_end and cell_len(shown) > width:
        while cell_len(shown) - cell_len(shown[:cut]) >= width and cut < len(shown):
            cut += 1
        shown = "…" + shown[cut:]
        cut -= 1
    name = Content(shown)
    if choice.from_end:
        name = name.stylize(DIM, 0, shown.rfind("/") + 1)
    for column in choice.columns:
        if column >= cut + (cut > 0):
            name = name.stylize(_FOUND, column - cut, column - cut + 1)
    return name

"""The sessions of this folder: found by typing, looked into, named, opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from agent.errors import UsageError
from agent.sessions import NAME_LENGTH, Kept, kept, rename
from agent.summary import Summary, said
from agent.terminal import inert
from tui import theme
from tui.cards.lines import counted
from tui.screens import session_lines
from tui.screens.rows import Rows
from tui.widgets.drawn import Drawn
from tui.words import clip

BATCH = 50  # summaries that are read at once
LEAST = 2  # characters, for which the words of a session are searched
PAUSE_S = 0.15  # after the last key, before files are read for it
SHOWN = 200  # lines of a session in the preview
WIDE = 120  # cells, from which on there is room for one
_KEYS = (
    "type to search   ↑ ↓ select   Enter opens   Ctrl+N names   Esc closes",
    "Enter opens   Ctrl+N names   Esc closes",
)
_NAMING = ("Enter names it, nothing takes the name away   Esc goes back", "Enter names   Esc back")


class Sessions(ModalScreen[Path | None]):
    """Lists the sessions of a workspace and returns the log of the one to open, or None.

    `current_id` is the session on the main screen; `clock` tells the time as files have it.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back, or close"),
        Binding("f4", "dismiss", "close"),
        Binding("up", "move(-1)", "the session above"),
        Binding("down", "move(1)", "the session below"),
        Binding("pageup", "page(-1)", "a page up"),
        Binding("pagedown", "page(1)", "a page down"),
        Binding("ctrl+n", "name", "name the session"),
    ]

    DEFAULT_CSS = """
    Sessions { align: center middle; }
    Sessions > Vertical {
        width: 100%; max-width: 180; height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        border-subtitle-color: $text-muted;
    }
    Sessions Input { border: none; padding: 0; height: 1; margin: 0 0 1 0; background: $surface; }
    Sessions #name { display: none; background: $panel; }
    Sessions.-naming #search { display: none; }
    Sessions.-naming #name { display: block; }
    Sessions VerticalScroll { display: none; scrollbar-size-vertical: 1; padding: 0 0 0 1; }
    Sessions #about { margin: 1 0 0 0; }
    Sessions.-wide Rows { width: 3fr; }
    Sessions.-wide VerticalScroll { display: block; width: 2fr; border-left: solid $panel; }
    Sessions.-wide #about { display: none; }
    """

    def __init__(
        self, root: Path, current_id: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._root, self._current, self._clock = root, current_id, clock
        self._all: list[Kept] = []
        self._summaries: dict[Path, Summary] = {}
        self._unread = -1  # sessions whose summary is to be read; below zero: not yet listed
        self._words: list[str] = []
        self._found: set[Path] = set()  # in which the words were said
        self._searched = 0  # of all, for the words
        self._shown: list[Kept] = []
        self._error = ""
        self._peeked: Path | None = None
        self._rows = Rows(self._row)
        self._lines, self._about, self._status = Drawn(), Drawn(id="about"), Drawn(self._told)

    def compose(self) -> ComposeResult:
        """Put the list below what is searched, and beside it what it is about."""
        box = Vertical(
            Input(placeholder="search titles, and what was said", compact=True, id="search"),
            Input(compact=True, id="name", max_length=NAME_LENGTH),
            Horizontal(self._rows, VerticalScroll(self._lines, can_focus=False)),
            self._about,
            self._status,
        )
        box.border_title = "sessions"
        yield box

    def on_mount(self) -> None:
        """Read beside what is drawn."""
        self.query_one("#search", Input).focus()
        self.run_worker(self._read(), group="read")

    def on_resize(self, event: events.Resize) -> None:
        """Say the keys as there is room, and look into the session where there is."""
        self._say_keys()
        self.call_after_refresh(self._moved)

    def _say_keys(self) -> None:
        forms = _NAMING if self.has_class("-naming") else _KEYS
        room = self.size.width - 6
        box = self.query_one(Vertical)
        box.border_subtitle = next((each for each in forms if len(each) <= room), forms[-1])

    # -- reading

    async def _read(self) -> None:
        try:
            self._all = await asyncio.to_thread(kept, self._root)
        except UsageError as error:
            self._error = error.message
        self._unread = len(self._all)
        self._filter()
        for at in range(0, len(self._all), BATCH):
            some = await asyncio.to_thread(_summaries, self._all[at : at + BATCH])
            self._summaries |= {Path(each.log): each for each in some}
            self._unread = max(0, len(self._all) - at - BATCH)
            if self._words:
                self._filter()
            self._rows.refresh()
            self._draw()
        if self._words:
            self._search()

    def _filter(self) -> None:
        chosen, self._shown = self._chosen, list(self._all)
        if self._words:
            titled = [each for each in self._all if self._is_titled(each)]
            known = {each.path for each in titled}
            # those by title first, so that what is found later moves nothing
            within = [each for each in self._all if each.path in self._found.difference(known)]
            self._shown = titled + within
        self._rows.show(len(self._shown), self._shown.index(chosen) if chosen in self._shown else 0)

    def _is_titled(self, each: Kept) -> bool:
        told = self._summaries.get(each.path)
        return told is not None and session_lines.matches(told, self._words)

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        # a slash begins a search in many programs
        self._words = event.value.removeprefix("/").casefold().split()
        self._found.clear()
        self._filter()
        self._rows.move(-len(self._shown))
        self._search()

    def _search(self) -> None:
        self._searched = 0
        self.run_worker(self._look_within(" ".join(self._words)), group="search", exclusive=True)

    async def _look_within(self, words: str) -> None:
        if len(words) < LEAST:
            return
        await asyncio.sleep(PAUSE_S)
        for each in self._all:
            if not self._is_titled(each) and await asyncio.to_thread(_said, each.path, words):
                self._found.add(each.path)
                self._shown.append(each)
                self._rows.show(len(self._shown), self._rows.at)
            self._searched += 1
            self._status.show(self._told)

    # -- the selected one

    @property
    def _chosen(self) -> Kept | None:
        at = self._rows.at
        return self._shown[at] if 0 <= at < len(self._shown) else None

    @on(Rows.Moved)
    def _moved(self) -> None:
        self._draw()
        chosen = self._chosen
        if not self.has_class("-wide") or chosen is None or chosen.path == self._peeked:
            return
        self._peeked = chosen.path
        self.run_worker(self._peek(chosen.path), group="peek", exclusive=True)

    async def _peek(self, path: Path) -> None:
        await asyncio.sleep(PAUSE_S / 3)  # a key that is held down reads nothing
        try:
            lines = await asyncio.to_thread(session_lines.last_lines, path, SHOWN)
        except OSError as error:
            lines = [f"cannot be read: {error.strerror}"]
        self._lines.show(lambda width: session_lines.preview(lines, width))
        scroll = self.query_one(VerticalScroll)
        scroll.call_after_refresh(scroll.scroll_end, animate=False)

    # -- keys

    def action_move(self, by: int) -> None:
        """Select the session above or below."""
        self._rows.move(by)

    def action_page(self, direction: int) -> None:
        """Select a session a page further."""
        self._rows.page(direction)

    def action_back(self) -> None:
        """Name nothing, else search nothing, else close."""
        search = self.query_one("#search", Input)
        if self.has_class("-naming"):
            self._name_no_more()
        elif search.value:
            search.value = ""
        else:
            self.dismiss(None)

    @on(Rows.Picked)
    @on(Input.Submitted, "#search")
    def _open(self) -> None:
        if (chosen := self._chosen) is not None:
            self.dismiss(chosen.path if chosen.id != self._current else None)

    def action_name(self) -> None:
        """Ask for a name of the selected session."""
        chosen = self._chosen
        if chosen is None or self.has_class("-naming"):
            return
        self.add_class("-naming")
        name = self.query_one("#name", Input)
        name.value, name.placeholder = inert(chosen.name), f"a name for {chosen.id}"
        name.focus()
        self._say_keys()

    @on(Input.Submitted, "#name")
    def _named(self, event: Input.Submitted) -> None:
        event.stop()
        chosen = self._chosen
        try:
            if chosen is not None:
                rename(chosen, event.value)
                self._summaries[chosen.path] = Summary.of(chosen)
        except UsageError as error:
            self._error = f"{error.message}: {error.hint}"
            self._draw()
        except OSError as error:
            self._error = f"the name could not be kept: {error.strerror}"
            self._draw()
        else:
            self._name_no_more()
            self._rows.refresh()

    def _name_no_more(self) -> None:
        self.remove_class("-naming")
        self._error = ""
        self.query_one("#search", Input).focus()
        self._say_keys()
        self._draw()

    # -- drawing

    def _row(self, at: int, width: int, chosen: bool) -> Content:
        each = self._shown[at]
        return session_lines.row(
            each,
            self._summaries.get(each.path),
            width,
            self._clock(),
            chosen=chosen,
            here=each.id == self._current,
            found=bool(self._words) and not self._is_titled(each),
        )

    def _draw(self) -> None:
        self._status.show(self._told)
        chosen = self._chosen
        if chosen is None:
            self._about.show(None)
            return
        told, now = self._summaries.get(chosen.path), self._clock()
        self._about.show(lambda width: session_lines.about(chosen, told, now, width))

    def _told(self, width: int) -> list[Content]:
        if self._error:
            text = f"{theme.FAILED} {inert(self._error)}"
            return Content.styled(text, theme.BAD).wrap(width)
        count, unread = len(self._all), self._unread
        if unread < 0:
            text = "reading …"
        elif unread and not self._words:
            text = f"{counted(count, 'session')} of this folder, {unread:,} to be read …"
        elif not count:
            text = "no session of this folder yet"
        elif not self._words:
            text = f"{counted(count, 'session')} of this folder"
        else:
            shown = counted(len(self._shown), "session") if self._shown else "no session"
            text = f"{shown} found"
            if sum(map(len, self._words)) >= LEAST and self._searched < count:
                text += f", looked into {self._searched:,} of {count:,} …"
        return [Content.styled(clip(text, width), theme.DIM)]


def _summaries(some: list[Kept]) -> list[Summary]:
    found = []
    for each in some:
        try:
            found.append(Summary.of(each))
        except OSError:  # removed just now
            continue
    return found


def _said(path: Path, words: str) -> bool:
    try:
        return said(path, words)
    except OSError:
        return False

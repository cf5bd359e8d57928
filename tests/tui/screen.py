"""What stands on the screen of an app under test, as text."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from tui.theme import THEMES


class Stage(App[None]):
    """An app with nothing but the widgets of one test; `said` has what they told it, in order.

    Only messages of the types `told` are kept.
    """

    def __init__(
        self, *widgets: Widget, told: tuple[type[Message], ...] = (), css: str = ""
    ) -> None:
        self._widgets = widgets
        self._told = told
        self.said: list[Any] = []
        self.CSS = css  # type: ignore[misc]  # of this one app
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        """Put the widgets below each other."""
        yield from self._widgets

    async def _on_message(self, message: Message) -> None:
        if isinstance(message, self._told):
            self.said.append(message)
        await super()._on_message(message)


async def text_of(pilot: Pilot[Any]) -> str:
    """Return the whole screen once it is still, without spaces at the ends and lines below."""
    await pilot.pause()
    return shown(pilot.app)


def shown(app: App[Any]) -> str:
    """Return the screen as it is now, for looking while something runs."""
    lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    return "\n".join(lines).rstrip()


def folded(text: str) -> str:
    """Return lines too wide for a file of ours as two, the second behind a mark."""
    lines: list[str] = []
    for line in text.split("\n"):
        fits = len(line) + line.count("\\") <= 100  # which is written as two
        lines += [line] if fits else [line[:96].rstrip(), f"⤷ {line[96:]}"]
    return "\n".join(lines) + "\n"

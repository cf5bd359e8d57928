"""The effort knob: how many attempts, how long a model may think."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tui import theme

MOST = 4
LABEL = "effort "


def said(effort: int) -> str:
    """Return what a setting of the knob means, from the tables that it stands for."""
    from agent.models.thinking import CAPS
    from agent.repair.ladder import EDITS, REWRITES

    thinks = f"thinks up to {CAPS[effort]:,} tokens" if CAPS[effort] else "does not think first"
    tries = f"{_many(REWRITES[effort], 'rewrite')} and {_many(EDITS[effort], 'one-line edit')}"
    return f"effort {effort}: {thinks}; a fix tries up to {tries}"


def _many(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def knob(effort: int) -> Content:
    """Return the knob as it is drawn."""
    return Content.assemble(
        (LABEL, theme.DIM),
        ("●" * effort, theme.NAME),
        ("○" * (MOST - effort), theme.FAINT),
        f" {effort}",
    )


class Effort(Widget):
    """The knob; a click on a mark asks to turn it there, one on its name to turn it to nothing."""

    DEFAULT_CSS = "Effort { height: 1; width: auto; }"

    class Moved(Message):
        """The user wants another effort; the app turns the knob, and then shows it here."""

        def __init__(self, effort: int) -> None:
            super().__init__()
            self.effort = effort

    def __init__(self, effort: int = 2) -> None:
        super().__init__()
        self._effort = effort

    @property
    def effort(self) -> int:
        """The setting that is shown."""
        return self._effort

    def show(self, effort: int) -> None:
        """Show another setting."""
        if effort != self._effort:
            self._effort = effort
            if self.tooltip is not None:
                self.tooltip = said(effort)
            self.refresh()

    def render(self) -> Content:
        """Draw it."""
        return knob(self._effort)

    def on_enter(self) -> None:
        """Say what it means: the tables are read when somebody points at it."""
        self.tooltip = said(self._effort)

    def on_click(self, event: events.Click) -> None:
        """Turn it to the mark that was clicked."""
        effort = max(0, event.x - len(LABEL) + 1)
        if effort <= MOST and effort != self._effort:
            self.post_message(self.Moved(effort))

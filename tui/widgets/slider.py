"""The slider: what the agent may do, in words made from the table; it never leaves the screen."""

from __future__ import annotations

from dataclasses import replace

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from agent.policy import Autonomy, Stance
from sandbox.base import Containment
from tui import theme
from tui.words import holds, notch

NARROW = 90  # cells; below them only the notch that counts is shown
SHORT = 72  # below them the sandbox is one word
_GAP = "  "  # between its parts
OPENING = "trying the sandbox"
CLOSED = "no session is open: /model chooses a model"
_LESS, _MORE = "◂", "▸"
_HELD = {
    Containment.FULL: theme.GOOD,
    Containment.REDUCED: theme.WARM,
    Containment.NONE: theme.BAD,
}


def track(level: Autonomy) -> Content:
    """Return all notches, the one that counts in brackets."""
    parts: list[str | tuple[str, str]] = []
    for each in Autonomy:
        here = each is level
        parts += [("─", theme.FAINT)] if each else []
        style = f"{theme.STRONG} {theme.level_style(each)}" if here else theme.DIM
        parts.append((f"[{each.name}]" if here else f" {each.name} ", style))
    return Content.assemble(*parts)


def dial(level: Autonomy) -> Content:
    """Return the one notch that counts, for a narrow screen."""
    style = f"{theme.STRONG} {theme.level_style(level)}"
    ends = (f" {_LESS}", theme.DIM), (_MORE, theme.DIM)
    return Content.assemble(ends[0], (level.name, style), ends[1], f" {level:d}/{max(Autonomy):d}")


def line(stance: Stance, width: int, instead: str = "") -> Content:
    """Return the slider for a width: the notches, what this one does, what contains commands.

    Before the sandbox was tried nothing is known of it; `instead` says why.
    """
    level, forms = stance.autonomy, notch(stance)
    notches = dial(level) if width < NARROW else track(level)
    if instead:
        return Content.assemble(notches, _GAP, (instead, theme.DIM)).truncate(width)
    mark = holds(stance)[width < SHORT]
    width = max(0, width - 1)
    room = max(0, width - notches.cell_length - len(mark) - 2 * len(_GAP))
    words = next((form for form in forms if len(form) <= room), forms[-1][:room])
    left = Content.assemble(notches, _GAP, (words, theme.level_style(level)))
    gap = " " * max(1, width - left.cell_length - len(mark))
    return Content.assemble(left, gap, (mark, _HELD[stance.containment])).truncate(width)


def notch_at(column: int, level: Autonomy, narrow: bool) -> Autonomy | None:
    """Return the notch that a click in a column asks for; half of the dial is less, half more."""
    if narrow:
        wide = dial(level).cell_length
        step = -1 if column < wide // 2 else 1
        return Autonomy(min(max(level + step, 0), max(Autonomy))) if column < wide else None
    end = 0
    for each in Autonomy:
        end += len(each.name) + 3  # its brackets and the line behind it
        if column < end:
            return each
    return None


class Slider(Widget):
    """One line with the notches; a click on one asks to move there."""

    DEFAULT_CSS = "Slider { height: 1; width: 1fr; }"

    class Moved(Message):
        """The user wants another level; the app moves the stance, and then shows it here."""

        def __init__(self, level: Autonomy) -> None:
            super().__init__()
            self.level = level

    def __init__(self, stance: Stance, instead: str = "") -> None:
        super().__init__()
        self._stance, self._instead = replace(stance), instead

    @property
    def level(self) -> Autonomy:
        """The notch that is shown."""
        return self._stance.autonomy

    def show(self, stance: Stance, instead: str = "") -> None:
        """Show where the policy stands now; or `instead` why that is not known."""
        if (stance, instead) != (self._stance, self._instead):
            self._stance, self._instead = replace(stance), instead  # theirs moves
            self.refresh()

    def render(self) -> Content:
        """Draw it."""
        return line(self._stance, self.size.width, self._instead)

    def on_click(self, event: events.Click) -> None:
        """Move to the notch that was clicked."""
        at = event.x - self.gutter.left
        level = notch_at(at, self.level, self.size.width < NARROW)
        if level is not None and level is not self.level:
            self.post_message(self.Moved(level))

"""Where the user types: a text area with a sign, history, completion and folded pastes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Location

from tui.commands import COMMANDS, Command, is_command
from tui.files import Files
from tui.recall import Recall
from tui.widgets.completion import Completion
from tui.widgets.folding_area import FoldingArea, plain
from tui.widgets.offers import Offers
from tui.widgets.queue import Queue
from tui.widgets.vim import Vim

READY = "\u203a"  # a single pointing quotation mark
HINTS = "@ file  / command  ! shell"
_HINTED = 72  # columns from which the hints are shown
_GUTTER = 2
_POPUP_KEYS = {"up": -1, "ctrl+p": -1, "down": 1, "ctrl+n": 1}


def _keys(keys: str, action: str) -> Binding:
    return Binding(keys, action, show=False)


class Prompt(FoldingArea, inherit_bindings=False):
    """The prompt; `value` is what it holds, with pastes as they were pasted.

    Escape and Ctrl+C are left to the app, but for Escape while a list is open. `popup` stands
    before it in its container; `queue`, where there is one, gives back its last prompt to Up.
    """

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        max-height: 33vh;
        border: none;
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .prompt--sign { color: $primary; text-style: bold; }
        & .prompt--shell { color: $warning; text-style: bold; }
        & .prompt--mention { color: $primary; }
        & .prompt--fold { color: $accent; text-style: italic; }
        & .prompt--hint { color: $text-disabled; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "prompt--sign",
        "prompt--shell",
        "prompt--mention",
        "prompt--fold",
        "prompt--hint",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        _keys("up,ctrl+p", "cursor_up"),
        _keys("down,ctrl+n", "cursor_down"),
        _keys("left,ctrl+b", "cursor_left"),
        _keys("right,ctrl+f", "cursor_right"),
        _keys("ctrl+left,alt+left,alt+b", "cursor_word_left"),
        _keys("ctrl+right,alt+right,alt+f", "cursor_word_right"),
        _keys("home,ctrl+a", "cursor_line_start"),
        _keys("end,ctrl+e", "cursor_line_end"),
        _keys("shift+up", "cursor_up(True)"),
        _keys("shift+down", "cursor_down(True)"),
        _keys("shift+left", "cursor_left(True)"),
        _keys("shift+right", "cursor_right(True)"),
        _keys("ctrl+shift+left", "cursor_word_left(True)"),
        _keys("ctrl+shift+right", "cursor_word_right(True)"),
        _keys("shift+home", "cursor_line_start(True)"),
        _keys("shift+end", "cursor_line_end(True)"),
        _keys("backspace,ctrl+h,shift+backspace", "delete_left"),
        _keys("delete", "delete_right"),
        _keys("ctrl+d", "delete_right_of_text"),
        _keys("ctrl+w,ctrl+backspace,alt+backspace", "delete_word_left"),
        _keys("alt+d,alt+delete,ctrl+delete", "delete_word_right"),
        _keys("ctrl+u", "delete_to_start_of_line"),
        _keys("ctrl+k", "delete_to_end_of_line_or_delete_line"),
        _keys("ctrl+y", "yank"),
        _keys("ctrl+z,ctrl+underscore", "undo"),
        _keys("ctrl+shift+z", "redo"),
        _keys("super+c,ctrl+shift+c", "copy"),
        _keys("ctrl+v,super+v", "paste"),
        _keys("shift+enter,alt+enter,ctrl+j", "new_line"),
        _keys("ctrl+r", "search"),
        _keys("ctrl+o", "unfold"),
        _keys("ctrl+g", "editor"),
    ]

    class Edited(TextArea.Changed):
        """The text is another one."""

    class Submitted(Message):
        """The user wants this done."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class EditorWanted(Message):
        """The user wants to write this in their own editor; `put` brings it back."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    Changed = Edited

    def __init__(
        self,
        popup: Completion,
        files: Files,
        *,
        commands: Callable[[], Mapping[str, Command]] = lambda: COMMANDS,
        recall: Recall | None = None,
        queue: Queue | None = None,
        vim: bool = False,
        id: str | None = None,
    ) -> None:
        self._offers: Offers | None = None
        self._signs: dict[str, Strip] = {}
        super().__init__(id=id)
        self.recall = recall or Recall()
        self.vim = Vim(self) if vim else None
        self._files = files
        self._queue = queue
        self._offers = Offers(self, popup, files, commands, self.recall)
        popup.taken = self._offers.take
        self._chord = False  # Ctrl+X was the last key

    # -- what it holds

    @property
    def value(self) -> str:
        """The text, with every paste unfolded."""
        return self.folds.expand(self.text)

    @property
    def is_empty(self) -> bool:
        """Whether there is no text."""
        return self.document.line_count == 1 and not self.document.get_line(0)

    def put(self, text: str, *, first_line: bool = False) -> None:
        """Put a text in place of what is there, the cursor at its end, or that of its first line.

        What a terminal would not show as it is stands in it by its number.
        """
        self.load_text(self.folds.fold_again(plain(text)))
        end = self.document.end
        self.move_cursor((0, len(self.document.get_line(0))) if first_line else end)
        if self._offers is not None:
            self._offers.close()

    # -- keys

    async def _on_key(self, event: events.Key) -> None:
        self.last_key = time.monotonic()
        chord, self._chord = self._chord, event.key == "ctrl+x"
        if chord and event.key == "ctrl+e":
            self.action_editor()
        elif (
            self._chord
            or self._popup_takes(event.key)
            or (self.vim and self._vim_takes(self.vim, event))
        ):
            pass
        elif event.key == "enter":
            self.action_submit()
        elif not await self._acts(event.key):
            return
        event.stop()
        event.prevent_default()

    async def _acts(self, key: str) -> bool:
        """Do what a key of ours does, now; whether it did anything.

        On its way up to the app, as keys go otherwise, what was typed behind it would overtake it.
        """
        for binding in self._bindings.key_to_bindings.get(key, ()):
            if await self.app.run_action(binding.action, self):
                return True
        return False

    def _popup_takes(self, key: str) -> bool:
        offers = self._offers
        if offers is None or not offers.is_open:
            return False
        if key in _POPUP_KEYS:
            offers.move(_POPUP_KEYS[key])
        elif key == "escape":
            offers.close()
        elif key == "tab" or (key == "enter" and not offers.exact()):
            offers.take()
        else:
            return False
        return True

    def _vim_takes(self, vim: Vim, event: events.Key) -> bool:
        before = vim.normal
        taken = vim.key(event.key, event.character)
        if vim.normal != before:
            self.refresh()
        return taken

    def action_submit(self) -> None:
        """Send the text, or go on in a new line after a backslash."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        before = line[:column]
        if column == len(line) and (len(before) - len(before.rstrip("\\"))) % 2:
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
            return
        text = self.value
        if not text.strip():
            return
        self.recall.add(text)
        self.put("")
        if self.vim:
            self.vim.insert()
        self.post_message(self.Submitted(text))

    def action_new_line(self) -> None:
        """Begin a new line."""
        self._replace_via_keyboard("\n", *self.selection)

    def action_search(self) -> None:
        """Search the history."""
        if self._offers is not None:
            self._offers.search()

    def action_editor(self) -> None:
        """Ask for the user's own editor."""
        self.post_message(self.EditorWanted(self.value))

    def action_cursor_up(self, select: bool = False) -> None:
        """Go up a line; on the first one, back in the history."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        elif self.is_empty and self._queue is not None and (text := self._queue.withdraw()):
            self.put(text)
        elif (entry := self.recall.older(self.value)) is not None:
            self.put(entry, first_line=True)

    def action_cursor_down(self, select: bool = False) -> None:
        """Go down a line; on the last one, forth in the history."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        elif (text := self.recall.newer(self.value)) is not None:
            self.put(text)

    def action_delete_to_start_of_line(self) -> None:
        """Delete to where the line begins, however it is wrapped."""
        row, column = self.cursor_location
        if column:
            self._delete_via_keyboard((row, 0), (row, column))
        else:
            super().action_delete_to_start_of_line()

    async def action_delete_to_end_of_line_or_delete_line(self) -> None:
        """Delete to where the line ends, however it is wrapped."""
        row, column = self.cursor_location
        if column < (end := len(self.document.get_line(row))):
            self._delete_via_keyboard((row, column), (row, end))
        else:
            await super().action_delete_to_end_of_line_or_delete_line()

    def action_delete_right_of_text(self) -> None:
        """Delete the next letter; with no text at all the key is the app's."""
        if self.is_empty:
            raise SkipAction()
        self.action_delete_right()

    def on_unmount(self) -> None:
        """Let no thread outlive the app."""
        self._files.stop()

    # -- what TextArea asks

    def watch_selection(self) -> None:
        """Close the list when the cursor leaves what it completes."""
        if self._offers is not None and self._offers.is_open:
            self._offers.look()

    def update_suggestion(self) -> None:
        """Look whether what is typed can be completed."""
        if self._offers is not None:
            self._offers.look()

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """Find none: a prompt is no program, and the search goes over all of it."""
        return None

    # -- drawing

    @property
    def gutter_width(self) -> int:
        """The width of the sign."""
        return _GUTTER

    @property
    def sign(self) -> str:
        """The sign before the text: what kind of text it is, or the mode that keys are in."""
        if self.vim and self.vim.normal:
            return "N"
        first = self.document.get_line(0)
        if first.startswith("!"):
            return "!"
        return "/" if is_command(first) else READY

    def get_line(self, line_index: int) -> Text:
        """Return a line with its mentions and marks in their colours."""
        text = super().get_line(line_index)
        line = text.plain
        if "@" in line:
            text.highlight_regex(
                r"(?<!\S)@[^\s]+", self.get_component_rich_style("prompt--mention", partial=True)
            )
        for start, end in self.folds.spans(line):
            style = self.get_component_rich_style("prompt--fold", partial=True)
            text.stylize(style, start, end)
        return text

    def render_line(self, y: int) -> Strip:
        """Draw a line behind the sign, which stands before the first."""
        if self.is_empty:
            return self._empty_line(y)
        text = super().render_line(y)
        first = y + self.scroll_offset.y == 0
        return Strip.join([self._gutter_strip(first), text])

    def notify_style_update(self) -> None:
        """Draw the signs in their new styles."""
        self._signs.clear()
        super().notify_style_update()

    def _gutter_strip(self, first: bool) -> Strip:
        sign = self.sign if first else " "
        if sign not in self._signs:
            style = self.get_component_rich_style(f"prompt--{'shell' if sign == '!' else 'sign'}")
            self._signs[sign] = Strip([Segment(f"{sign} ", style)], _GUTTER)
        return self._signs[sign]

    def _empty_line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        cursor = self.get_component_rich_style("text-area--cursor") if self.has_focus else None
        left = [*self._gutter_strip(True), Segment(" ", cursor or self.rich_style)]
        hints = HINTS if width >= _HINTED else ""
        gap = max(0, width - _GUTTER - 1 - len(hints))
        hint = Segment(hints, self.get_component_rich_style("prompt--hint"))
        return Strip([*left, Segment(" " * gap, self.rich_style), hint])

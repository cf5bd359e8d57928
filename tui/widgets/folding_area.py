"""A text area in which a large paste is one mark, taken and left as a whole."""

from __future__ import annotations

import time

from textual import events
from textual.actions import SkipAction
from textual.geometry import Offset, Region
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import EditResult, Location, Selection

from agent.terminal import inert
from tui.widgets.folding import Folds


def plain(text: str) -> str:
    """Return text as a prompt may hold it: lines that end alike, and nothing that hides."""
    return inert(text.replace("\r\n", "\n").replace("\r", "\n"))


class FoldingArea(TextArea, inherit_bindings=False):
    """A text area without keys of its own; `folds` knows what its marks stand for."""

    def __init__(self, id: str | None = None) -> None:
        self.folds = Folds()
        self.last_key = 0.0  # when something was typed or pasted, on the monotonic clock
        self._killed = ""
        self._styled: object = None  # the theme whose styles are made
        super().__init__(id=id, compact=True, highlight_cursor_line=False)
        self.cursor_blink = False

    def notify_style_update(self) -> None:
        """Take in new styles at the next drawing."""
        self._styled = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw; the styles are made anew only where they have changed, as that takes longer."""
        if self._styled is not self._theme:
            self._styled = self._theme
            return super().render_lines(crop)
        return super(TextArea, self).render_lines(crop)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor, once it is where an undo that took lines away puts it."""
        # Textual asks between the two, when the scroll bar goes, and would fail
        if self.cursor_location[0] >= self.document.line_count:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.last_key = time.monotonic()
        self._paste(event.text)
        self.focus()

    def action_paste(self) -> None:
        """Paste what was copied here."""
        self._paste(self.app.clipboard)

    def _paste(self, text: str) -> None:
        if text:
            self._replace_via_keyboard(self.folds.fold(plain(text)), *self.selection)

    def action_yank(self) -> None:
        """Put back what was deleted last."""
        if self._killed:
            self._replace_via_keyboard(self._killed, *self.selection)

    def action_unfold(self) -> None:
        """Unfold the paste at the cursor, or else the nearest before it."""
        row, column = self.cursor_location
        for at in range(row, -1, -1):
            spans = self.folds.spans(self.document.get_line(at))
            spans = [span for span in spans if at < row or span[0] <= column]
            if spans:
                self._unfold(at, *spans[-1])
                return
        raise SkipAction()

    def on_click(self, event: events.Click) -> None:
        """Unfold the paste that was clicked."""
        if not self.selection.is_empty:  # it was the end of a drag
            return
        row, column = self.get_target_document_location(event)
        for start, end in self.folds.spans(self.document.get_line(row)):
            if start <= column < end:
                self._unfold(row, start, end)

    def _unfold(self, row: int, start: int, end: int) -> None:
        text = self.folds.text(self.document.get_line(row)[start:end])
        if text is not None:
            self.replace(text, (row, start), (row, end), maintain_selection_offset=False)

    def delete(
        self, start: Location, end: Location, *, maintain_selection_offset: bool = True
    ) -> EditResult:
        """Delete a range, and of a mark that it touches all."""
        start, end = self._whole(start, end)
        result = super().delete(start, end, maintain_selection_offset=maintain_selection_offset)
        if len(result.replaced_text) > 1:
            self._killed = result.replaced_text
        return result

    def replace(
        self,
        insert: str,
        start: Location,
        end: Location,
        *,
        maintain_selection_offset: bool = True,
    ) -> EditResult:
        """Replace a range, and of a mark that it touches all."""
        start, end = self._whole(start, end)
        return super().replace(
            insert, start, end, maintain_selection_offset=maintain_selection_offset
        )

    def _whole(self, start: Location, end: Location) -> tuple[Location, Location]:
        start, end = sorted((start, end))
        return self._beside(start, forward=False), self._beside(end, forward=True)

    def _beside(self, at: Location, *, forward: bool) -> Location:
        """Return a place, moved out of the mark that it is in."""
        row, column = at
        for first, last in self.folds.spans(self.document.get_line(row)):
            if first < column < last:
                return row, last if forward else first
        return at

    def validate_selection(self, selection: Selection) -> Selection:
        """Keep the cursor out of marks, going on in its direction."""
        forward = selection.end >= self.selection.end
        start, end = (self._beside(at, forward=forward) for at in selection)
        return Selection(start, end)

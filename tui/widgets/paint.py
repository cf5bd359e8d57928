"""A line of content becomes a strip of the screen, in the colours of the theme."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import ColorParseError
from textual.content import Content
from textual.css.tokenizer import TokenError
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from tui.cards.lines import undecorated

BAR = "▌"


class Paint:
    """Draws lines for a widget; it keeps what roles mean until the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str | Style, Style] = {}

    def forget(self) -> None:
        """Look up again what roles mean."""
        self._styles.clear()

    def strip(self, line: Content, place: int, width: int, selection: Selection | None) -> Strip:
        """Draw a line that a selection knows by its place, and what of it is selected."""
        base = self._widget.visual_style
        if selection is not None and (span := selection.get_span(place)) is not None:
            chosen = self._widget.screen.get_visual_style("screen--selection")
            line = _selected(line, *span, chosen)
        x, segments = 0, []
        for text, style in line.render(base, end="", parse_style=self._style):
            segments.append(Segment(text, (base + style).rich_style_with_offset(x, place)))
            x += len(text)
        return Strip(segments, line.cell_length).adjust_cell_length(width, base.rich_style)

    def barred(self, strip: Strip, width: int) -> Strip:
        """Return a line with the bar of the cursor before it."""
        style = self._widget.visual_style + self._style("$primary")
        return Strip([Segment(BAR, style.rich_style), *strip.crop(1, width)], width)

    def _style(self, style: str | Style) -> Style:
        found = self._styles.get(style)
        if found is None:
            found = self._styles[style] = _parsed(style)
        return found


def _parsed(style: str | Style) -> Style:
    if isinstance(style, Style):
        return style
    try:
        return Style.parse(style)
    except (TokenError, ColorParseError):  # a role that this theme does not have
        return Style.null()


def _selected(line: Content, start: int, end: int, chosen: Style) -> Content:
    """Let what is selected stand out; decoration is not selected."""
    end = len(line) if end == -1 else end
    for first, last in undecorated(line):
        if max(first, start) < min(last, end):
            line = line.stylize(chosen, max(first, start), min(last, end))
    return line

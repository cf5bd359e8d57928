"""A widget that is lines of text for a width, as high as there are lines."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

Draw = Callable[[int], list[Content]]


class Drawn(Widget):
    """Shows what `draw` returns for its width; nothing until it is given."""

    DEFAULT_CSS = "Drawn { height: auto; width: 1fr; }"

    def __init__(self, draw: Draw | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._kept: tuple[int, list[Content]] | None = None

    def show(self, draw: Draw | None) -> None:
        """Show something else, or the same anew."""
        self._draw, self._kept = draw, None
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """Return the lines for a width."""
        if self._draw is None or width <= 0:
            return []
        if self._kept is None or self._kept[0] != width:
            self._kept = width, self._draw(width)
        return self._kept[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are."""
        return len(self.lines(width))

    def render_line(self, y: int) -> Strip:
        """Draw one of them: of many, only those in sight cost something."""
        width = self.size.width
        lines = self.lines(width)
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        return Visual.to_strips(self, lines[y], width, 1, self.visual_style)[0]

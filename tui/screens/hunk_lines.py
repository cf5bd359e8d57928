"""The hunks of one file, below each other: what is in sight is drawn, and one of them is marked."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agent.hunks import File, Hunk
from agent.review import State
from tui import theme
from tui.cards.diff import Diff
from tui.cards.lines import NOTHING, clean, counted, cut, dim, more, one_line, row
from tui.widgets.paint import Paint

BACK = "\u21b6"  # taken back
_SIGNS = {
    "open": (" ", ""),
    "accepted": (theme.DONE, theme.GOOD),
    "reverted": (BACK, theme.WARM),
}
_WORDS = {"open": "", "accepted": "accepted", "reverted": "taken back"}
_KINDS = {"created": "+", "deleted": "-", "changed": "~"}
_AROUND = 10  # hunks on each side of the marked one that are drawn in full
_MOST = 400  # lines of one hunk
_NO_END = "\\ No newline"


def size(come: int, gone: int) -> Content:
    """Return how many lines come and go: such as +3 and -1."""
    return Content.assemble((f"+{come}", theme.GOOD), " ", (f"-{gone}", theme.BAD))


def file_row(file: File, states: list[State], width: int, chosen: bool) -> Content:
    """Return a file as a line of a list; a sign says where nothing is open any more."""
    done: State = "accepted" if "accepted" in states else "reverted"
    sign = _SIGNS["open" if "open" in states else done]
    lead = Content.assemble((theme.CLOSED if chosen else " ", theme.NAME), sign, " ")
    ends = size(file.come, file.gone) if file.come or file.gone else dim(_about(file))
    room = max(4, width - lead.cell_length - ends.cell_length - 4)
    name = cut(one_line(file.path), room, keep="end")
    body = Content.assemble((f"{_KINDS[file.kind]} ", theme.DIM), (name, theme.NAME))
    return row(lead, body, width, ends)


def file_head(file: File, width: int) -> list[Content]:
    """Return what stands over the hunks of a file."""
    words: str = "" if file.kind == "changed" else file.kind
    if file.moved:
        words = f"moved {'to' if file.kind == 'deleted' else 'from'} {one_line(file.moved)}"
    name = Content.styled(cut(one_line(file.path), width - 16, keep="end"), theme.NAME)
    return [row("", name, width, dim(cut(words, width // 2))), NOTHING]


def hunk_head(hunk: Hunk, count: int, state: State, width: int) -> Content:
    """Return the line over a hunk: its place, what became of it, what it is about."""
    sign, style = _SIGNS[state]
    place = f"{hunk.number + 1} of {count}"
    parts: list[Content | str | tuple[str, str]] = [" ", (f"{sign} ", style), (place, theme.DIM)]
    if hunk.piece is not None:
        start, many = hunk.piece.new
        line = f"line {start + 1}" if many < 2 else f"lines {start + 1}-{start + many}"
        title = one_line(hunk.text.partition("\n")[0].rpartition("@@")[2])
        parts += ["  ", dim(line if many else "gone"), "  ", title]
    else:
        parts += ["  ", one_line(hunk.about)]
    told = Content.styled(_WORDS[state], style)
    ends = size(hunk.come, hunk.gone) if hunk.piece is not None else NOTHING
    return row("", Content.assemble(*parts), width, ends, told)


def hunk_body(hunk: Hunk, width: int) -> list[Content]:
    """Return the lines of a hunk."""
    if hunk.piece is None:
        return []
    lines = hunk.text.split("\n")
    shown = "\n".join(lines[: _MOST + 1])
    out = Diff(f"+++ b/{hunk.path}\n{shown}").lines(width, 2)
    if len(lines) > _MOST + 1:
        out.append(more(len(lines) - _MOST - 1))
    if _NO_END in shown:
        ends = [at for at, line in enumerate(lines) if line.startswith(_NO_END)]
        sides = {lines[at - 1][:1] for at in ends}
        where = {"-": "before", "+": "after"}.get("".join(sides), "before and after")
        out.append(dim(f"  no newline at the end of the file, {where}"))
    return out


def told(review_states: list[State], files: list[File]) -> Content:
    """Return what is changed, and how far the user has come with it."""
    come, gone = sum(file.come for file in files), sum(file.gone for file in files)
    accepted, back = review_states.count("accepted"), review_states.count("reverted")
    words = f"{accepted} of {counted(len(review_states), 'hunk')} accepted"
    words += f", {back} taken back" if back else ""
    return Content.assemble(
        (f"{counted(len(files), 'file')}  ", ""), size(come, gone), (f"   {words}", theme.DIM)
    )


def _about(file: File) -> str:
    return clean(file.hunks[0].about.partition(":")[0].partition(" ")[0])


class Hunks(ScrollView, can_focus=False):
    """Draws a file's hunks; `state` says what became of each, `at` is the marked one."""

    ALLOW_SELECT = False  # a click marks

    DEFAULT_CSS = """
    Hunks {
        overflow-x: hidden; overflow-y: auto; scrollbar-gutter: stable;
        scrollbar-size-vertical: 1; height: 1fr;
    }
    """

    class Marked(Message):
        """A hunk was clicked."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def __init__(self, state: Callable[[Hunk], State]) -> None:
        super().__init__()
        self._state = state
        self._file: File | None = None
        self.at = 0
        self._bodies: dict[tuple[int, int], list[Content]] = {}
        self._lines: list[tuple[int, Content]] = []  # -1: of no hunk
        self._paint = Paint(self)

    def show(self, file: File | None, at: int) -> None:
        """Show a file, or the same one anew, and mark one of its hunks."""
        if file is not self._file:
            self._bodies.clear()
        self._file, self.at = file, at
        self._build()
        self._keep_in_sight()

    def page(self, direction: int) -> None:
        """Scroll by a page."""
        by = direction * max(1, self.size.height - 1)
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def _build(self) -> None:
        file, width = self._file, self.scrollable_content_region.width
        self._lines = []
        if file is None or width <= 1:
            return
        self._lines = [(-1, line) for line in file_head(file, width)]
        for at, hunk in enumerate(file.hunks):
            state = self._state(hunk)
            self._lines.append((at, hunk_head(hunk, len(file.hunks), state, width)))
            if abs(at - self.at) <= _AROUND and state != "reverted":
                key = (at, width)
                if key not in self._bodies:
                    self._bodies[key] = hunk_body(hunk, width)
                self._lines += [(at, line) for line in self._bodies[key]]
            self._lines.append((-1, NOTHING))
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def _keep_in_sight(self) -> None:
        rows = [row for row, (at, _) in enumerate(self._lines) if at == self.at]
        page = self.size.height
        if not rows or not page:
            return
        first, last, top = rows[0] if self.at else 0, rows[-1], self.scroll_offset.y
        if first < top or last >= top + page:
            # all of it, and its beginning where there is no room for all
            self.scroll_to(y=min(first, max(0, last - page + 2)), animate=False)

    def on_resize(self) -> None:
        """Fold the lines anew."""
        self._build()
        self.call_after_refresh(self._keep_in_sight)

    def on_click(self, event: events.Click) -> None:
        """Mark a hunk."""
        event.stop()
        row = self.scroll_offset.y + event.y
        if 0 <= row < len(self._lines) and self._lines[row][0] >= 0:
            self.post_message(self.Marked(self._lines[row][0]))

    def notify_style_update(self) -> None:
        """Draw anew in other colours."""
        super().notify_style_update()
        self._paint.forget()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width, row = self.scrollable_content_region.width, self.scroll_offset.y + y
        at, line = self._lines[row] if row < len(self._lines) else (-1, NOTHING)
        strip = self._paint.strip(line, row, width, None)
        return self._paint.barred(strip, width) if at == self.at else strip

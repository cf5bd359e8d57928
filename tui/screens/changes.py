"""What this session changed: gone through hunk by hunk, accepted or taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import ModalScreen

from agent.errors import WispError
from agent.hunks import File, Hunk
from agent.review import Review
from agent.terminal import inert
from tui import theme
from tui.screens import hunk_lines
from tui.screens.hunk_lines import Hunks
from tui.screens.rows import Rows
from tui.widgets.drawn import Drawn

WIDE = 90  # cells, from which on the files stand at the left
_KEYS = (
    "j k hunk   ] [ file   a accept   A all of the file   r take back   R file   f files   Esc",
    "j k hunk   ] [ file   a A accept   r R take back   Esc",
    "j k  ] [  a A accept  r R take back  Esc",
)


class Changes(ModalScreen[None]):
    """Goes through a review; `busy` says whether a turn runs, in which nothing is taken back."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - as Textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f3", "close", "close"),
        Binding("j,down", "hunk(1)", "the next hunk"),
        Binding("k,up", "hunk(-1)", "the hunk before"),
        Binding("right_square_bracket,n", "file(1)", "the next file"),
        Binding("left_square_bracket,p", "file(-1)", "the file before"),
        Binding("a", "accept", "accept the hunk, or no longer"),
        Binding("A", "accept_file", "accept all of the file"),
        Binding("r", "revert('hunk')", "take the hunk back; asks once"),
        Binding("R", "revert('file')", "take all of the file back; asks once"),
        Binding("f", "files", "show the files, or the diff alone"),
        Binding("pagedown,space", "page(1)", "a page down"),
        Binding("pageup,b", "page(-1)", "a page up"),
    ]

    DEFAULT_CSS = """
    Changes { align: center middle; }
    Changes > Vertical {
        width: 100%; height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        border-subtitle-color: $text-muted;
    }
    Changes Container { height: 1fr; layout: vertical; }
    Changes Rows { height: auto; max-height: 5; border-bottom: solid $panel; }
    Changes.-wide Container { layout: horizontal; }
    Changes.-wide Rows {
        height: 1fr; max-height: 100%; width: 1fr; min-width: 32; max-width: 44;
        border-bottom: none; border-right: solid $panel; padding: 0 1 0 0;
    }
    Changes.-wide Hunks { width: 3fr; }
    Changes.-alone Rows { display: none; }
    """

    def __init__(self, review: Review, busy: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self._review, self._busy = review, busy
        self._at = 0  # which hunk of the file
        self._goal = 0  # which one of the file that is gone to; -1 is its last
        self._asks: File | Hunk | None = None  # about to be taken back
        self._working = False
        self._error = ""
        self._rows, self._hunks = Rows(self._row), Hunks(review.state)
        self._status = Drawn(self._told)

    def compose(self) -> ComposeResult:
        """Put the files beside their hunks, or over them."""
        box = Vertical(Container(self._rows, self._hunks), self._status)
        box.border_title = "changes"
        yield box

    def on_mount(self) -> None:
        """Begin at the first file."""
        self._rows.styles.min_height = min(5, len(self._review.files)) + 1
        self._rows.show(len(self._review.files))
        self.set_class(not self._review.files, "-alone")

    def on_resize(self, event: events.Resize) -> None:
        """Say the keys as there is room."""
        room = self.size.width - 6
        box = self.query_one(Vertical)
        box.border_subtitle = next((each for each in _KEYS if len(each) <= room), _KEYS[-1])

    # -- where

    @property
    def _file(self) -> File | None:
        at = self._rows.at
        return self._review.files[at] if 0 <= at < len(self._review.files) else None

    @property
    def _hunk(self) -> Hunk | None:
        return self._file.hunks[self._at] if self._file else None

    @on(Rows.Moved)
    def _moved(self) -> None:
        goal, self._goal = self._goal, 0
        self._mark(len(self._file.hunks) - 1 if goal < 0 and self._file else goal)

    @on(Hunks.Marked)
    def _clicked(self, message: Hunks.Marked) -> None:
        self._mark(message.at)

    def _mark(self, at: int) -> None:
        self._at, self._asks, self._error = at, None, ""
        self._draw()

    def action_hunk(self, by: int) -> None:
        """Go to the next hunk or the one before, through all files."""
        file = self._file
        if file is None:
            return
        if 0 <= self._at + by < len(file.hunks):
            self._mark(self._at + by)
        elif 0 <= self._rows.at + by < len(self._review.files):
            self._goal = 0 if by > 0 else -1
            self._rows.move(by)

    def action_file(self, by: int) -> None:
        """Go to the next file or the one before."""
        self._rows.move(by)

    def action_page(self, direction: int) -> None:
        """Scroll the hunks."""
        self._hunks.page(direction)

    def action_files(self) -> None:
        """Show the files, or give their room to the hunks."""
        self.toggle_class("-alone")

    def action_close(self) -> None:
        """Take nothing back after all, or close."""
        if self._asks is not None:
            self._mark(self._at)
        else:
            self.dismiss(None)

    # -- what is decided

    def action_accept(self) -> None:
        """Accept the hunk and go to the next open one; accepted, it is open again."""
        hunk = self._hunk
        if hunk is None:
            return
        if self._review.state(hunk) == "accepted":
            self._review.reopen(hunk)
            self._mark(self._at)
            return
        self._review.accept(hunk)
        self._to_next_open()

    def action_accept_file(self) -> None:
        """Accept what is left of the file and go to the next one."""
        if self._file is not None:
            self._review.accept(self._file)
            self._to_next_open()

    def action_revert(self, what: str) -> None:
        """Ask whether it is to be taken back; asked already, take it back."""
        wanted = self._hunk if what == "hunk" else self._file
        if wanted is None or self._working:
            return
        if self._busy():
            self._mark(self._at)
            self._error = "a turn runs: nothing is taken back until it has ended"
            self._draw()
        elif self._asks is wanted:
            self._working = True
            self.run_worker(self._revert(wanted), group="revert")
        else:
            self._mark(self._at)
            self._asks = wanted
            self._draw()

    async def _revert(self, wanted: File | Hunk) -> None:
        error = ""
        try:
            await self._review.revert(wanted)
        except WispError as caught:
            error = f"{caught.message}: {caught.hint}" if caught.hint else caught.message
        finally:
            self._working = False
        self._mark(self._at)
        self._error = error
        self._draw()

    def _to_next_open(self) -> None:
        """Mark the next open hunk, from here to the end; none there: stay."""
        files, first = self._review.files, self._rows.at
        for number in range(first, len(files)):
            start = self._at + 1 if number == first else 0
            for at in range(start, len(files[number].hunks)):
                if self._review.state(files[number].hunks[at]) == "open":
                    if number == first:
                        self._mark(at)
                    else:
                        self._goal = at
                        self._rows.move(number - first)
                    return
        self._mark(self._at)

    # -- drawing

    def _draw(self) -> None:
        self._rows.refresh()
        self._hunks.show(self._file, self._at)
        self._status.show(self._told)

    def _row(self, at: int, width: int, chosen: bool) -> Content:
        file = self._review.files[at]
        states = [self._review.state(hunk) for hunk in file.hunks]
        return hunk_lines.file_row(file, states, width, chosen)

    def _told(self, width: int) -> list[Content]:
        review = self._review
        if self._error:
            text = f"{theme.FAILED} {inert(self._error)}"
            return Content.styled(text, theme.BAD).wrap(width)
        if self._working:
            return [Content.styled("taking it back …", theme.DIM)]
        if self._asks is not None:
            return [Content.styled(self._question(self._asks), theme.WARM).truncate(width)]
        cut = "what changed before the oldest checkpoint that is kept is not shown"
        lines = [Content.styled(cut, theme.WARM)] if review.cut else []
        if not review.files:
            return [*lines, Content.styled("nothing was changed in this session", theme.DIM)]
        states = [review.state(hunk) for file in review.files for hunk in file.hunks]
        return [*lines, hunk_lines.told(states, list(review.files)).truncate(width)]

    def _question(self, wanted: File | Hunk) -> str:
        kind = self._file.kind if self._file else "changed"
        whole = {"created": "removes this file", "deleted": "puts this file back"}
        key, said = "r", "takes this hunk back"
        if isinstance(wanted, File):
            key, said = "R", "takes all of this file back"
        return f"? {key} again {whole.get(kind, said)}; /undo would undo that"

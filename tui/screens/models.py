"""The models: those on this machine, to load, served here, elsewhere; or any name, typed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from agent.errors import ModelUnusable
from agent.models import servers
from agent.terminal import exact
from tui import theme
from tui.cards.lines import one_line
from tui.screens import model_choices
from tui.screens.model_choices import Choice, Group
from tui.screens.rows import Rows
from tui.widgets.drawn import Drawn
from tui.words import clip

_STAYS = "nothing leaves this machine"
_KEYS = (
    "↑ ↓ select   Enter takes it   type any other name   Esc closes",
    "↑ ↓ select   Enter takes it   Esc closes",
)
_LOOKING = (
    Group("servers on this machine", note="looking …"),
    Group("elsewhere", note="looking for keys …"),
)


class Models(ModalScreen[tuple[str, str] | None]):
    """Returns the name of the model to use and its address, empty for the usual one; or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back, or close"),
        Binding("f6", "dismiss", "close"),
        Binding("up", "move(-1)", "the model above"),
        Binding("down", "move(1)", "the model below"),
        Binding("pageup", "page(-1)", "a page up"),
        Binding("pagedown", "page(1)", "a page down"),
    ]

    DEFAULT_CSS = """
    Models { align: center middle; }
    Models > Vertical {
        width: 100%; max-width: 120; height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        border-subtitle-color: $text-muted;
    }
    Models Input { border: none; padding: 0; height: 1; margin: 1 0; background: $panel; }
    """

    def __init__(self, current_name: str) -> None:
        super().__init__()
        self._current = current_name
        self._here = model_choices.here()
        self._served, self._remote = _LOOKING
        self._more: list[Group] = [self._served]
        self._places: dict[str, str] | None = None  # of keys
        self._lines: list[Group | Choice | str] = []
        self._types = False  # Enter takes what is typed, not what is selected
        self._error: ModelUnusable | None = None
        self._rows = Rows(self._row, self._pickable)
        self._about = Drawn(self._told)

    def compose(self) -> ComposeResult:
        """Put the list over the line to type in, and below it what that would mean."""
        hint = "or a name: provider/model, or the path of a GGUF file"
        box = Vertical(self._rows, Input(placeholder=hint, compact=True), self._about)
        box.border_title = Content(f"models, in use: {clip(one_line(self._current), 36)}")
        yield box

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest beside it."""
        self._list(first=True)
        self.query_one(Input).focus()
        self.run_worker(self._look_for_servers())
        self.run_worker(self._look_for_keys())

    def on_resize(self, event: events.Resize) -> None:
        """Say the keys as there is room."""
        room = min(event.size.width, 120) - 6
        box = self.query_one(Vertical)
        box.border_subtitle = next((each for each in _KEYS if len(each) <= room), _KEYS[-1])

    async def _look_for_servers(self) -> None:
        self._more = model_choices.served(await servers.find())
        self._list()

    async def _look_for_keys(self) -> None:
        places, trouble = await asyncio.to_thread(model_choices.keys_found)
        self._places, self._remote = places, model_choices.remote(places, trouble)
        self._list()

    def _list(self, *, first: bool = False) -> None:
        chosen = self._chosen
        self._lines = []
        for group in (*self._here, *self._more, self._remote):
            self._lines += [*([""] if self._lines else []), group, *group.choices]
            self._lines += [group.note] if group.note else []
        used = (
            at
            for at, each in enumerate(self._lines)
            if isinstance(each, Choice) and self._is_used(each)
        )
        at = next(used, -1) if first else -1
        if chosen in self._lines:
            at = self._lines.index(chosen)
        self._rows.show(len(self._lines), at)

    # -- what is chosen

    @property
    def _chosen(self) -> Choice | None:
        at = self._rows.at
        found = self._lines[at] if 0 <= at < len(self._lines) else None
        return found if isinstance(found, Choice) else None

    def _pickable(self, at: int) -> bool:
        return isinstance(self._lines[at], Choice)

    def _is_used(self, choice: Choice) -> bool:
        return choice.name == self._current

    def _wanted(self) -> Choice | None:
        """Return what Enter takes; raises ModelUnusable."""
        text = self.query_one(Input).value.strip()
        if self._types and text:
            return model_choices.typed(text, self._places)
        return self._chosen

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._types, self._error = bool(event.value.strip()), None
        self._rows.refresh()
        self._about.show(self._told)

    @on(Rows.Moved)
    def _moved(self) -> None:
        self._error = None
        self._about.show(self._told)

    @on(Rows.Picked)
    def _picked(self) -> None:
        self._types = False
        self._take()

    @on(Input.Submitted)
    def _take(self) -> None:
        try:
            wanted = self._wanted()
            if wanted is not None:
                model_choices.check(wanted)
        except ModelUnusable as error:
            self._error = error
            self._about.show(self._told)
            return
        if wanted is None:
            return
        if wanted.begins:
            field = self.query_one(Input)
            field.value = wanted.name
            field.cursor_position = len(field.value)
            self._types = True
            self._about.show(self._told)
        else:
            self.dismiss((wanted.name, wanted.api_base))

    def action_move(self, by: int) -> None:
        """Select the model above or below."""
        self._types = False
        self._rows.move(by)
        self._moved()

    def action_page(self, direction: int) -> None:
        """Select a model a page further."""
        self._types = False
        self._rows.page(direction)
        self._moved()

    def action_back(self) -> None:
        """Take back what is typed, else close."""
        field = self.query_one(Input)
        if field.value:
            field.value = ""
        else:
            self.dismiss(None)

    # -- drawing

    def _row(self, at: int, width: int, chosen: bool) -> Content:
        line = self._lines[at]
        if isinstance(line, Group):
            stays = line.choices and not any(each.to for each in line.choices)
            said = Content.styled(clip(one_line(line.title), width), f"{theme.STRONG} {theme.NAME}")
            gap = width - said.cell_length - len(_STAYS)
            if not stays or gap < 2:
                return said
            return Content.assemble(said, (f"{' ' * gap}{_STAYS}", theme.DIM))
        if isinstance(line, str):
            return Content.styled(f"    {one_line(line)}", theme.DIM)
        mark = "▸ " if chosen and not self._types else "  "
        used = f"{theme.RUNNING} " if self._is_used(line) else "  "
        name = Content(one_line(line.title or line.name))
        column = min(30, max(18, width * 2 // 5))
        name = name.pad_right(max(0, column - name.cell_length))
        about = f"in use, {line.about}" if self._is_used(line) else line.about
        return Content.assemble(
            (mark, theme.NAME), (used, theme.GOOD), name, (f"  {one_line(about)}", theme.DIM)
        )

    def _told(self, width: int) -> list[Content]:
        try:
            if self._error is not None:
                raise self._error
            wanted = self._wanted()
        except ModelUnusable as error:
            # while it is typed it need not be a name yet
            style = theme.DIM if self._error is None else theme.BAD
            sign = "" if self._error is None else f"{theme.FAILED} "
            said = Content.styled(f"{sign}{exact(error.message)}", style)
            hint = Content.styled(f"hint: {exact(error.hint)}" if error.hint else "", theme.DIM)
            return [each.truncate(width, ellipsis=True) for each in (said, hint)]
        if wanted is None:
            return [Content(""), Content("")]
        name = exact(wanted.name) + ("…" if wanted.begins else "")
        about = one_line(wanted.about)
        first = Content.assemble((name, theme.STRONG), (f"  {about}" if about else "", theme.DIM))
        if wanted.to:
            goes = Content.styled(f"↑ what is read is sent to {one_line(wanted.to)}", theme.WARM)
        else:
            goes = Content.styled(f"{theme.DONE} {_STAYS}", theme.GOOD)
        return [each.truncate(width, ellipsis=True) for each in (first, goes)]

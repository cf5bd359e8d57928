"""The policy: the table with the row that counts, what contains commands, rules, the last calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from agent.events import UNLOGGED, Base
from agent.policy import EFFECTS, TABLE, Autonomy, Cell, Stance, Verdict, verdict_for
from agent.terminal import exact, inert
from tools.base import Effect, ToolCall
from tui import theme
from tui.widgets.asking import row
from tui.widgets.drawn import Drawn
from tui.words import SHORT, clip, holds, notch, target

LAST = 20  # calls
_HEAD = 12  # cells of a row's name
_WIDE = 8 + max(len(each) for each in Cell) + _HEAD + 5 * 9  # cells, for cells in full
_STYLES = {Verdict.ALLOW: theme.GOOD, Verdict.ASK: theme.WARM, Verdict.DENY: theme.BAD}
_CELLS = {
    Cell.ALLOW: theme.GOOD,
    Cell.CONTAINED: theme.GOOD,
    Cell.ASK: theme.WARM,
    Cell.DENY: theme.BAD,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One call that was made, and what each level would have said of it; `was` said so then."""

    call: ToolCall
    was: Verdict
    verdicts: tuple[Verdict, ...]


def last_calls(logged: Sequence[Base]) -> list[Row]:
    """Return the last calls of a session, the newest last; reads all of it once for each level."""
    from agent.replay.deciding import replay

    kept = [event for event in logged if not isinstance(event, UNLOGGED)]
    by_level = [list(replay(kept, level))[-LAST:] for level in Autonomy]
    return [
        Row(same[0].call, same[0].then.verdict, tuple(each.now.verdict for each in same))
        for same in zip(*by_level, strict=True)
    ]


def table(stance: Stance, width: int) -> list[Content]:
    """Return the table of the policy, the row that counts here lit."""
    in_full = width >= _WIDE
    names = {each: str(each) if in_full else SHORT[each] for each in Cell}
    rows = [TABLE[level] for level in Autonomy]
    wide = [
        max(len(effect), *(len(names[cells[at]]) for cells in rows))
        for at, effect in enumerate(EFFECTS)
    ]
    head = "".join(f"{effect:{size + 1}}" for effect, size in zip(EFFECTS, wide, strict=True))
    lines = [Content.assemble(" " * _HEAD, (head.rstrip(), theme.DIM))]
    corrected = False
    for level, cells in zip(Autonomy, rows, strict=True):
        here = level is stance.autonomy
        sign = "▸" if here else " "
        style = f"{theme.STRONG} {theme.level_style(level)}" if here else theme.DIM
        parts = [(f"{sign} {int(level)} {level.name}".ljust(_HEAD), style)]
        for effect, cell, size in zip(EFFECTS, cells, wide, strict=True):
            name, colour = names[cell], _CELLS[cell] if here else theme.FAINT
            if here and _asks_here(effect, cell, stance):
                name, colour, corrected = "ask!", theme.WARM, True
            parts.append((f"{name:{size + 1}}", colour))
        lines.append(Content.assemble(*parts).rstrip())
    if not in_full:
        held = "it is" if stance.contained else "it is not"
        said = f"* allow if contained, which {held} here, else ask"
        lines += Content.styled(said, theme.DIM).wrap(width)
    if corrected:
        said = "! the table allows it; why it asks here is said below"
        lines += Content.styled(said, theme.DIM).wrap(width)
    return lines


def _asks_here(effect: Effect, cell: Cell, stance: Stance) -> bool:
    """Whether a cell that allows, allows nothing as things stand."""
    return cell is Cell.ALLOW and verdict_for(effect, stance) is Verdict.ASK


class Policy(ModalScreen[None]):
    """Shows it all, and moves the slider: `on_move` is told of each level that is chosen.

    `events` are those of the session so far, `why_not` says why the containment is not FULL.
    """

    BINDINGS = [  # noqa: RUF012 - as Textual wants it
        Binding("escape,f2,q", "dismiss", "close"),
        Binding("left,h", "step(-1)", "less"),
        Binding("right,l", "step(1)", "more"),
        *(Binding(str(int(level)), f"move({int(level)})", level.name) for level in Autonomy),
    ]

    DEFAULT_CSS = """
    Policy { align: center middle; }
    Policy VerticalScroll {
        width: 100%; max-width: 132; height: auto; max-height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(
        self,
        stance: Stance,
        events: Sequence[Base],
        why_not: str,
        on_move: Callable[[Autonomy], None],
    ) -> None:
        super().__init__()
        self._stance = replace(stance)
        self._events, self._why_not, self._on_move = events, why_not, on_move
        self._rows: list[Row] | None = None
        self._drawn = Drawn(self.lines)

    def compose(self) -> ComposeResult:
        """Put all of it into one column that scrolls."""
        box = VerticalScroll(self._drawn)
        box.border_title = "policy"
        box.border_subtitle = "← → or 0-4 move the slider, Esc closes"
        yield box

    def on_mount(self) -> None:
        """Read the session again beside what is drawn: a long one takes a while."""
        self.run_worker(self._read, thread=True)

    def _read(self) -> None:
        rows = last_calls(tuple(self._events))
        self.app.call_from_thread(self._show_rows, rows)

    def _show_rows(self, rows: list[Row]) -> None:
        self._rows = rows
        self._drawn.show(self.lines)

    def on_click(self, event: events.Click) -> None:
        """Close where the click is beside the box."""
        if self.get_widget_at(event.screen_x, event.screen_y)[0] is self:
            self.dismiss()

    def action_step(self, by: int) -> None:
        """Move the slider by a notch."""
        level = self._stance.autonomy + by
        if min(Autonomy) <= level <= max(Autonomy):
            self.action_move(level)

    def action_move(self, level: int) -> None:
        """Move the slider."""
        wanted = Autonomy(level)
        if wanted is not self._stance.autonomy:
            self._stance = replace(self._stance, autonomy=wanted)
            self._on_move(wanted)
            self._drawn.show(self.lines)

    # -- drawing

    def lines(self, width: int) -> list[Content]:
        """Return all of it for a width."""
        lines = [*table(self._stance, width), Content("")]
        words = Content.styled(notch(self._stance)[0], theme.level_style(self._stance.autonomy))
        lines += row("now", words, width)
        mark = holds(self._stance)[0]
        why = f": {exact(self._why_not)}" if self._why_not else ""
        lines += row("held", Content.assemble(mark, (why, theme.DIM)), width)
        if self._stance.taint is not None:
            source = exact(self._stance.taint.source)
            said = f"text from {source} was read; no rule counts for network, outside and destroy"
            lines += row("beware", Content.styled(said, theme.BAD), width)
        for number, grant in enumerate(self._stance.grants):
            source = f"  {exact(grant.source)}" if grant.source else ""
            said_rule = Content.assemble(exact(str(grant)), (source, theme.DIM))
            lines += row("" if number else "rules", said_rule, width)
        if not self._stance.grants:
            lines += row("rules", Content.styled("none", theme.DIM), width)
        return [*lines, Content(""), *self._calls(width)]

    def _calls(self, width: int) -> list[Content]:
        if self._rows is None:
            return [Content.styled("reading the last calls …", theme.DIM)]
        if not self._rows:
            return [Content.styled("no calls so far", theme.DIM)]
        wide = [max(len(level.name), 5) + 1 for level in Autonomy]
        room = max(8, width - sum(wide))
        heads = []
        for level, size in zip(Autonomy, wide, strict=True):
            here = level is self._stance.autonomy
            style = f"{theme.STRONG} {theme.level_style(level)}" if here else theme.DIM
            heads.append((f"{level.name:{size}}", style))
        title = clip("the last calls, and what each level says", room - 1)
        lines = [Content.assemble((title.ljust(room), theme.DIM), *heads)]
        for each in self._rows:
            name, about = inert(each.call.name), target(each.call)
            text = clip(f"{name} {about}", room - 1)
            text += " " * (room - cell_len(text))
            said = [
                (f"{verdict:{size}}", _STYLES[verdict])
                for verdict, size in zip(each.verdicts, wide, strict=True)
            ]
            lines.append(Content.assemble((text, ""), *said).rstrip())
        return lines

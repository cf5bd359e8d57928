"""The turns of a session on a line of time, each with what it changed: which to go back to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events as keys
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from agent.events import (
    Base,
    Rewound,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from tools.base import ToolCall
from tui import theme
from tui.cards.diff import Diff
from tui.cards.lines import NOTHING, counted, cut, decoration, dim, one_line, row, wrap
from tui.screens.rows import Rows
from tui.screens.session_lines import when
from tui.widgets.drawn import Drawn
from tui.words import target

_KEYS = (
    "↑ ↓ select   Enter goes back to before it   s steps   Esc closes",
    "↑ ↓ select   Enter goes back   s steps   Esc",
)
_BACK = "\u21b6"
_FILES = 3  # lines in which the files are named
_HINTS = (
    "what you changed yourself stays; /redo brings the files back, F4 this conversation",
    "your own changes stay; /redo brings the files back",
)


@dataclass(slots=True)
class Change:
    """A call that changed files, by the step that it was made in; 0 is before the first."""

    step: int
    call: ToolCall
    files: tuple[str, ...]
    diff: str


@dataclass(slots=True)
class Turn:
    """A turn as it is gone back to; `went_back` are the files of an undo after it."""

    number: int
    begun: TurnStarted
    changes: list[Change] = field(default_factory=list)
    finished: TurnFinished | None = None
    went_back: list[int] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """All that it changed."""
        return self.since(0)

    def since(self, step: int) -> list[str]:
        """Return the files that it changed from a step on, the first first."""
        found = [path for each in self.changes if each.step >= step for path in each.files]
        if not step and self.finished is not None:
            found = [*self.finished.changed, *(found if not self.finished.changed else ())]
        return list(dict.fromkeys(found))


def turns_of(logged: Sequence[Base]) -> list[Turn]:
    """Return the turns of a session, with what each changed; attempts change only copies."""
    turns: list[Turn] = []
    calls: dict[str, ToolCall] = {}
    step, inside = 0, False
    for event in logged:
        match event:
            case TurnStarted():
                turns.append(Turn(len(turns) + 1, event))
                step, inside = 0, True
            case StepStarted(step=count):
                step = count
            case TurnFinished():
                if turns:
                    turns[-1].finished = event
                inside = False
            case ToolRequested(call=call):
                calls[call.id] = call
            case ToolFinished(call_id=call_id, result=result):
                call = calls.pop(call_id, ToolCall(id=call_id, name="call"))
                # beside a turn it is the user's, and stays where a turn is taken back
                if result.changed and inside and event.attempt is None:
                    turns[-1].changes.append(Change(step, call, result.changed, result.diff))
            case Rewound(files=files) if turns:
                turns[-1].went_back.append(len(files))
            case _:
                pass
    return turns


@dataclass(frozen=True, slots=True)
class _Row:
    """A line: of a turn, of one of its changes, or of going back after it."""

    turn: Turn
    change: Change | None = None
    last: bool = False  # of the changes
    back: int | None = None

    @property
    def word(self) -> str:
        """What it is called as a point to go back to; empty where it is none."""
        if self.back is not None:
            return ""
        if self.change is None:
            return str(self.turn.number)
        return f"{self.turn.number}.{self.change.step}" if self.change.step else ""


class Timeline(ModalScreen[str | None]):
    """Returns the point that was picked, as `TURN` or `TURN.STEP`, or None.

    `events` are those of the session so far; `clock` tells the time as they do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f5", "dismiss", "close"),
        Binding("up,k", "move(-1)", "the one above"),
        Binding("down,j", "move(1)", "the one below"),
        Binding("pageup", "page(-1)", "a page up"),
        Binding("pagedown", "page(1)", "a page down"),
        Binding("home,g", "move(-1000000)", "the first turn"),
        Binding("end,G", "move(1000000)", "the last turn"),
        Binding("s", "steps", "show the steps, or the turns alone"),
        Binding("enter", "pick", "go back to before it"),
    ]

    DEFAULT_CSS = """
    Timeline { align: center middle; }
    Timeline > Vertical {
        width: 100%; max-width: 132; height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
        border-subtitle-color: $text-muted;
    }
    Timeline Drawn { border-top: solid $panel; }
    """

    def __init__(self, events: Sequence[Base], *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._turns, now = turns_of(events), clock()
        self._times = [when(each.begun.time, now) for each in self._turns]
        self._wide = max(map(len, self._times), default=0)
        self._list: list[_Row] = []
        self._steps = True
        self._rows = Rows(self._row, lambda at: bool(self._list[at].word))
        self._about = Drawn(self._told)

    def compose(self) -> ComposeResult:
        """Put the line of time over what going back means."""
        box = Vertical(self._rows, self._about)
        box.border_title = "rewind"
        yield box

    def on_mount(self) -> None:
        """Begin at the last turn."""
        self._fill(len(self._turns))

    def on_resize(self, event: keys.Resize) -> None:
        """Say the keys as there is room."""
        room = self.size.width - 6
        box = self.query_one(Vertical)
        box.border_subtitle = next((each for each in _KEYS if len(each) <= room), _KEYS[-1])

    def _fill(self, number: int) -> None:
        """Make the rows, and select the turn of a number."""
        self._list = []
        for turn in self._turns:
            self._list.append(_Row(turn))
            changes = turn.changes if self._steps else []
            self._list += [_Row(turn, each, each is changes[-1]) for each in changes]
            self._list += [_Row(turn, back=count) for count in turn.went_back]
        at = next((at for at, each in enumerate(self._list) if each.word == str(number)), -1)
        self._rows.show(len(self._list), at)
        self._rows.call_after_refresh(self._show_end)

    def _show_end(self) -> None:
        """Show the newest where the selected one stays in sight with it."""
        if len(self._list) - self._rows.at <= self._rows.size.height:
            self._rows.scroll_end(animate=False)

    # -- keys

    def action_move(self, by: int) -> None:
        """Select another point."""
        self._rows.move(by)

    def action_page(self, direction: int) -> None:
        """Select one a page further."""
        self._rows.page(direction)

    def action_steps(self) -> None:
        """Show the changes of each turn, or not."""
        self._steps = not self._steps
        self._fill(self._list[self._rows.at].turn.number if self._chosen else 0)

    @on(Rows.Picked)
    def action_pick(self) -> None:
        """Go back to before the selected one."""
        if self._chosen is not None:
            self.dismiss(self._chosen.word)

    @on(Rows.Moved)
    def _moved(self) -> None:
        self._about.show(self._told)

    @property
    def _chosen(self) -> _Row | None:
        at = self._rows.at
        return self._list[at] if 0 <= at < len(self._list) else None

    # -- drawing

    def _row(self, at: int, width: int, chosen: bool) -> Content:
        each = self._list[at]
        sign = Content.styled(f"{theme.CLOSED} " if chosen else "  ", theme.NAME)
        if each.back is not None:
            told = f"{_BACK} went back: {counted(each.back, 'file')}"
            return Content.assemble(sign, decoration("│ "), (told, theme.DIM))
        if each.change is not None:
            return _change(each.change, sign, each.last, width)
        return self._turn(each.turn, sign, width)

    def _turn(self, turn: Turn, sign: Content, width: int) -> Content:
        wide = len(str(len(self._turns)))
        begun = f"{self._times[turn.number - 1]:<{self._wide}}"
        kind = "" if turn.begun.kind == "run" else f"{turn.begun.kind}: "
        lead = Content.assemble(
            sign, (theme.RUNNING, theme.NAME), f" {turn.number:>{wide}}  ", (begun, theme.DIM), "  "
        )
        prompt = one_line(turn.begun.prompt.partition("\n")[0])
        body = Content.assemble((kind, theme.NAME), prompt or "no words")
        files = turn.files
        count = dim(counted(len(files), "file") if files else "no change")
        return row(lead, body, width, count, _outcome(turn))

    def _told(self, width: int) -> list[Content]:
        chosen = self._chosen
        if chosen is None:
            return [dim("no turn to go back to yet")]
        turn, step = chosen.turn, chosen.change.step if chosen.change else 0
        later = [each for each in self._turns if each.number > turn.number]
        files = list(
            dict.fromkeys([*turn.since(step), *(path for each in later for path in each.files)])
        )
        point = f"step {step} of turn {turn.number}" if step else f"turn {turn.number}"
        count = counted(len(files), "file") if files else "no file"
        anew = turn.number == 1 and step <= 1
        talk = "the conversation begins anew" if anew else "conversation too"
        lines = wrap(Content(f"back to before {point}: {count}, {talk}"), width)
        names = wrap(dim("  ".join(map(one_line, files))), width) if files else []
        if len(names) > _FILES:
            names = [*names[: _FILES - 1], dim(cut(f"{names[_FILES - 1].plain} …", width))]
        room = [NOTHING] * (_FILES - len(names))  # so that nothing jumps
        hint = next((each for each in _HINTS if len(each) <= width), _HINTS[-1])
        return [*lines, *names, *room, dim(cut(hint, width))]


def _change(change: Change, sign: Content, last: bool, width: int) -> Content:
    lead = Content.assemble(sign, decoration(f"│ {'╰' if last else '├'} "))
    about = one_line(target(change.call)) or ", ".join(map(one_line, change.files))
    body = Content.assemble(f"{one_line(change.call.name)} ", (about, theme.NAME))
    files = counted(len(change.files), "file")
    ends = Diff(change.diff).size() if change.diff else dim(files)
    step = dim(f"step {change.step}" if change.step else "")
    return row(lead, body, width, step, ends)


def _outcome(turn: Turn) -> Content:
    finished = turn.finished
    if finished is None:
        return Content.styled(f"{theme.CUT} cut off", theme.DIM)
    if finished.verification.verified:
        return Content.styled(f"{theme.DONE} verified", theme.GOOD)
    if finished.outcome == "done":
        return Content.styled(f"{theme.DONE} done", theme.DIM)
    if finished.outcome == "unverified":
        return Content.styled(f"{theme.CUT} unverified", theme.WARM)
    bad = finished.outcome == "failed"
    sign = theme.FAILED if bad else theme.CUT
    return Content.styled(f"{sign} {finished.outcome}", theme.BAD if bad else theme.WARM)

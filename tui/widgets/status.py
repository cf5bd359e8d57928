"""The last line: the effort knob, the meters of the turn, and the keys to remember."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from agent.terminal import inert
from tui import theme
from tui.state import State
from tui.widgets.effort import Effort
from tui.words import clip, clock

Hints = tuple[tuple[str, str], ...]  # keys, and what is said of each

HINTS: Hints = (("f1", "F1 help"), ("f2", "F2 policy"), ("f3", "F3 changes"), ("f4", "F4 sessions"))
_GAP = "   "
_HINT_GAP = 2
_DOING = 24  # cells

Part = tuple[int, Content]  # how soon it goes when there is no room, and what it says


def meters(state: State, now: float, width: int) -> Content:
    """Return what is known of the turn, the least important left out where there is no room."""
    parts = list(_parts(state, now))
    while parts and sum(part.cell_length for _, part in parts) + 3 * (len(parts) - 1) > width:
        parts.remove(max(parts, key=lambda each: each[0]))
    return Content(_GAP).join([part for _, part in parts])


def _parts(state: State, now: float) -> list[Part]:
    found: list[Part] = []
    if state.waiting:
        found.append((0, Content.styled(f"{theme.WAITING} waits for you", theme.WARM)))
    elif state.working:
        doing = clip(inert(state.doing) or "working", _DOING)
        found.append((0, Content.assemble((f"{theme.RUNNING} ", theme.NAME), doing)))
    if state.working or state.ended:
        style = "" if state.working else theme.DIM
        found.append((1, Content.styled(clock(state.elapsed(now)), style)))
    if state.rate:
        streams = state.doing in ("thinking", "writing")
        found.append((3, Content.styled(f"{state.rate:.1f} tok/s", "" if streams else theme.DIM)))
    if cost := state.usage.cost:
        found.append((4, Content(f"${cost:.2f}" if cost >= 0.01 else f"${cost:.4f}")))
    if state.queued:
        found.append((2, Content.styled(f"queued {len(state.queued)}", theme.NAME)))
    return found


def hints(width: int, given: Hints = HINTS) -> Hints:
    """Return the keys that there is room for, the most useful first."""
    shown: list[tuple[str, str]] = []
    for key, hint in given:
        width -= len(hint) + (_HINT_GAP if shown else 0)
        if width < 0:
            break
        shown.append((key, hint))
    return tuple(shown)


class Meters(Widget):
    """The meters at the left, the keys at the right."""

    DEFAULT_CSS = "Meters { height: 1; width: 1fr; }"

    def __init__(self, hints: Hints) -> None:
        super().__init__()
        self._hints = hints
        self._state, self._now = State(), 0.0
        self._ends: list[tuple[int, int, str]] = []  # of the keys, as they were drawn

    def show(self, state: State, now: float) -> None:
        """Show a state; `now` is the time as events tell it."""
        self._state, self._now = state, now
        self.refresh()

    def render(self) -> Content:
        """Draw them."""
        width = self.size.width - 1
        left = meters(self._state, self._now, width)
        keys = hints(width - left.cell_length - len(_GAP), self._hints)
        right = Content(" " * _HINT_GAP).join(
            [Content.assemble((hint[:2], theme.DIM), (hint[2:], theme.FAINT)) for _, hint in keys]
        )
        at = start = width - right.cell_length
        self._ends = []
        for key, hint in keys:
            self._ends.append((at, at + len(hint), key))
            at += len(hint) + _HINT_GAP
        return Content.assemble(left, " " * (start - left.cell_length), right)

    def on_click(self, event: events.Click) -> None:
        """Tell which key was clicked."""
        for start, end, key in self._ends:
            if start <= event.x < end:
                self.post_message(Status.Pressed(key))


class Status(Horizontal):
    """The whole line; `show` says what stands on it now."""

    DEFAULT_CSS = """
    Status { height: 1; width: 1fr; padding: 0 0 0 1; }
    Status > Effort { margin: 0 3 0 0; }
    """

    class Pressed(Message):
        """The user clicked on the name of a key, such as `f2`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, hints: Hints = HINTS) -> None:
        super().__init__()
        self._effort, self._meters = Effort(), Meters(hints)

    def compose(self) -> ComposeResult:
        """Put the knob and the meters beside each other."""
        yield from (self._effort, self._meters)

    def show(self, state: State, now: float) -> None:
        """Show a state; `now` is the time as events tell it. Once a second while a turn runs."""
        self._effort.show(state.effort)
        self._meters.show(state, now)

"""The first line: where this is, which model answers, how full its context is."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from agent.terminal import inert
from tui import theme
from tui.state import Reading, State
from tui.words import clip, count, size

NARROW = 70  # cells
FULL_AT, WARM_AT = 0.85, 0.7  # of the window: it is made room in, it soon will be


def bar(part: float, width: int) -> tuple[str, str]:
    """Return a meter's full and empty cells; anything at all is at least one full cell."""
    part = min(1.0, max(0.0, part))
    full = max(round(part * width), 1 if part else 0)
    return "▓" * full, "░" * (width - full)


@dataclass(frozen=True, slots=True)
class Place:
    """The repository that is worked in, and what git says of it."""

    repo: str = ""
    branch: str = ""
    dirty: bool = False


def line(state: State, width: int, place: Place) -> Content:
    """Return the line for a width: what matters less goes first where there is no room."""
    room = width - 1
    for cached, host, sent, where, git in _LESS:
        if width < NARROW and where:
            continue
        left = _place(place, width, git) if where else Content(" ")
        meter = _reading(state.reading, width) if state.reading else _context(state, width, cached)
        right = [part for part in (_sent(state, host) if sent else None, meter) if part]
        end = Content("   ").join(right)
        model = _model(state, 999)
        free = room - left.cell_length - model.cell_length - end.cell_length
        if free >= 4:
            break
    else:
        model = _model(state, max(8, room - left.cell_length - end.cell_length - 4))
        free = room - left.cell_length - model.cell_length - end.cell_length
    before = max(2, free // 2) if where else 0
    gap = max(1, free - before)
    return Content.assemble(left, " " * before, model, " " * gap, end).truncate(width)


# what is shown of: cached tokens, the host that was sent most, bytes sent, the place, the branch
_LESS = (
    (True, True, True, True, True),
    (False, True, True, True, True),
    (False, False, True, True, True),
    (False, False, True, True, False),
    (False, False, False, True, False),
    (False, False, True, False, False),
    (False, False, False, False, False),
)


def _place(place: Place, width: int, git: bool) -> Content:
    parts = [(" wisp", f"{theme.STRONG} {theme.NAME}")]
    parts.append((f"  {clip(inert(place.repo), max(12, width // 4))}", theme.STRONG))
    if git and place.branch:
        branch = clip(inert(place.branch), max(10, width // 5))
        parts.append((f" ⎇ {branch}{'*' if place.dirty else ''}", theme.DIM))
    return Content.assemble(*parts)


def _model(state: State, width: int) -> Content:
    whose = "local" if state.local else clip(inert(state.host) or "elsewhere", 24)
    name = clip(inert(state.model) or "no model", max(4, width - cell_len(whose) - 3))
    style = theme.GOOD if state.local else theme.WARM
    return Content.assemble((name, theme.STRONG), (" · ", theme.FAINT), (whose, style))


def _context(state: State, width: int, with_cached: bool) -> Content:
    used = state.context
    if not state.window:
        return Content.assemble(("ctx ", theme.DIM), count(used))
    part = used / state.window
    style = theme.BAD if part >= FULL_AT else theme.WARM if part >= WARM_AT else theme.NAME
    full, empty = bar(part, 7 if width >= NARROW else 5)
    cached = f" ({count(state.cached)} cached)" if state.cached and with_cached else ""
    return Content.assemble(
        ("ctx ", theme.DIM),
        (full, style),
        (empty, theme.FAINT),
        f" {count(used)}/{count(state.window)}",
        (cached, theme.DIM),
    )


def _reading(reading: Reading, width: int) -> Content:
    full, empty = bar(reading.done / reading.total, 7 if width >= NARROW else 5)
    left = "" if reading.left is None else f" ~{max(1, round(reading.left))} s"
    said = f"reading {count(reading.done)}/{count(reading.total)} "
    return Content.assemble(
        (said, theme.DIM), (full, theme.NAME), (empty, theme.FAINT), (left, theme.DIM)
    )


def _sent(state: State, named: bool) -> Content | None:
    """Return how much left this machine, and to whom it was most; None for nothing."""
    total = sum(state.left.values())
    if not total:
        return None
    first = max(state.left, key=lambda host: state.left[host])
    more = f" +{len(state.left) - 1}" if len(state.left) > 1 else ""
    said = not more and first == state.host  # by the model's name
    name = f" {clip(inert(first), 24)}{more}" if named and not said else ""
    return Content.styled(f"↑ {size(total)}{name}", theme.WARM)


class Header(Widget):
    """One line; `show` says what stands on it now."""

    DEFAULT_CSS = "Header { height: 1; width: 1fr; }"

    def __init__(self, repo: str = "") -> None:
        super().__init__()
        self._state = State()
        self._place = Place(repo)

    def show(self, state: State, place: Place | None = None) -> None:
        """Show a state; the place stays as it was where none is given."""
        self._state, self._place = state, place or self._place
        self.refresh()

    def render(self) -> Content:
        """Draw it."""
        return line(self._state, self.size.width, self._place)

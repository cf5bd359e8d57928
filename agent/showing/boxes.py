"""A graph in box characters: layers of boxes, between them the edges, each on a lane of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agent.showing.layers import Layout, layout
from agent.showing.pieces import Line, Piece, Role, cells, fit, flat
from tools.shown import Graph

NAME = 30  # cells of a name in its box
HIGHEST = 160  # lines, above which a list says more
_TALL = 3  # lines of a box
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_SIGNS = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"
_LABEL = 24  # cells


def boxes(graph: Graph, width: int) -> list[Line]:
    """Return a graph in boxes, or as a list of its edges where it is too wide or too high."""
    names = [fit(flat(each), NAME) for each in graph.nodes]
    laid = layout(
        graph, [max(5, cells(each) + 4 + 2 * _loops(graph, at)) for at, each in enumerate(names)]
    )
    if laid.wide > width:
        return edges(graph, width)
    drawn = _Drawing(laid, names).lines()
    return drawn if len(drawn) <= HIGHEST else edges(graph, width)


def _loops(graph: Graph, at: int) -> bool:
    name = graph.nodes[at]
    return any(each.source == name == each.target for each in graph.edges)


def edges(graph: Graph, width: int) -> list[Line]:
    """Return a list of edges, those from one node together, then the nodes without any."""
    after: dict[str, list[tuple[str, str]]] = {}
    linked: set[str] = set()
    for each in graph.edges:
        after.setdefault(each.source, []).append((flat(each.target), flat(each.label)))
        linked |= {each.source, each.target}
    lines: list[Line] = []
    for name, targets in after.items():
        lines.append(((fit(flat(name), width), "head"),))
        for number, (target, label) in enumerate(targets, 1):
            lead = "└─▶ " if number == len(targets) else "├─▶ "
            told = fit(f"{target}: {label}" if label else target, max(8, width - 6))
            lines.append((("  ", ""), (lead, "rule"), (told, "")))
    lines += [((fit(flat(name), width), "head"),) for name in graph.nodes if name not in linked]
    return lines


@dataclass(slots=True)
class _Bus:
    """Edges that leave one place together: from a cell above to cells below."""

    start: int
    up: bool  # it points upwards, to where it starts
    to: list[tuple[int, bool, str]] = field(default_factory=list)  # a cell, an arrow, a label
    lane: int = 0

    @property
    def reach(self) -> tuple[int, int]:
        places = [self.start, *(each for each, _, _ in self.to)]
        return min(places), max(places)


class _Drawing:
    """Cells of a grid: what runs through each, by who it belongs to, and the text in it."""

    def __init__(self, laid: Layout, names: Sequence[str]) -> None:
        self._laid = laid
        self._names = names
        self._strokes: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self._text: dict[tuple[int, int], Piece] = {}
        self._owner = 0
        self._entry: dict[int, int] = {}  # where an edge that passes enters its layer
        self._told: list[str] = []

    def lines(self) -> list[Line]:
        row = 0
        laid = self._laid
        for number, layer in enumerate(laid.layers):
            for at in layer:
                self._spot(at, row)
            row += _TALL
            if number + 1 < len(laid.layers):
                row += self._channel(layer, row)
        return [*self._drawn(row), *(((each, "quiet"),) for each in self._told)]

    def _spot(self, at: int, row: int) -> None:
        spot = self._laid.spots[at]
        if spot.node < 0:
            self._owner += 1
            for each in range(_TALL):
                self._stroke(self._entry[at], row + each, _UP | _DOWN)
            return
        left, right = spot.left, spot.left + spot.wide - 1
        self._owner += 1
        for x in range(left, right + 1):
            ends = (0 if x == left else _LEFT) | (0 if x == right else _RIGHT)
            for y, side in ((row, _DOWN), (row + _TALL - 1, _UP)):
                self._stroke(x, y, ends | (side if x in (left, right) else 0))
        for x in (left, right):
            self._stroke(x, row + 1, _UP | _DOWN)
        name = self._names[spot.node] + (" ↻" if spot.node in self._laid.loops else "")
        self._write(left + (spot.wide - cells(name)) // 2, row + 1, name, "head")

    def _channel(self, layer: Sequence[int], row: int) -> int:
        """Draw the edges below a layer, which ends above this row; return the lines they take."""
        buses = self._buses(layer)
        lanes = _lanes(buses)
        labels = any(label for bus in buses for _, _, label in bus.to)
        tall = 1 + lanes + labels + 1
        last = row + tall - 1
        for bus in buses:
            self._owner += 1
            y = row + 1 + bus.lane if bus.reach[0] != bus.reach[1] else last
            for each in range(row, y):
                self._stroke(bus.start, each, _UP | _DOWN)
            if y != last or bus.reach[0] != bus.reach[1]:
                self._across(bus, y)
            for x, _, _ in bus.to:
                for each in range(y + 1 if y != last else last, last + 1):
                    self._stroke(x, each, _UP | _DOWN)
        for bus in buses:
            if bus.up:
                self._write(bus.start, row, "▲", "")
            for x, arrow, _ in bus.to:
                if arrow:
                    self._write(x, last, "▼", "")
        for bus in buses:
            for x, _, label in bus.to:
                if label:
                    self._label(x, last - 1, label)
        return tall

    def _across(self, bus: _Bus, y: int) -> None:
        left, right = bus.reach
        downs = {x for x, _, _ in bus.to}
        for x in range(left, right + 1):
            ends = (0 if x == left else _LEFT) | (0 if x == right else _RIGHT)
            ends |= _UP if x == bus.start else 0
            ends |= _DOWN if x in downs else 0
            self._stroke(x, y, ends)

    def _label(self, x: int, y: int, label: str) -> None:
        """Write a label beside its edge, as far as there is room."""
        room = 0
        while room < _LABEL + 2 and not self._taken(x + 1 + room, y):
            room += 1
        told = fit(label, _LABEL)
        beyond = x + 1 + cells(told) >= self._laid.wide + _LABEL
        if cells(told) + 1 < room and not beyond:
            self._write(x + 1, y, told, "quiet")
        else:
            number = str(len(self._told) + 1)
            self._told.append(f"{number}  {label}")
            self._write(x + 1, y, number, "quiet")

    def _taken(self, x: int, y: int) -> bool:
        return (x, y) in self._strokes or (x, y) in self._text

    def _buses(self, layer: Sequence[int]) -> list[_Bus]:
        """Return the edges between a layer and the next, with the cells they leave and meet."""
        spots = self._laid.spots
        here = set(layer)
        by: dict[tuple[int, bool], list[tuple[int, bool, str]]] = defaultdict(list)
        for route in self._laid.routes:
            for place, (one, other) in enumerate(pairwise(route.spots), 2):
                if one in here:
                    ends = place == len(route.spots)
                    label = flat(route.label) if ends else ""
                    by[one, route.up].append((other, ends and not route.up, label))
        starts: dict[tuple[int, bool], int] = {}
        for one, up in by:
            both = (one, True) in by and (one, False) in by
            middle = self._entry.get(one, spots[one].middle)
            starts[one, up] = middle + (1 if up else -1) if both else middle
        taken = {x: key for key, x in starts.items()}
        buses = {key: _Bus(x, key[1] and spots[key[0]].node >= 0) for key, x in starts.items()}
        arriving: dict[int, list[tuple[int, bool, int, bool, str]]] = defaultdict(list)
        for key, to in by.items():
            for other, arrow, label in to:
                arriving[other].append((starts[key], key[1], key[0], arrow, label))
        for other, every in arriving.items():
            every.sort()
            for number, (_, up, one, arrow, label) in enumerate(every):
                x = self._port(other, number, len(every), (one, up), taken)
                buses[one, up].to.append((x, arrow, label))
                if spots[other].node < 0:
                    self._entry[other] = x
        return list(buses.values())

    def _port(
        self,
        at: int,
        number: int,
        count: int,
        key: tuple[int, bool],
        taken: dict[int, tuple[int, bool]],
    ) -> int:
        """Return a cell above a spot that no other edge has, as near as can be to its share."""
        spot = self._laid.spots[at]
        low, high = spot.left + 1, max(spot.left + 1, spot.left + spot.wide - 2)
        if spot.node < 0:
            low, high = spot.left, spot.left + spot.wide - 1
        wished = spot.middle + 2 * number - (count - 1)
        free = [x for x in range(low, high + 1) if taken.get(x, key) == key]
        x = min(free or [spot.middle], key=lambda each: abs(each - wished))
        taken[x] = key
        return x

    def _stroke(self, x: int, y: int, ends: int) -> None:
        held = self._strokes[x, y]
        held[self._owner] = held.get(self._owner, 0) | ends

    def _write(self, x: int, y: int, text: str, role: Role) -> None:
        for char in text:
            wide = cells(char)
            if wide == 0:
                before = self._text.get((x - 1, y))
                if before:
                    self._text[x - 1, y] = (before[0] + char, role)
                continue
            self._text[x, y] = (char, role)
            if wide == 2:
                self._text[x + 1, y] = ("", role)
            x += wide

    def _drawn(self, rows: int) -> list[Line]:
        ends: dict[int, int] = defaultdict(int)
        for x, y in (*self._strokes, *self._text):
            ends[y] = max(ends[y], x + 1)
        lines: list[Line] = []
        for y in range(rows):
            pieces: list[Piece] = []
            for x in range(ends[y]):
                piece: Piece = self._text.get((x, y)) or (self._sign(x, y), "rule")
                if pieces and pieces[-1][1] == piece[1]:
                    pieces[-1] = (pieces[-1][0] + piece[0], piece[1])
                else:
                    pieces.append(piece)
            lines.append(tuple(pieces))
        return lines

    def _sign(self, x: int, y: int) -> str:
        held = list(self._strokes.get((x, y), {}).values())
        if len(held) > 1 and _LEFT | _RIGHT in held and _UP | _DOWN in held:
            return "│"  # one passes below the other
        joined = 0
        for each in held:
            joined |= each
        return _SIGNS[joined]


def _lanes(buses: Sequence[_Bus]) -> int:
    """Give each bus that runs across the highest lane that is free there; return how many."""
    lanes: list[list[tuple[int, int]]] = []
    for bus in sorted(buses, key=lambda each: each.reach):
        left, right = bus.reach
        if left == right:
            continue
        for number, lane in enumerate(lanes):
            if all(right < start - 1 or left > end + 1 for start, end in lane):
                lane.append((left, right))
                bus.lane = number
                break
        else:
            lanes.append([(left, right)])
            bus.lane = len(lanes) - 1
    return len(lanes)

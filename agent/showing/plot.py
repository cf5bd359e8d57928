"""Plots in characters: one line in Braille dots, several with a sign each, bars in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from agent.showing.pieces import MARKS, Line, Piece, Role, cells, figure, fit, flat, padded
from tools.shown import Kind, Plot, Series

HEIGHT = 12  # lines of a plot
_WIDEST = 100  # cells
_SIGNS = "•*+○△◇"
_FILLS = "█▓▒░▚▞"
_PARTS = " ▏▎▍▌▋▊▉"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of Braille, by row and column
_NAME = 24  # cells of a label before a bar


def plot(kind: Kind, plot: Plot, width: int) -> list[Line]:
    """Return the lines of a plot, its legend last."""
    width = min(width, _WIDEST)
    if kind == "histogram":
        return _bars(bins(plot), plot.series, width)
    if kind == "bar":
        return _bars(plot.labels, plot.series, width)
    return _field(kind, plot, width)


def bins(plot: Plot) -> list[str]:
    """Return the words for the bins of a histogram."""
    return [f"{figure(one)} to {figure(other)}" for one, other in pairwise(plot.at)]


def legend(plot: Plot) -> list[str]:
    """Return the name of each series."""
    return [flat(each.name) for each in plot.series]


def places(plot: Plot, count: int) -> list[float]:
    """Return where each of `count` values is across: by its number, or one after the other."""
    return [*plot.at, *map(float, range(len(plot.at), count))][:count]


def bounds(values: Sequence[float | None]) -> tuple[float, float]:
    """Return the least and the greatest, apart from each other."""
    known = [each for each in values if each is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low == high:
        spread = abs(low) / 2 or 0.5
        return low - spread, high + spread
    return low, high


def share(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others, from 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


# -- lines and points


def _field(kind: Kind, plot: Plot, width: int) -> list[Line]:
    every = [value for each in plot.series for value in each.values]
    low, high = bounds(every)
    count = max((len(each.values) for each in plot.series), default=0)
    across = places(plot, count)
    left, right = bounds(across)
    scale = [figure(high), figure((low + high) / 2), figure(low)]
    side = max(map(len, scale))
    wide = max(8, width - side - 2)
    if len(plot.series) == 1:
        dots = _Dots(wide)
        points = _points(plot.series[0], across, (left, right), (low, high), dots.size)
        dots.draw(points, kind == "line")
        field = dots.lines()
    else:
        field = _signed(kind, plot, across, (left, right), (low, high), wide)
    at = {0: scale[0], HEIGHT // 2: scale[1], HEIGHT - 1: scale[2]}
    lines: list[Line] = [
        ((f"{at.get(row, ''):>{side}} ", "quiet"), ("┤" if row in at else "│", "rule"), *pieces)
        for row, pieces in enumerate(field)
    ]
    lines.append(((" " * (side + 1), ""), (f"└{'─' * wide}", "rule")))
    ends = (figure(left), figure(right))
    if plot.labels:
        ends = (flat(plot.labels[0]), flat(plot.labels[-1]))
    first, last = (fit(each, max(4, wide // 2 - 1)) for each in ends)
    gap = " " * max(1, wide - cells(first) - cells(last))
    lines.append(((f"{' ' * (side + 2)}{first}{gap}{last}", "quiet"),))
    return [*lines, *_legend(plot, side + 2, width)]


def _legend(plot: Plot, indent: int, width: int) -> list[Line]:
    """Return what goes across, and the sign of each series."""
    pieces: list[Piece] = [(" " * indent, "")]
    used = indent
    several = len(plot.series) > 1
    for number, name in enumerate(legend(plot)):
        sign = f"{_SIGNS[number % len(_SIGNS)]} " if several else ""
        told = fit(f"{name}  ", max(0, width - used - len(sign)))
        pieces += [(sign, MARKS[number % len(MARKS)]), (told, "")]
        used += cells(told) + len(sign)
    pieces.append((fit(f"by {flat(plot.across)}", max(0, width - used)), "quiet"))
    return [tuple(pieces)]


Points = list[tuple[int, int] | None]


def _points(
    series: Series,
    across: Sequence[float],
    sides: tuple[float, float],
    scale: tuple[float, float],
    size: tuple[int, int],
) -> Points:
    """Return where on a field of this size each value is; None where there is none."""
    wide, high = size
    return [
        (
            round(share(at, *sides) * (wide - 1)),
            round((1 - share(value, *scale)) * (high - 1)),
        )
        if value is not None
        else None
        for at, value in zip(across, series.values, strict=False)
    ]


def _between(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the points of a line from one to another."""
    (x, y), (to_x, to_y) = one, other
    steps = max(abs(to_x - x), abs(to_y - y)) or 1
    return [
        (round(x + (to_x - x) * at / steps), round(y + (to_y - y) * at / steps))
        for at in range(steps + 1)
    ]


class _Dots:
    """A field of Braille dots: two across and four down in each cell."""

    def __init__(self, wide: int) -> None:
        self.size = wide * 2, HEIGHT * 4
        self._rows = [[0] * wide for _ in range(HEIGHT)]

    def draw(self, points: Points, joined: bool) -> None:
        for at, point in enumerate(points):
            before = points[at - 1] if at and joined else None
            if point is None:
                continue
            for x, y in _between(before, point) if before else [point]:
                self._rows[y // 4][x // 2] |= _DOTS[y % 4][x % 2]

    def lines(self) -> list[list[Piece]]:
        # the empty pattern is one of the characters that hide: a space says the same
        return [
            [("".join(chr(0x2800 + each) if each else " " for each in row), "mark0")]
            for row in self._rows
        ]


def _signed(
    kind: Kind,
    plot: Plot,
    across: Sequence[float],
    sides: tuple[float, float],
    scale: tuple[float, float],
    wide: int,
) -> list[list[Piece]]:
    """Return a field on which each series has a sign of its own."""
    field: list[list[Piece]] = [[(" ", "")] * wide for _ in range(HEIGHT)]
    for number, series in enumerate(plot.series):
        piece: Piece = (_SIGNS[number % len(_SIGNS)], MARKS[number % len(MARKS)])
        points = _points(series, across, sides, scale, (wide, HEIGHT))
        for at, point in enumerate(points):
            before = points[at - 1] if at and kind == "line" else None
            path = _between(before, point) if before and point else [point] if point else []
            for x, y in path:
                field[y][x] = piece
    return field


# -- bars


def _bars(labels: Sequence[str], series: Sequence[Series], width: int) -> list[Line]:
    """Return a line for each bar; those of one label follow each other."""
    several = len(series) > 1
    names = [fit(flat(label), _NAME) for label in labels]
    heads = [fit(flat(each.name), _NAME // 2) if several else "" for each in series]
    side = max(map(cells, names), default=0)
    second = max(map(cells, heads), default=0)
    told = [[figure(v) if v is not None else "" for v in each.values] for each in series]
    room = width - side - 2 - (second + 3 if several else 0)
    room -= max((len(each) for values in told for each in values), default=0) + 1
    room = max(4, room)
    known = [v for each in series for v in each.values if v is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    high = high if high > low else low + 1
    lines: list[Line] = []
    for at, name in enumerate(names):
        for number, each in enumerate(series):
            value = each.values[at] if at < len(each.values) else None
            role: Role = MARKS[number % len(MARKS)]
            shown = name if number == 0 else ""
            pieces: list[Piece] = [(padded(shown, side), ""), ("  ", "")]
            if several:
                fill = _FILLS[number % len(_FILLS)]
                pieces += [(f"{fill} ", role), (padded(heads[number], second), "quiet"), (" ", "")]
            bar = _bar(value, low, high, room, number) if value is not None else ""
            number_told = told[number][at] if at < len(told[number]) else ""
            pieces += [(bar, role), (f" {number_told}", "quiet")]
            lines.append(tuple(pieces))
    return lines


def _bar(value: float, low: float, high: float, room: int, number: int) -> str:
    """Return a bar from zero to a value; only one of a single series has parts of a cell."""
    zero, end = share(0.0, low, high) * room, share(value, low, high) * room
    start, stop = sorted((zero, end))
    if number or low < 0:
        full = max(round(stop) - round(start), 1 if value else 0)
        return " " * min(round(start), room - full) + _FILLS[number % len(_FILLS)] * full
    full, part = int(stop), int((stop - int(stop)) * 8)
    bar = "█" * full + (_PARTS[part] if part else "")
    return bar or ("▏" if value else "")

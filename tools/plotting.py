"""A plot of rows: which column goes across, which are the series, what cannot be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from tools.base import ToolError
from tools.shown import BARS, POINTS, SERIES, Kind, Plot, Series, brief, drawable
from tools.tabular import Rows

KEPT = 200_000  # rows that are looked at
BINS = 20
T = TypeVar("T")


def plot_of(kind: Kind, rows: Rows) -> tuple[Plot, tuple[str, ...]]:
    """Return the plot and what was left out of it. Raises ToolError where nothing can be drawn.

    The first column goes across, the others are series; one column alone is a series.
    """
    notes = list(rows.notes)
    if rows.more or rows.count > len(rows.rows):
        notes.append(f"of the first {len(rows.rows):,} of {rows.counted} rows")
    if kind == "histogram":
        plot = _histogram(rows, notes)
    elif kind == "bar":
        plot = _bars(rows, notes)
    else:
        plot = _points(kind, rows, notes)
    return plot, tuple(notes)


def number(text: str) -> float | None:
    """Return the number that a cell says; None where it says none that can be drawn."""
    plain = text.strip().replace(",", "").removesuffix("%")
    try:
        return drawable(float(plain))
    except ValueError:
        return None


def _histogram(rows: Rows, notes: list[str]) -> Plot:
    at = 0
    if len(rows.columns) > 1:
        at = next((at for at in range(len(rows.columns)) if _numeric(rows, at)), 0)
    values = [value for row in rows.rows if (value := number(row[at])) is not None]
    _left_out(len(rows.rows) - len(values), notes)
    if not values:
        raise ToolError(f"there is no number in the column `{brief(rows.columns[at], 40)}`")
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    bins = max(1, min(BINS, math.ceil(math.log2(len(values)) + 1)))
    counts = [0] * bins
    for value in values:
        counts[max(0, min(bins - 1, int((value - low) / (high - low) * bins)))] += 1
    edges = tuple(low + (high - low) * each / bins for each in range(bins + 1))
    series = Series(name="count", values=tuple(map(float, counts)))
    return Plot(across=rows.columns[at], at=edges, series=(series,))


def _bars(rows: Rows, notes: list[str]) -> Plot:
    first, columns = _first(rows)
    kept = rows.rows[:BARS]
    if len(kept) < rows.count:
        notes[:] = [*rows.notes, f"showing {len(kept):,} of {rows.counted} bars"]
    labels = [brief(row[0]) if first else str(at) for at, row in enumerate(kept, 1)]
    return Plot(
        across=rows.columns[0] if first else "row",
        labels=tuple(labels),
        series=_series(rows.columns, kept, columns, notes),
    )


def _points(kind: Kind, rows: Rows, notes: list[str]) -> Plot:
    first, columns = _first(rows)
    kept = rows.rows
    places: list[float] = []
    if first and _numeric(rows, 0):
        placed = [(value, row) for row in kept if (value := number(row[0])) is not None]
        _left_out(len(kept) - len(placed), notes)
        if kind == "line":
            placed.sort(key=lambda each: each[0])
        placed = _spread(placed)
        places = [value for value, _ in placed]
        chosen = [row for _, row in placed]
    elif kind == "scatter":
        name = brief(rows.columns[0], 40)
        raise ToolError(f"a scatter plot needs two columns of numbers; `{name}` has none")
    else:
        chosen = _spread(kept)
    if len(chosen) == POINTS < len(kept):
        notes.append(f"showing {POINTS:,} of {len(kept):,} points, evenly chosen")
    labels = [brief(row[0]) if first else str(at) for at, row in enumerate(chosen, 1)]
    return Plot(
        across=rows.columns[0] if first else "row",
        labels=() if places else tuple(labels),
        at=tuple(places),
        series=_series(rows.columns, chosen, columns, notes),
    )


def _spread(rows: list[T]) -> list[T]:
    """Return at most POINTS of the rows: the first, the last, and evenly between them."""
    if len(rows) <= POINTS:
        return rows
    step = (len(rows) - 1) / (POINTS - 1)
    return [rows[round(each * step)] for each in range(POINTS)]


def _first(rows: Rows) -> tuple[bool, range]:
    """Return whether the first column goes across, and which columns are series."""
    first = len(rows.columns) > 1
    return first, range(int(first), len(rows.columns))


def _numeric(rows: Rows, at: int) -> bool:
    """Whether most of a column's cells are numbers."""
    some = [row[at] for row in rows.rows[:1000] if row[at].strip()]
    return 2 * sum(number(each) is not None for each in some) > len(some)


def _series(
    names: Sequence[str], rows: Sequence[Sequence[str]], columns: range, notes: list[str]
) -> tuple[Series, ...]:
    made = []
    missing = 0
    for at in columns:
        values = tuple(number(row[at]) for row in rows)
        if any(value is not None for value in values):
            missing += values.count(None)
            made.append(Series(name=brief(names[at]), values=values))
    if not made:
        raise ToolError(
            "there is no number to draw; the first column goes across, the others are drawn"
        )
    if len(made) > SERIES:
        notes.append(f"showing {SERIES} of {len(made):,} columns")
    _left_out(missing, notes)
    return tuple(made[:SERIES])


def _left_out(count: int, notes: list[str]) -> None:
    if count:
        is_no = "value that is no number" if count == 1 else "values that are no numbers"
        notes.append(f"{count:,} {is_no} left out")

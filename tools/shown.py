"""What `show` showed, as data: every face draws it in its own way, and the log keeps it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

ROWS, COLUMNS, CELL = 200, 20, 200  # of a table; characters of a cell, a name, a label
CHARACTERS = 60_000  # of all cells of a table
POINTS, SERIES, BARS = 400, 6, 40
NODES, EDGES = 40, 120
PICTURE = 750_000  # bytes of a picture, which then fits into a report

Kind = Literal[
    "table", "line", "bar", "scatter", "histogram", "flow", "sequence", "calls", "modules", "image"
]


_LARGEST = 1e100  # what is beyond has no place on a scale, and a log may say anything
_MOST = 10**15  # pixels, bytes


def drawable(value: float | None) -> float | None:
    """Return a number that has a place on a scale, and None for any other."""
    return value if value is not None and abs(value) <= _LARGEST else None  # NaN is not


Count = Annotated[int, AfterValidator(lambda number: max(0, min(number, _MOST)))]
Value = Annotated[float | None, AfterValidator(drawable)]
At = Annotated[float, AfterValidator(lambda number: drawable(number) or 0.0)]


# how the base64 of a PNG, JPEG, GIF or WebP begins
_PICTURE = re.compile(r"(?:iVBORw0KGg|/9j/|R0lGODdh|R0lGODlh|UklGR)[A-Za-z0-9+/]*={0,2}")


def coded(text: str) -> bool:
    """Whether a text is a picture in base64: no other is carried, as it is not searched."""
    return _PICTURE.fullmatch(text) is not None


Coded = Annotated[str, AfterValidator(lambda text: text if coded(text) else "")]


class Data(BaseModel):
    """Plain data that never changes once made."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Grid(Data):
    """A table: each row has a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Series(Data):
    """What one line, one set of bars or of points has; None where there is no number."""

    name: str
    values: tuple[Value, ...]


class Plot(Data):
    """Series over what is `across`: a label for each value, or else a number in `at`.

    A histogram has one series of counts, and one number more in `at`: where its bins end.
    """

    across: str
    labels: tuple[str, ...] = ()
    at: tuple[At, ...] = ()
    series: tuple[Series, ...] = ()


class Edge(Data):
    """From one node to another."""

    source: str
    target: str
    label: str = ""


class Graph(Data):
    """Nodes by their names, and the edges between them in their order."""

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]


class Still(Data):
    """A picture: its size in pixels and bytes, and its base64; empty where it is too large."""

    media_type: str
    width: Count
    height: Count
    bytes: Count
    data: Coded = ""


class Shown(Data):
    """One thing that was shown: one of the last four; `notes` say what of it was left out."""

    kind: Kind
    title: str = ""
    source: str = ""  # the file that it came from
    notes: tuple[str, ...] = ()
    grid: Grid | None = None
    plot: Plot | None = None
    graph: Graph | None = None
    still: Still | None = None


def brief(text: str, most: int = CELL) -> str:
    """Return text as one line of so many characters at most."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most and len(text) <= most * 4 else f"{line[: most - 1]}…"

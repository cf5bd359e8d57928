"""What the model showed, within the bounds of a report."""

from __future__ import annotations

from agent.messages import Image
from agent.report.bounds import Bounds
from agent.report.pictures import Pictures
from tools.shown import COLUMNS, SERIES, Edge, Graph, Grid, Plot, Series, Shown, Still


def bounded(shown: Shown, bounds: Bounds, pictures: Pictures) -> Shown:
    """Return as much of it as these bounds have, with a note of what is left out on top."""
    notes = [bounds.short(each) for each in shown.notes[: bounds.names]]
    grid, plot, graph = shown.grid, shown.plot, shown.graph
    return Shown(
        kind=shown.kind,
        title=bounds.short(shown.title),
        source=bounds.short(shown.source),
        grid=_grid(grid, bounds, notes) if grid else None,
        plot=_plot(plot, bounds, notes) if plot else None,
        graph=_graph(graph, bounds, notes) if graph else None,
        still=_still(shown.still, bounds, pictures) if shown.still else None,
        notes=tuple(notes),
    )


def _noted(there: int, kept: int, noun: str, notes: list[str]) -> None:
    if there > kept:
        notes.append(f"{there - kept:,} {noun} left out of this report")


def _grid(grid: Grid, bounds: Bounds, notes: list[str]) -> Grid:
    wide, high = min(COLUMNS, bounds.names), bounds.attempts
    _noted(len(grid.rows), high, "rows", notes)
    _noted(len(grid.columns), wide, "columns", notes)
    columns = tuple(map(bounds.short, grid.columns[:wide]))
    rows = tuple(
        (*map(bounds.short, row[: len(columns)]), *[""] * (len(columns) - len(row)))
        for row in grid.rows[:high]
    )
    return Grid(columns=columns, rows=rows)


def _plot(plot: Plot, bounds: Bounds, notes: list[str]) -> Plot:
    many = max((len(each.values) for each in plot.series), default=0)
    _noted(many, bounds.entries, "points", notes)
    _noted(len(plot.series), SERIES, "series", notes)
    return Plot(
        across=bounds.short(plot.across),
        labels=tuple(map(bounds.short, plot.labels[: bounds.entries])),
        at=plot.at[: bounds.entries + 1],
        series=tuple(
            Series(name=bounds.short(each.name), values=each.values[: bounds.entries])
            for each in plot.series[:SERIES]
        ),
    )


def _graph(graph: Graph, bounds: Bounds, notes: list[str]) -> Graph:
    kept = graph.nodes[: bounds.names]
    chosen = set(kept)
    edges = [each for each in graph.edges if {each.source, each.target} <= chosen]
    _noted(len(graph.nodes), len(kept), "nodes", notes)
    _noted(len(edges), bounds.attempts, "edges", notes)
    return Graph(
        nodes=tuple(map(bounds.short, kept)),
        edges=tuple(
            Edge(
                source=bounds.short(each.source),
                target=bounds.short(each.target),
                label=bounds.short(each.label),
            )
            for each in edges[: bounds.attempts]
        ),
    )


def _still(still: Still, bounds: Bounds, pictures: Pictures) -> Still:
    (told,) = pictures.told((Image(media_type=still.media_type, data=still.data),))
    return still.model_copy(
        update={"media_type": bounds.short(still.media_type), "data": told.data}
    )

"""What the model showed, on the page: tables, plots, diagrams, pictures."""

from __future__ import annotations

from agent.report import diagrams, plots, words
from agent.report.markup import Html, element, joined
from agent.report.parts import opens, table
from agent.report.story import Turn
from agent.showing.pieces import figure as told
from agent.showing.plot import bins
from agent.showing.table import numeric
from tools.shown import Grid, Plot, Shown, Still


def figures(turn: Turn) -> list[object]:
    """Return everything that a turn showed."""
    drawn: list[object] = [
        _figure(each, f"shown-{turn.number}-{number}") for number, each in enumerate(turn.drawn, 1)
    ]
    if turn.drawn_left_out:
        more = words.plural(turn.drawn_left_out, "more figure")
        drawn.append(element("p", f"{more} left out", class_="quiet"))
    return drawn


def _figure(shown: Shown, name: str) -> Html:
    title = shown.title or shown.source or shown.kind
    parts: list[object] = []
    if shown.grid:
        parts.append(_grid(shown.grid))
    if shown.plot:
        parts += [
            plots.drawn(shown.kind, shown.plot, title, f"{name}-plot"),
            _numbers(shown, title),
        ]
    if shown.graph:
        draw = diagrams.sequence if shown.kind == "sequence" else diagrams.graph
        parts += [draw(shown.graph, title, f"{name}-graph"), _edges(shown, title)]
    if shown.still:
        parts.append(_still(shown.still, shown.source or title))
    notes = [element("p", each, class_="quiet") for each in shown.notes]
    source = f" ({shown.source})" if shown.source and shown.source != title else ""
    caption = element("figcaption", title, element("span", source, class_="quiet"))
    return element("figure", caption, parts, notes, class_="shown", id=name)


def _grid(grid: Grid) -> Html:
    count = words.plural(len(grid.rows), "row")
    return table(count, grid.columns, grid.rows, numeric(grid))


def rows_of(kind: str, plot: Plot) -> tuple[list[str], list[list[str]]]:
    """Return the numbers of a plot as the head and the rows of a table."""
    count = max((len(each.values) for each in plot.series), default=0)
    labels = bins(plot) if kind == "histogram" else [*plot.labels]
    labels = labels or [told(each) for each in plot.at]
    labels += [str(at + 1) for at in range(len(labels), count)]
    values = [[each.values[at : at + 1] for each in plot.series] for at in range(count)]
    rows = [
        [labels[at], *("" if not v or v[0] is None else told(v[0]) for v in row)]
        for at, row in enumerate(values)
    ]
    return [plot.across, *(each.name for each in plot.series)], rows


def _numbers(shown: Shown, title: str) -> Html | None:
    if shown.plot is None or not shown.plot.series:
        return None
    heads, rows = rows_of(shown.kind, shown.plot)
    return opens("as a table", table(title, heads, rows, numbers=len(heads) - 1))


def _edges(shown: Shown, title: str) -> Html | None:
    if shown.graph is None or not shown.graph.edges:
        return None
    rows = [[each.source, each.target, each.label] for each in shown.graph.edges]
    return opens("as a table", table(title, ["from", "to", "what"], rows))


def _still(still: Still, name: str) -> Html:
    size = f"{still.width:,} x {still.height:,} pixels, {still.bytes:,} bytes, {still.media_type}"
    if not still.data:
        return element("p", f"[{name}: {size}, left out]", class_="quiet")
    source = f"data:{still.media_type};base64,{still.data}"
    return joined(
        element("img", src=source, alt=f"{name}: {size}"), element("p", size, class_="quiet")
    )

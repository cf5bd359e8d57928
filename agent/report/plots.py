"""Plots as SVG: lines, points and bars over the whole width, each series told apart by its form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from agent.report.charts import framed
from agent.report.markup import Html, element, joined
from agent.showing.pieces import figure
from agent.showing.plot import bins, bounds, places, share
from tools.shown import Kind, Plot, Series

_HIGH = 200  # pixels of the field
_TOP = 8  # above it, for signs
_ACROSS = 1000  # units of the field, whatever its width
_FEW = 40  # points, up to which those of a line have signs
_BAR = 14  # pixels
_SIGNS = (
    "M-3 0A3 3 0 1 0 3 0A3 3 0 1 0 -3 0",
    "M-3 -3L3 3M3 -3L-3 3",
    "M0 -4V4M-4 0H4",
    "M-3 -3H3V3H-3Z",
    "M0 -4L4 3H-4Z",
    "M0 -4L4 0L0 4L-4 0Z",
)


Drawn = tuple[Html, list[str]]
"""A field, and the words beside it from above."""


def drawn(kind: Kind, plot: Plot, title: str, name: str) -> Html:
    """Return the plot with its ends and its legend."""
    if kind == "bar":
        return joined(_bars(plot, title, name), _legend(plot, bars=True))
    across = places(plot, max((len(each.values) for each in plot.series), default=0))
    field, scale = (
        _bins(plot, title, name) if kind == "histogram" else _field(kind, plot, across, title, name)
    )
    left, right = _ends(plot, across)
    ends = element("div", element("span", left), element("span", right), class_="ends")
    told = element("div", [element("span", each) for each in scale], class_="scale")
    whole = element("div", told, element("div", field, ends), class_="field")
    return joined(whole, _legend(plot))


def _ends(plot: Plot, across: Sequence[float]) -> tuple[str, str]:
    if plot.labels:
        return plot.labels[0], plot.labels[-1]
    low, high = bounds(plot.at or across)
    return figure(low), figure(high)


def _about(plot: Plot) -> str:
    names = ", ".join(each.name for each in plot.series)
    return f"{names} by {plot.across}. The table below has the numbers."


def _legend(plot: Plot, bars: bool = False) -> Html:
    if len(plot.series) < 2:
        names = "".join(each.name for each in plot.series)
        return element("p", f"{names} by {plot.across}", class_="quiet")
    items = []
    for number, each in enumerate(plot.series):
        shape = (
            element("rect", class_=f"s{number} fill", width="16", height="16")
            if bars
            else joined(
                element("path", d="M0 8H16", class_=f"s{number} stroke"),
                element("g", _sign(number), transform="translate(8 8)"),
            )
        )
        hidden = {"aria-hidden": "true"}
        key = element("svg", shape, class_="key", viewBox="0 0 16 16", attributes=hidden)
        items.append(element("li", key, each.name))
    by = element("li", f"by {plot.across}", class_="quiet")
    return element("ul", items, by, class_="legend")


def _sign(number: int) -> Html:
    return element("path", d=_SIGNS[number], class_=f"s{number} sign")


# -- lines and points


def _field(kind: Kind, plot: Plot, across: Sequence[float], title: str, name: str) -> Drawn:
    low, high = bounds([value for each in plot.series for value in each.values])
    left, right = bounds(across)
    rules = [_rule(part) for part in (0.0, 0.5, 1.0)]
    scale = [figure(each) for each in (high, (high + low) / 2, low)]
    lines, signs = [], []
    for number, each in enumerate(plot.series):
        points = [
            (share(at, left, right) * 100, _TOP + (1 - share(value, low, high)) * _HIGH)
            if value is not None
            else None
            for at, value in zip(across, each.values, strict=False)
        ]
        if kind == "line":
            lines.append(element("path", d=_path(points), class_=f"s{number} stroke"))
        if kind != "line" or len(points) <= _FEW:
            signs += [_at(*point, _sign(number)) for point in points if point]
    stretched = element(
        "svg",
        lines,
        viewBox=f"0 0 {_ACROSS} {_TOP + _HIGH}",
        width="100%",
        height=str(_TOP + _HIGH),
        attributes={"preserveAspectRatio": "none"},
    )
    tall = _TOP + _HIGH + 2
    return framed(name, title, _about(plot), tall, rules, stretched, signs), scale


def _rule(part: float) -> Html:
    y = str(round(_TOP + part * _HIGH))
    return element("line", class_="rule", x1="0", x2="100%", y1=y, y2=y)


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Return the way along points; it begins anew behind one that is missing."""
    pieces = []
    for there, run in groupby(points, lambda point: point is not None):
        if there:
            told = [f"{x * _ACROSS / 100:.1f} {y:.1f}" for x, y in filter(None, run)]
            # a point alone is a line of no length, which has round ends
            pieces.append(f"M{'L'.join(told if len(told) > 1 else told * 2)}")
    return "".join(pieces)


def _at(x: float, y: float, sign: Html) -> Html:
    return element("svg", sign, x=f"{x:.2f}%", y=f"{y:.1f}", overflow="visible")


# -- bars


def _bins(plot: Plot, title: str, name: str) -> Drawn:
    values = [value or 0.0 for each in plot.series[:1] for value in each.values]
    most = max(values, default=0.0) or 1.0
    step = 100 / max(1, len(values))
    bars = []
    for at, value in enumerate(values):
        tall = max(0.0, value) / most * _HIGH
        bars.append(
            element(
                "rect",
                class_="s0 fill",
                x=f"{at * step + step * 0.04:.2f}%",
                width=f"{step * 0.92:.2f}%",
                y=f"{_TOP + _HIGH - tall:.1f}",
                height=f"{tall:.1f}",
            )
        )
    rules = [_rule(part) for part in (0.0, 1.0)]
    about = f"{len(bins(plot))} bins. {_about(plot)}"
    return framed(name, title, about, _TOP + _HIGH + 2, rules, bars), [figure(most), "0"]


def _bars(plot: Plot, title: str, name: str) -> Html:
    known = [v for each in plot.series for v in each.values if v is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    high = high if high > low else low + 1
    row = 18 + len(plot.series) * (_BAR + 2) + 8
    content: list[Html | None] = []
    for at, label in enumerate(plot.labels):
        top = at * row
        single = plot.series[0].values[at : at + 1] if len(plot.series) == 1 else ()
        told = f"{label}: {figure(single[0])}" if single and single[0] is not None else label
        content.append(element("text", told, x="0", y=str(top + 13)))
        content += [
            _bar(each, at, number, top + 18, (low, high)) for number, each in enumerate(plot.series)
        ]
    tall = max(1, row * len(plot.labels))
    return framed(name, title, _about(plot), tall, content)


def _bar(series: Series, at: int, number: int, top: int, scale: tuple[float, float]) -> Html | None:
    value = series.values[at] if at < len(series.values) else None
    if value is None:
        return None
    one, other = sorted((share(0.0, *scale), share(value, *scale)))
    return element(
        "rect",
        class_=f"s{number} fill",
        x=f"{one * 100:.2f}%",
        width=f"{max((other - one) * 100, 0.2):.2f}%",
        y=str(top + number * (_BAR + 2)),
        height=str(_BAR),
    )

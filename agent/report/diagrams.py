"""Diagrams as SVG, as wide as they need: on a narrow page they scroll within themselves."""

from __future__ import annotations

from itertools import pairwise

from agent.report.markup import Html, element
from agent.report.parts import scrolls
from agent.showing.layers import Layout, Route, layout
from agent.showing.pieces import cells, fit, flat
from tools.shown import Graph

_CELL = 8  # pixels of a cell of text
_BOX, _STEP = 32, 92  # pixels: how high a node is, and from one layer to the next
_EDGE = 12  # pixels around all
_NAME, _LABEL = 40, 30  # cells
_BESIDE = 8  # pixels from the middle at which an edge upwards leaves
_ROW = 40  # pixels of a step of a sequence


def graph(given: Graph, title: str, name: str) -> Html:
    """Return nodes in layers, and the edges between them."""
    names = [fit(flat(each), _NAME) for each in given.nodes]
    laid = layout(given, [max(5, cells(each) + 4) for each in names])
    wide = laid.wide * _CELL + 2 * _EDGE
    labels = [_LABEL * _CELL for each in laid.routes if each.label]
    tall = max(0, len(laid.layers) - 1) * _STEP + _BOX + 2 * _EDGE
    drawn = [
        [_edge(laid, each) for each in laid.routes],
        [_node(laid, at, each) for at, each in enumerate(names)],
        [_label(laid, each) for each in laid.routes if each.label],
    ]
    return _svg(title, name, _about(given), wide + max(labels, default=0) // 2, tall, drawn)


def _about(given: Graph) -> str:
    return f"{len(given.nodes):,} nodes, {len(given.edges):,} edges. The table below has them."


def _svg(title: str, name: str, about: str, wide: int, tall: int, *content: object) -> Html:
    drawn = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", about, id=f"{name}-about"),
        content,
        role="img",
        class_="graph",
        width=str(wide),
        height=str(tall),
        viewBox=f"0 0 {wide} {tall}",
        attributes={"aria-labelledby": f"{name}-title {name}-about"},
    )
    return scrolls("div", title, drawn, class_="wide")


def _node(laid: Layout, at: int, name: str) -> Html:
    spot = laid.spots[at]
    x, y = _EDGE + spot.left * _CELL, _EDGE + spot.layer * _STEP
    loops = " ↻" if at in laid.loops else ""
    return element(
        "g",
        element(
            "rect",
            class_="node",
            x=str(x),
            y=str(y),
            width=str(spot.wide * _CELL),
            height=str(_BOX),
        ),
        element(
            "text",
            name + loops,
            class_="middle named",
            x=str(x + spot.wide * _CELL // 2),
            y=str(y + _BOX // 2 + 5),
        ),
    )


def _points(laid: Layout, route: Route) -> list[tuple[int, int]]:
    """Return where an edge runs, from above: two points at each layer that it passes."""
    beside = _BESIDE if route.up else 0
    points = []
    for number, at in enumerate(route.spots):
        spot = laid.spots[at]
        x = _EDGE + spot.left * _CELL + spot.wide * _CELL // 2 + beside
        y = _EDGE + spot.layer * _STEP
        if number:
            points.append((x, y))
        if number + 1 < len(route.spots):
            points.append((x, y + _BOX))
    return points


def _edge(laid: Layout, route: Route) -> Html:
    points = _points(laid, route)
    (x, y), *rest = points
    path = f"M{x} {y}"
    for number, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        middle = (y + to_y) // 2
        straight = number % 2  # past a layer
        path += f"L{to_x} {to_y}" if straight else f"C{x} {middle} {to_x} {middle} {to_x} {to_y}"
    if route.up:
        x, y = points[0]
        tip = f"M{x} {y}L{x - 4} {y + 8}H{x + 4}Z"
    else:
        x, y = rest[-1]
        tip = f"M{x} {y}L{x - 4} {y - 8}H{x + 4}Z"
    return element(
        "g", element("path", d=path, class_="edge"), element("path", d=tip, class_="tip")
    )


def _label(laid: Layout, route: Route) -> Html:
    """Return the words of an edge: where it passes a layer, else away from where many meet."""
    told = fit(flat(route.label), _LABEL)
    points = _points(laid, route)
    if len(points) > 2:
        (x, y), (_, below) = points[1:3]
        at, down = float(x), (y + below) / 2
    else:
        (x, y), (to_x, to_y) = points
        above, under = (laid.spots[route.spots[end]] for end in (0, -1))
        part = 0.4 if len(under.above) > len(above.below) else 0.62
        at, down = x + (to_x - x) * (3 * part**2 - 2 * part**3), y + (to_y - y) * part
    return element("text", told, class_="said", x=f"{at + 5:.0f}", y=f"{down + 4:.0f}")


def sequence(given: Graph, title: str, name: str) -> Html:
    """Return a column for each who takes part, and below each other the steps."""
    names = [fit(flat(each), _NAME) for each in given.nodes]
    at = {each: number for number, each in enumerate(given.nodes)}
    steps = [
        (at[each.source], at[each.target], fit(flat(each.label), _NAME))
        for each in given.edges
        if each.source in at and each.target in at
    ]
    gaps = [(cells(one) + cells(other)) * _CELL // 2 + 40 for one, other in pairwise(names)]
    for one, other, label in steps:
        low = min(one, other)
        if low < len(gaps) and abs(one - other) <= 1:
            gaps[low] = max(gaps[low], cells(label) * _CELL + 40)
    places = [_EDGE + (cells(names[0]) + 2) * _CELL // 2 if names else 0]
    for gap in gaps:
        places.append(places[-1] + gap)
    last = (cells(names[-1]) + 2) * _CELL // 2 if names else 0
    after = [cells(label) * _CELL + 40 for one, other, label in steps if one == other]
    wide = places[-1] + max([last, *after]) + _EDGE
    tall = _BOX + (len(steps) + 1) * _ROW + 2 * _EDGE
    drawn = [
        [_life(x, tall) for x in places],
        [_head(each, x) for each, x in zip(names, places, strict=False)],
        [_step(number, *each, places) for number, each in enumerate(steps, 1)],
    ]
    return _svg(title, name, _about(given), wide, tall, drawn)


def _life(x: int, tall: int) -> Html:
    top, bottom = str(_EDGE + _BOX), str(tall - _EDGE)
    return element("line", class_="life", x1=str(x), x2=str(x), y1=top, y2=bottom)


def _head(name: str, x: int) -> Html:
    wide = (cells(name) + 2) * _CELL
    place = {"x": str(x - wide // 2), "y": str(_EDGE), "width": str(wide), "height": str(_BOX)}
    text = element("text", name, class_="middle named", x=str(x), y=str(_EDGE + _BOX // 2 + 5))
    return element("g", element("rect", class_="node", attributes=place), text)


def _step(number: int, one: int, other: int, label: str, places: list[int]) -> Html:
    y = _EDGE + _BOX + number * _ROW
    start, end = places[one], places[other]
    if one == other:
        path = f"M{start} {y - 8}H{start + 22}V{y + 6}H{start}"
        tip = f"M{start} {y + 6}L{start + 8} {y + 2}V{y + 10}Z"
        told = element("text", label, class_="said", x=str(start + 28), y=str(y + 3))
    else:
        back = 8 if end < start else -8
        path = f"M{start} {y}H{end}"
        tip = f"M{end} {y}L{end + back} {y - 4}V{y + 4}Z"
        middle = str((start + end) // 2)
        told = element("text", label, class_="said middle", x=middle, y=str(y - 6))
    return element(
        "g", element("path", d=path, class_="edge"), element("path", d=tip, class_="tip"), told
    )

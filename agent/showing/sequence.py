"""A sequence in characters: a column for each who takes part, a line for each step."""

from __future__ import annotations

from itertools import pairwise

from agent.showing.boxes import edges
from agent.showing.pieces import Line, cells, fit, flat, padded
from tools.shown import Graph

_NAME = 20  # cells
_LEAST = 12  # cells from one column to the next
_LABEL = 36  # cells beside which no more room is made for a label


def sequence(graph: Graph, width: int) -> list[Line]:
    """Return the steps from above; as a list where the columns do not fit."""
    names = [fit(flat(each), _NAME) for each in graph.nodes]
    at = {name: number for number, name in enumerate(graph.nodes)}
    steps = [
        (at[each.source], at[each.target], flat(each.label))
        for each in graph.edges
        if each.source in at and each.target in at
    ]
    gaps = [max(_LEAST, (cells(one) + cells(other)) // 2 + 3) for one, other in pairwise(names)]
    for one, other, label in steps:
        low, high = sorted((one, other))
        if one == other:
            high = min(low + 1, len(names) - 1)
        if high - low == 1:
            gaps[low] = max(gaps[low], min(cells(label), _LABEL) + 4)
    places = [cells(names[0]) // 2 + 1 if names else 0]
    for gap in gaps:
        places.append(places[-1] + gap)
    if not steps or places[-1] + cells(names[-1]) // 2 + 2 > width:
        return edges(graph, width)
    lines: list[Line] = [((_heads(names, places), "head"),), _lives(places)]
    for one, other, label in steps:
        low, high = sorted((one, other))
        if one == other:
            room = (places[low + 1] if low + 1 < len(places) else width) - places[low] - 4
            lines.append(_over(places, places[low] + 1, fit(f"↻ {label}", max(2, room))))
            continue
        room = places[high] - places[low] - 2
        if label:
            lines.append(_over(places, places[low] + 2, fit(label, max(1, room - 1))))
        arrow = "─" * (room) + "▶" if one < other else "◀" + "─" * room
        lines.append(_over(places, places[low] + 1, arrow))
    return [*lines, _lives(places)]


def _heads(names: list[str], places: list[int]) -> str:
    told = ""
    for name, place in zip(names, places, strict=True):
        told = padded(told, max(0, place - cells(name) // 2)) + name
    return told


def _lives(places: list[int]) -> Line:
    line = [" "] * (places[-1] + 1)
    for place in places:
        line[place] = "│"
    return (("".join(line), "rule"),)


def _over(places: list[int], at: int, text: str) -> Line:
    """Return the lines of life with text on them from a cell on."""
    under = _lives(places)[0][0]
    end = at + cells(text)
    return ((under[:at].ljust(at), "rule"), (text, ""), (under[end:], "rule"))

"""Where the nodes of a graph stand: in layers from above, so that most edges point down.

The method is Sugiyama's: cycles are opened, each node goes one layer below what leads to it, edges
that pass a layer get a place in it, each layer is ordered by its neighbours, and then all move as
near to these as the order lets them. One layout is drawn in characters and as SVG, in cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tools.shown import Graph

SWEEPS = 8
GAP = 3  # cells between two nodes
PASSING = 3  # cells of an edge that passes a layer


@dataclass(slots=True)
class Spot:
    """A node, or an edge that passes: `node` is -1 then. `left` and `wide` are cells."""

    node: int
    wide: int
    layer: int = 0
    left: int = 0
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)

    @property
    def middle(self) -> int:
        """The cell that edges meet."""
        return self.left + self.wide // 2


@dataclass(frozen=True, slots=True)
class Route:
    """The spots that an edge runs through, from above; `up` says that it points upwards."""

    spots: tuple[int, ...]
    label: str
    up: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """All spots, the layers of them from left to right, the routes of edges, nodes that loop."""

    spots: list[Spot]
    layers: list[list[int]]
    routes: list[Route]
    loops: frozenset[int]

    @property
    def wide(self) -> int:
        """How many cells it takes across."""
        return max((each.left + each.wide for each in self.spots), default=0)


def layout(graph: Graph, wides: Sequence[int]) -> Layout:
    """Return where everything stands; `wides` are the cells that the nodes take."""
    number = {name: at for at, name in enumerate(graph.nodes)}
    ends: list[tuple[int, int, str]] = []
    for each in graph.edges:
        if each.source in number and each.target in number:
            ends.append((number[each.source], number[each.target], each.label))
    loops = frozenset(one for one, other, _ in ends if one == other)
    ends = _merged([each for each in ends if each[0] != each[1]])
    back = _backward(len(graph.nodes), [(one, other) for one, other, _ in ends])
    down = [(o, t) if (t, o) in back else (t, o) for t, o, _ in ends]
    ranks = _ranks(len(graph.nodes), down)
    spots = [Spot(at, wide, ranks[at]) for at, wide in enumerate(wides)]
    routes = []
    for (one, other), (source, target, label) in zip(down, ends, strict=True):
        path = [one]
        for layer in range(ranks[one] + 1, ranks[other]):
            spots.append(Spot(-1, PASSING, layer))
            path.append(len(spots) - 1)
        path.append(other)
        for above, below in pairwise(path):
            spots[above].below.append(below)
            spots[below].above.append(above)
        routes.append(Route(tuple(path), label, (source, target) in back))
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for at, spot in enumerate(spots):
        layers[spot.layer].append(at)
    _order(spots, layers)
    _place(spots, layers)
    return Layout(spots, layers, routes, loops)


def _merged(ends: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return one edge for several between the same nodes, with all their labels."""
    labels: dict[tuple[int, int], list[str]] = {}
    for one, other, label in ends:
        said = labels.setdefault((one, other), [])
        if label and label not in said:
            said.append(label)
    return [(one, other, ", ".join(said)) for (one, other), said in labels.items()]


def _backward(count: int, ends: Sequence[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Return the edges that close a cycle, as one who walks along all comes upon them."""
    after: list[list[int]] = [[] for _ in range(count)]
    into = [0] * count
    for one, other in ends:
        after[one].append(other)
        into[other] += 1
    back: set[tuple[int, int]] = set()
    state = [0] * count  # 1 while it is on the way, 2 behind it
    for start in sorted(range(count), key=lambda at: into[at] > 0):
        if state[start]:
            continue
        way = [(start, iter(after[start]))]
        state[start] = 1
        while way:
            at, rest = way[-1]
            other = next(rest, -1)
            if other < 0:
                state[at] = 2
                way.pop()
            elif state[other] == 1:
                back.add((at, other))
            elif state[other] == 0:
                state[other] = 1
                way.append((other, iter(after[other])))
    return frozenset(back)


def _ranks(count: int, down: Sequence[tuple[int, int]]) -> list[int]:
    """Return the layer of each node: one below the lowest that leads to it."""
    after: list[list[int]] = [[] for _ in range(count)]
    into = [0] * count
    for one, other in down:
        after[one].append(other)
        into[other] += 1
    ranks = [0] * count
    ready = [at for at in range(count) if not into[at]]
    for at in ready:  # grows as it goes
        for other in after[at]:
            ranks[other] = max(ranks[other], ranks[at] + 1)
            into[other] -= 1
            if not into[other]:
                ready.append(other)
    return ranks


def _order(spots: list[Spot], layers: list[list[int]]) -> None:
    """Order each layer by where its neighbours stand, to and fro."""
    for sweep in range(SWEEPS):
        up = sweep % 2
        place = {at: number for layer in layers for number, at in enumerate(layer)}
        for layer in layers[::-1] if up else layers:
            means = {}
            for number, at in enumerate(layer):
                near = spots[at].below if up else spots[at].above
                means[at] = sum(place[each] for each in near) / len(near) if near else number
            layer.sort(key=means.__getitem__)
            place.update((at, number) for number, at in enumerate(layer))


def _place(spots: list[Spot], layers: list[list[int]]) -> None:
    """Give each spot its cells: as near to its neighbours as the order lets it."""
    for layer in layers:
        left = 0
        for at in layer:
            spots[at].left = left
            left += spots[at].wide + GAP
    for sweep in range(SWEEPS):
        up = sweep % 2
        for layer in layers[::-1] if up else layers:
            wished = []
            for at in layer:
                near = spots[at].below if up else spots[at].above
                middles = sorted(spots[each].middle for each in near)
                half = spots[at].wide // 2
                wished.append(
                    float(
                        (middles[(len(middles) - 1) // 2] + middles[len(middles) // 2]) / 2 - half
                        if middles
                        else spots[at].left
                    )
                )
            _spread(spots, layer, wished)
    first = min((each.left for each in spots), default=0)
    for each in spots:
        each.left -= first


def _spread(spots: list[Spot], layer: Sequence[int], wished: Sequence[float]) -> None:
    """Place a layer so that the squares of the ways from the wishes are least."""
    offset = 0
    blocks: list[tuple[float, int]] = []  # a mean of wishes, and of how many
    offsets = []
    for at, wish in zip(layer, wished, strict=True):
        offsets.append(offset)
        blocks.append((wish - offset, 1))
        offset += spots[at].wide + GAP
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (before, others) = blocks.pop(), blocks.pop()
            blocks.append(((mean * count + before * others) / (count + others), count + others))
    means = [mean for mean, count in blocks for _ in range(count)]
    for at, mean, moved in zip(layer, means, offsets, strict=True):
        spots[at].left = round(mean) + moved

"""Diagrams: steps as they are written down, and how much of a graph is shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from tools.base import ToolError
from tools.shown import EDGES, NODES, Edge, Graph, brief

_ARROW = re.compile(r"\s*(?:-{1,2}>{1,2}|=>|→)\s*")
_LABEL = re.compile(r":\s+|:$")


def steps(text: str) -> tuple[Graph, tuple[str, ...]]:
    """Return the graph of lines such as `a -> b: label`, and notes. Raises ToolError."""
    nodes: dict[str, None] = {}
    edges: list[Edge] = []
    for line in text.split("\n"):
        chain = _ARROW.split(line.strip().rstrip(";"))
        last, *said = _LABEL.split(chain[-1], maxsplit=1)
        names = [brief(each) for each in (*chain[:-1], last)]
        if not any(names):
            continue
        if not all(names):
            raise ToolError(f"`{brief(line, 60)}` is no step; write it as `a -> b: label`")
        for name in names:
            nodes.setdefault(name)
        label = brief(said[0]) if said else ""
        for at, (one, other) in enumerate(pairwise(names), 2):
            edges.append(Edge(source=one, target=other, label=label if at == len(names) else ""))
    if not nodes:
        raise ToolError("there are no steps in `data`; write each as a line `a -> b: label`")
    return bounded(list(nodes), edges)


def bounded(
    nodes: Sequence[str], edges: Sequence[Edge], notes: Sequence[str] = ()
) -> tuple[Graph, tuple[str, ...]]:
    """Return what of a graph is shown: what has the most edges, and what lies between."""
    said = list(notes)
    if len(nodes) > NODES:
        degree = Counter(name for each in edges for name in (each.source, each.target))
        first = {name: at for at, name in enumerate(nodes)}
        chosen = set(sorted(nodes, key=lambda name: (-degree[name], first[name]))[:NODES])
        said.append(f"showing {NODES} of {len(nodes):,} nodes, those with the most edges")
        nodes = [name for name in nodes if name in chosen]
        edges = [each for each in edges if each.source in chosen and each.target in chosen]
    if len(edges) > EDGES:
        said.append(f"showing {EDGES} of {len(edges):,} edges")
        edges = edges[:EDGES]
    return Graph(nodes=tuple(nodes), edges=tuple(edges)), tuple(said)

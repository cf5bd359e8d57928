"""What the model showed, as Markdown: tables, and diagrams in Mermaid, which GitHub draws."""

from __future__ import annotations

import re

from agent.report import words
from agent.report.figures import rows_of
from agent.report.marks import block, code, table
from agent.report.story import Turn
from agent.terminal import inert
from tools.shown import Graph, Shown

# what has no meaning in Mermaid; all else is written by its number
_PLAIN = re.compile(r"[^A-Za-z0-9 .,_/-]")


def shown(turn: Turn) -> list[str]:
    """Return everything that a turn showed."""
    if not turn.drawn:
        return []
    lines = ["", f"### Shown in turn {turn.number}"]
    for each in turn.drawn:
        lines += _one(each)
    if turn.drawn_left_out:
        lines += ["", f"{words.plural(turn.drawn_left_out, 'more figure')} left out"]
    return lines


def _one(shown: Shown) -> list[str]:
    title = code(shown.title or shown.source or shown.kind)
    lines = ["", f"{shown.kind}: {title}"]
    if shown.grid:
        rows = [[code(cell) for cell in row] for row in shown.grid.rows]
        lines += table([_head(each) for each in shown.grid.columns], rows)
    if shown.plot:
        heads, values = rows_of(shown.kind, shown.plot)
        lines += table(
            [_head(each) for each in heads], [[code(cell) for cell in row] for row in values]
        )
    if shown.graph and shown.graph.nodes:
        draw = _sequence if shown.kind == "sequence" else _flow
        lines += block("\n".join(draw(shown.graph)), "mermaid")
    if shown.still:
        still = shown.still
        size = f"{still.width:,} x {still.height:,} pixels, {still.bytes:,} bytes"
        lines += ["", f"size of {code(shown.source)}: {size}"]
    return [*lines, "", *(f"- {code(each)}" for each in shown.notes)]


def _head(text: str) -> str:
    return code(text).replace("|", "¦")


def _word(text: str) -> str:
    """Return text that Mermaid shows as it is."""
    line = " ".join(inert(text).split())
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", line) or " "


def _flow(graph: Graph) -> list[str]:
    number = {name: f"n{at}" for at, name in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    lines += [f'  {each}["{_word(name)}"]' for name, each in number.items()]
    for each in graph.edges:
        if each.source in number and each.target in number:
            label = f'|"{_word(each.label)}"|' if each.label else ""
            lines.append(f"  {number[each.source]} -->{label} {number[each.target]}")
    return lines


def _sequence(graph: Graph) -> list[str]:
    number = {name: f"p{at}" for at, name in enumerate(graph.nodes)}
    lines = ["sequenceDiagram"]
    lines += [f"  participant {each} as {_word(name)}" for name, each in number.items()]
    for each in graph.edges:
        if each.source in number and each.target in number:
            ends = f"{number[each.source]}->>{number[each.target]}"
            lines.append(f"  {ends}: {_word(each.label)}")
    return lines

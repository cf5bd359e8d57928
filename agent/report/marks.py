"""Parts of Markdown in which nothing of a session is more than code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.terminal import inert


def code(text: str) -> str:
    """Return text as code within a line; empty text is nothing."""
    shown = " ".join(inert(text).split())
    if not shown:
        return ""
    fence = "`" * (_longest(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str, language: str = "text") -> list[str]:
    """Return text as a block of code."""
    fence = "`" * max(3, _longest(text) + 1)
    return ["", f"{fence}{language}", *inert(text).rstrip("\n").split("\n"), fence]


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table; cells of ours are as they are, those of the session are `code` already."""
    # a line is split at each bar before anything else, also within code, and a backslash before
    # it is undone by one before that: so a cell has another bar
    lines = [" | ".join(str(cell).replace("|", "¦") for cell in row) for row in rows]
    head = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return ["", *head, *(f"| {line} |" for line in lines)] if lines else []

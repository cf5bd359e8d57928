"""Lines made of pieces, each with its role: a face may colour it, and the text says the same."""

from __future__ import annotations

import unicodedata
from typing import Literal

from agent.terminal import inert

Role = Literal["", "head", "quiet", "rule", "mark0", "mark1", "mark2", "mark3", "mark4", "mark5"]
Piece = tuple[str, Role]
Line = tuple[Piece, ...]
MARKS: tuple[Role, ...] = ("mark0", "mark1", "mark2", "mark3", "mark4", "mark5")


def flat(text: str) -> str:
    """Return text as one inert line."""
    return " ".join(inert(text).split())


def cells(text: str) -> int:
    """Return how many cells of a terminal an inert line takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Return a line of at most so many cells; `…` stands where something is missing."""
    if cells(text) <= width:
        return text
    kept, used = [], 1
    for char in text:
        used += _cells(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept) + "…" if width > 0 else ""


def clipped(line: Line, width: int) -> Line:
    """Return a line of pieces of at most so many cells."""
    kept: list[Piece] = []
    for text, role in line:
        kept.append((fit(text, width), role))
        width -= cells(kept[-1][0])
    return tuple(kept)


def padded(text: str, width: int, right: bool = False) -> str:
    """Return a line of exactly so many cells."""
    text = fit(text, width)
    space = " " * (width - cells(text))
    return space + text if right else text + space


def figure(value: float) -> str:
    """Return a number as a scale says it."""
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    told = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return told if "e" not in told else f"{value:,.4f}"


def joined(lines: list[Line]) -> list[str]:
    """Return the lines as text alone."""
    return ["".join(text for text, _ in line).rstrip() for line in lines]

"""What a dialect is: where a call opens, how it is read, what stands around it.

An opening is a sequence of pieces. Two regular expressions are made from it: one that finds it, and
one that finds a beginning of it at the end of what has come in so far, which is held back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.base import ToolCall


@dataclass(frozen=True, slots=True)
class Some:
    """Characters of a class, such as `[a-z]*`: each beginning of a match is a match too."""

    pattern: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several words; the empty one makes the piece optional."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A look at what stands around, without taking it."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Known:
    """The name of one of the tools."""


Piece = str | Some | OneOf | Look | Known
Opening = tuple[Piece, ...]

BAR = "\uff5c"  # the full-width bar of DeepSeek's marks; in plain sight it looks like another
# bounded: what is held back is looked at again with each piece that comes in
GAP = Some(r"\s{0,64}")
NAME = Some(r"[\w.-]{1,64}")
KNOWN = Known()


def one_of(*words: str) -> OneOf:
    """Return a piece that is any of the words."""
    return OneOf(words)


def whole(pieces: Sequence[Piece], names: Iterable[str]) -> str:
    """Return a regular expression for the sequence."""
    return "".join(_whole(piece, names) for piece in pieces)


def _whole(piece: Piece, names: Iterable[str]) -> str:
    match piece:
        case str():
            return re.escape(piece)
        case OneOf(words):
            return f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"
        case Known():
            # a name goes on as far as it can: `read` is no beginning of `read_all`
            return rf"(?:{'|'.join(map(re.escape, names))})(?![\w-])"
        case Some(pattern) | Look(pattern):
            return pattern


def begun(pieces: Sequence[Piece], names: Sequence[str]) -> str:
    """Return a regular expression for a beginning of the sequence at the end of a text."""
    pattern = ""
    for piece in reversed(pieces):
        after = rf"(?:\Z|{pattern})" if pattern else r"\Z"
        parts = [_whole(piece, names) + after]
        words = _words(piece, names)
        parts += [_cut(word) + r"\Z" for word in words if len(word) > 1]
        pattern = f"(?:{'|'.join(parts)})"
    return pattern


def _words(piece: Piece, names: Sequence[str]) -> Sequence[str]:
    match piece:
        case str():
            return (piece,)
        case OneOf(words):
            return words
        case Known():
            return names
        case _:
            return ()


def _cut(word: str) -> str:
    """Return a regular expression for the beginnings of a word, at least a letter of it."""
    pattern = ""
    for letter in reversed(word[:-1]):
        pattern = re.escape(letter) + (f"(?:{pattern})?" if pattern else "")
    return pattern


def past(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return the place behind what matches there, or the place itself."""
    match = pattern.match(text, at)
    return match.end() if match else at


# -- what a reader is given, and what it returns


class Raw(str):
    """An argument that was written as plain text: what type it has is for the schema to say."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call opens: from `start` to `at` in the text."""

    text: str
    start: int
    at: int
    cut: bool  # the text ended at a limit: what is missing at its end is not known
    quoted: bool  # in code that the answer shows, or right behind the opening of a fence
    tools: Mapping[str, dict[str, Any]]  # names and schemas


@dataclass(frozen=True, slots=True)
class Found:
    """Calls as names and arguments, and where they end."""

    calls: tuple[tuple[str, dict[str, Any]], ...]
    end: int


@dataclass(frozen=True, slots=True)
class Amiss:
    """What is wrong with a call, in the words of a sentence that begins with *Your call*.

    `readable` says that its end is known, so that what follows it can be text again.
    """

    what: str
    readable: bool = False


Reader = Callable[[Place], Found | Amiss | None]
"""Read the calls at a place; None where it is no call but text."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One form of writing calls.

    A `marked` form is a call by its marks, whatever tool it names; in the others the opening has
    the name of a tool. `before` and `after` are what may stand around a call and is no text.
    `shape` is what a model is shown that wrote it wrongly, empty for our own.
    """

    name: str
    opens: tuple[Opening, ...]
    read: Reader
    marked: bool = True
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    shape: str = ""
    write: Callable[[ToolCall], str] | None = None

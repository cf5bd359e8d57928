"""A difference of two trees as hunks, and a file made again with only some of them.

The hunks are git's; text is for showing only, what is put together is bytes.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agent.tree import Entry, Manifest
from sandbox.names import show

_RAW = re.compile(rb":(\d+) (\d+) \S+ \S+ ([A-Z])\d*\0([^\0]+)\0")
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One hunk as git has it: where it is in both files, as first line from 0 and how many.

    Its lines have their signs.
    """

    head: bytes
    old: tuple[int, int]
    new: tuple[int, int]
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """A piece of a file's change. One of `lines` has them in `text`, as a unified diff from `@@`.

    `about` says the others in words: a mode, or a whole file that has no lines to show.
    """

    path: str
    number: int
    kind: Literal["lines", "mode", "whole"]
    about: str = ""
    text: str = ""
    come: int = 0
    gone: int = 0
    piece: Piece | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file or a link that is not as it was; `moved` is where the same content was or is."""

    path: str
    kind: Literal["created", "deleted", "changed"]
    hunks: tuple[Hunk, ...]
    moved: str = ""

    @property
    def come(self) -> int:
        """How many lines came."""
        return sum(hunk.come for hunk in self.hunks)

    @property
    def gone(self) -> int:
        """How many lines went."""
        return sum(hunk.gone for hunk in self.hunks)


def pieces_of(patch: bytes) -> dict[str, list[Piece]]:
    """Return the hunks of each file, by its raw name, from `git diff-tree --raw -p -z`.

    The names come first, and the hunks in their order: in a hunk's own head they are ambiguous.
    """
    names, at = list[str](), 0
    while found := _RAW.match(patch, at):
        # what became a link, or was one, is told as removed and added
        names += [os.fsdecode(found[4])] * (2 if found[3] == b"T" else 1)
        at = found.end()
    found_in: dict[str, list[Piece]] = {}
    lines = iter(patch[at:].removeprefix(b"\0").split(b"\n"))
    here: list[Piece] = []
    number = 0
    for line in lines:
        if line.startswith(b"diff --git "):
            here = found_in.setdefault(names[number], [])
            number += 1
        elif head := _HUNK.fullmatch(line):
            old, new = _range(head[1], head[2]), _range(head[3], head[4])
            body = tuple(_body(lines, old[1], new[1]))
            here.append(Piece(line, old, new, body))
        elif line.startswith(b"\\") and here:  # the last line of both has no end
            here[-1] = replace(here[-1], lines=(*here[-1].lines, line))
    return found_in


def _range(start: bytes, count: bytes | None) -> tuple[int, int]:
    many = int(count) if count is not None else 1
    return (int(start) - 1 if many else int(start)), many


def _body(lines: Iterator[bytes], old: int, new: int) -> Iterator[bytes]:
    while (old > 0 or new > 0) and (line := next(lines, None)) is not None:
        sign = line[:1]
        old -= sign in (b" ", b"-")
        new -= sign in (b" ", b"+")
        yield line


def file_of(path: str, before: Manifest, after: Manifest, pieces: Collection[Piece]) -> File:
    """Return what became of a raw path, which both trees do not have the same."""
    old, new, name = leaf(before.get(path)), leaf(after.get(path)), show(path)
    if old is None or new is None:
        kind: Literal["created", "deleted"] = "created" if old is None else "deleted"
        there = new or old or Entry(0)
        if pieces:
            return File(name, kind, tuple(_hunks(name, pieces)))
        return File(name, kind, (Hunk(name, 0, "whole", _whole(there)),))
    hunks: list[Hunk] = []
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        was, now = ("a link" if stat.S_ISLNK(each.mode) else "a file" for each in (old, new))
        return File(name, "changed", (Hunk(name, 0, "whole", f"was {was}, is {now}"),))
    if old.mode != new.mode:
        modes = f"mode {stat.S_IMODE(old.mode):o} → {stat.S_IMODE(new.mode):o}"
        hunks.append(Hunk(name, 0, "mode", modes))
    if old.sha != new.sha:
        found = list(_hunks(name, pieces, len(hunks)))
        what = f"{_whole(new)}, was {old.size:,}"
        hunks += found or [Hunk(name, len(hunks), "whole", what)]
    return File(name, "changed", tuple(hunks))


def _whole(entry: Entry) -> str:
    if not entry.size:
        return "empty"
    return f"binary: {entry.size:,} bytes"


def leaf(entry: Entry | None) -> Entry | None:
    """Return a file or a link; None for a folder or nothing."""
    return entry if entry is not None and entry.sha else None


def _hunks(path: str, pieces: Collection[Piece], first: int = 0) -> Iterator[Hunk]:
    for number, piece in enumerate(pieces, first):
        ends = [line for line in piece.lines if not line.startswith(b"\\")]
        data = b"\n".join([piece.head, *piece.lines])
        if all(line.endswith(b"\r") for line in ends):
            data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")  # the same on all lines
        come, gone = (sum(line.startswith(sign) for line in ends) for sign in (b"+", b"-"))
        yield Hunk(path, number, "lines", "", _text(data), come, gone, piece)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def spliced(old: bytes, new: bytes, hunks: Sequence[Hunk], kept: Collection[int]) -> bytes:
    """Return the old content with those of its hunks whose numbers are kept."""
    before, after = _LINE.findall(old), _LINE.findall(new)
    out: list[bytes] = []
    at = 0
    for hunk in hunks:
        assert hunk.piece is not None, "what has no lines is not put together"
        start, count = hunk.piece.old
        first, many = hunk.piece.new
        out += before[at:start]
        out += after[first : first + many] if hunk.number in kept else before[start : start + count]
        at = start + count
    return b"".join(out + before[at:])

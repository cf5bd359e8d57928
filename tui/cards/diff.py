"""A unified diff as lines: numbers, signs, colours of the language, changed words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from textual.content import Content

from tui import theme
from tui.cards.code import coloured
from tui.cards.lines import GUTTER, INDENT, clean, decoration, more

SHORT = 12  # lines; a shorter diff opens by itself
SIDE_BY_SIDE = 140  # cells from which both sides stand beside each other
_MOST = 1000  # lines that are shown
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_ALIKE = 0.4  # of a pair of lines, from which changed words stand out
_LONGEST = 500  # characters of a line that is compared by words


@dataclass(slots=True)
class Row:
    """A line of a diff: its sign, its numbers in both files (0: not there), its code."""

    sign: str  # "+", "-", " "; "@" before a gap, "f" before a file
    old: int
    new: int
    code: Content

    @property
    def number(self) -> int:
        """The number that stands before it where both sides share a column."""
        return self.old if self.sign == "-" else self.new


@dataclass
class Diff:
    """A unified diff; it is taken apart when it is first shown."""

    text: str
    _rows: list[Row] | None = field(default=None, repr=False)
    _short: bool | None = field(default=None, repr=False)
    _counts: tuple[int, int] | None = field(default=None, repr=False)

    @property
    def counts(self) -> tuple[int, int]:
        """How many lines come, and how many go."""
        if self._counts is None:
            signs = [sign for hunk in _hunks(self.text) for sign, _ in hunk.lines]
            come, go = signs.count("+"), signs.count("-")
            self._counts = come, go
        return self._counts

    @property
    def rows(self) -> list[Row]:
        """Its lines."""
        if self._rows is None:
            self._rows = _rows(self.text)
        return self._rows

    @property
    def short(self) -> bool:
        """Whether it is so short that it opens by itself."""
        if self._short is None:
            heads = 3 if self.text.startswith("--- ") else 1
            self._short = 0 < self.text.count("\n") + 1 - heads <= SHORT
        return self._short

    def size(self) -> Content:
        """Return how many lines come and go: such as +3 and -1."""
        come, go = self.counts
        return Content.assemble((f"+{come}", theme.GOOD), " ", (f"-{go}", theme.BAD))

    def lines(self, width: int, indent: int = INDENT + 2) -> list[Content]:
        """Return it as lines of a width."""
        rows = self.rows[:_MOST]
        digits = max([2, *(len(str(max(row.old, row.new))) for row in rows)])
        draw = _beside if width >= SIDE_BY_SIDE else _below
        out = list(draw(rows, width, indent, digits))
        if len(self.rows) > _MOST:
            out.append(more(len(self.rows) - _MOST))
        return out

    def guess(self) -> int:
        """Return about how many lines it has."""
        return min(self.text.count("\n") + 1, _MOST)


@dataclass(slots=True)
class _Hunk:
    path: str
    old: int
    new: int
    title: str
    lines: list[tuple[str, str]]  # signs, and what follows them


def _hunks(text: str) -> Iterator[_Hunk]:
    """Yield the hunks of a diff; their own counts say where each ends."""
    path, hunk, old, new = "", None, 0, 0
    for line in text.split("\n"):
        if hunk is not None and (old > 0 or new > 0):
            sign = line[:1] if line[:1] in ("+", "-", "\\") else " "
            old -= sign in " -"
            new -= sign in " +"
            if sign != "\\":
                hunk.lines.append((sign, line[1:]))
        elif line.startswith("+++ "):
            path = line[4:].partition("\t")[0].removeprefix("b/")
        elif found := _HUNK.match(line):
            if hunk is not None:
                yield hunk
            hunk = _Hunk(path, int(found[1]), int(found[3]), found[5], [])
            old, new = int(found[2] or 1), int(found[4] or 1)
    if hunk is not None:
        yield hunk


def _rows(text: str) -> list[Row]:
    out: list[Row] = []
    hunks = list(_hunks(text))
    several = len({hunk.path for hunk in hunks}) > 1
    path = ""
    for hunk in hunks:
        if several and hunk.path != path:
            out.append(Row("f", 0, 0, Content.styled(clean(hunk.path), theme.NAME)))
        elif out:
            out.append(Row("@", 0, 0, Content.styled(clean(hunk.title), theme.DIM)))
        path = hunk.path
        lines = [(sign, clean(text)) for sign, text in hunk.lines]
        out += _hunk(lines, hunk.old, hunk.new, path)
    return out


def _hunk(hunk: list[tuple[str, str]], old: int, new: int, path: str) -> Iterator[Row]:
    """Yield the lines of a hunk, each side coloured as one text."""
    before = iter(coloured("\n".join(text for sign, text in hunk if sign != "+"), path=path))
    after = iter(coloured("\n".join(text for sign, text in hunk if sign != "-"), path=path))
    rows: list[Row] = []
    for sign, _ in hunk:
        if sign == " ":
            next(before)
        rows.append(Row(sign, old, new, next(before if sign == "-" else after)))
        old += sign != "+"
        new += sign != "-"
    at = 0
    while at < len(rows):
        gone = _run(rows, at, "-")
        come = _run(rows, at + gone, "+")
        for one, other in zip(
            rows[at : at + gone], rows[at + gone : at + gone + come], strict=False
        ):
            _mark(one, other)
        at += (gone + come) or 1
    yield from rows


def _run(rows: Sequence[Row], start: int, sign: str) -> int:
    end = start
    while end < len(rows) and rows[end].sign == sign:
        end += 1
    return end - start


def _mark(gone: Row, come: Row) -> None:
    """Let the words stand out in which two lines differ."""
    from difflib import SequenceMatcher

    old, new = gone.code.plain, come.code.plain
    if len(old) > _LONGEST or len(new) > _LONGEST:
        return
    before, after = _WORD.findall(old), _WORD.findall(new)
    found = SequenceMatcher(None, before, after, autojunk=False)
    if found.ratio() < _ALIKE:
        return
    for kind, a, b, c, d in found.get_opcodes():
        if kind != "equal":
            start, end = len("".join(before[:a])), len("".join(before[:b]))
            gone.code = gone.code.stylize(theme.REMOVED_WORD, start, end) if b > a else gone.code
            start, end = len("".join(after[:c])), len("".join(after[:d]))
            come.code = come.code.stylize(theme.ADDED_WORD, start, end) if d > c else come.code


def _cells(row: Row, number: int, width: int, digits: int) -> list[Content]:
    """Return a line as wide as there is room, on as many lines as it takes."""
    back = {"+": theme.ADDED, "-": theme.REMOVED}.get(row.sign, "")
    sign = {"+": theme.ADDED_SIGN, "-": theme.REMOVED_SIGN}.get(row.sign, "")
    room = max(2, width - digits - 3)
    out = []
    for at, piece in enumerate(row.code.fold(room) if row.code.cell_length > room else [row.code]):
        lead = f"{'' if at else number:>{digits}} │"
        body = Content.assemble(decoration(" " if at else row.sign, sign), piece)
        body = body.append(decoration(" " * max(0, room - piece.cell_length)))
        out.append(Content.assemble(decoration(lead), body.stylize_before(back)))
    return out


def _below(rows: Sequence[Row], width: int, indent: int, digits: int) -> Iterator[Content]:
    space = decoration(" " * indent)
    for row in rows:
        if row.sign in "f@":
            yield from _between(row, width, indent)
        else:
            for line in _cells(row, row.number, width - indent, digits):
                yield Content.assemble(space, line)


def _beside(rows: Sequence[Row], width: int, indent: int, digits: int) -> Iterator[Content]:
    """Yield what goes at the left and what comes at the right; only the right is copied."""
    half = (width - indent - 1) // 2
    space = decoration(" " * indent)
    empty = decoration(" " * half)
    at = 0
    while at < len(rows):
        row = rows[at]
        if row.sign in "f@":
            yield from _between(row, width, indent)
            at += 1
            continue
        gone = _run(rows, at, "-")
        come = _run(rows, at + gone, "+")
        pairs: list[tuple[Row | None, Row | None]] = [(row, row)]
        if gone or come:
            left = [*rows[at : at + gone], *[None] * (come - gone)]
            right = [*rows[at + gone : at + gone + come], *[None] * (gone - come)]
            pairs = list(zip(left, right, strict=True))
        for one, other in pairs:
            lefts = _cells(one, one.old, half, digits) if one else []
            rights = _cells(other, other.new, half, digits) if other else []
            for n in range(max(len(lefts), len(rights))):
                seen = lefts[n] if n < len(lefts) else empty
                seen = seen if other is None else seen.stylize(GUTTER)
                new = rights[n] if n < len(rights) else empty
                yield Content.assemble(space, seen, decoration(" "), new)
        at += (gone + come) or 1


def _between(row: Row, width: int, indent: int) -> Iterator[Content]:
    lead = " " * indent + ("" if row.sign == "f" else "⋯ ")
    yield Content.assemble(decoration(lead), row.code.truncate(max(1, width - len(lead))))

"""Unified diffs of two texts, fast also where few lines of a long file change."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from tools.truncate import split_lines

CONTEXT = 3  # lines around a change
_Opcode = tuple[str, int, int, int, int]


def unified(path: str, before: str, after: str) -> str:
    """Return the unified diff, empty when nothing differs; only a line feed ends a line."""
    if before == after:
        return ""
    old, new = split_lines(before), split_lines(after)
    rows = [f"--- a/{path}\n+++ b/{path}\n"]
    for group in _groups(_opcodes(old, new)):
        _, i1, _, j1, _ = group[0]
        _, _, i2, _, j2 = group[-1]
        rows.append(f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@\n")
        for tag, a1, a2, b1, b2 in group:
            rows += [_row(" " if tag == "equal" else "-", line) for line in old[a1:a2]]
            if tag != "equal":
                rows += [_row("+", line) for line in new[b1:b2]]
    return "".join(rows)


def _row(mark: str, line: str) -> str:
    if line.endswith("\n"):
        return mark + line
    return f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[_Opcode]:
    """Yield difflib's operations, found piece by piece between lines that both have once."""
    i = j = 0
    for at, there in _anchors(old, new):
        yield from _piece(old, new, i, at, j, there)
        yield "equal", at, at + 1, there, there + 1
        i, j = at + 1, there + 1
    yield from _piece(old, new, i, len(old), j, len(new))


def _piece(
    old: Sequence[str], new: Sequence[str], i1: int, i2: int, j1: int, j2: int
) -> Iterator[_Opcode]:
    if i1 == i2 and j1 == j2:
        return
    # what both begin and end with comes first: difflib prefers the longest run, wherever it is
    head = tail = 0
    most = min(i2 - i1, j2 - j1)
    while head < most and old[i1 + head] == new[j1 + head]:
        head += 1
    while tail < most - head and old[i2 - tail - 1] == new[j2 - tail - 1]:
        tail += 1
    if head:
        yield "equal", i1, i1 + head, j1, j1 + head
    i, j = i1 + head, j1 + head
    middle = difflib.SequenceMatcher(None, old[i : i2 - tail], new[j : j2 - tail])
    for tag, a1, a2, b1, b2 in middle.get_opcodes():
        yield tag, i + a1, i + a2, j + b1, j + b2
    if tail:
        yield "equal", i2 - tail, i2, j2 - tail, j2


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the lines stand that both have once: the most that are in the same order."""
    counts, others = Counter(old), Counter(new)
    places = {line: there for there, line in enumerate(new)}
    pairs = [
        (at, places[line])
        for at, line in enumerate(old)
        if counts[line] == 1 == others.get(line, 0)
    ]
    # the longest rising run: `tops[n]` is the pair that ends the best run of n + 1 pairs so far
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, there) in enumerate(pairs):
        length = bisect_left(ends, there)
        before.append(tops[length - 1] if length else -1)
        if length == len(tops):
            tops.append(number)
            ends.append(there)
        else:
            tops[length], ends[length] = number, there
    run: list[tuple[int, int]] = []
    number = tops[-1] if tops else -1
    while number >= 0:
        run.append(pairs[number])
        number = before[number]
    return run[::-1]


def _groups(opcodes: Iterator[_Opcode]) -> Iterator[list[_Opcode]]:
    """Yield the hunks: changes with their context, apart where more than two contexts lie."""
    group: list[_Opcode] = []
    for tag, i1, i2, j1, j2 in _joined(opcodes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        if not group:
            group = [(tag, max(i1, i2 - CONTEXT), i2, max(j1, j2 - CONTEXT), j2)]
        elif i2 - i1 > 2 * CONTEXT:
            yield [*group, (tag, i1, i1 + CONTEXT, j1, j1 + CONTEXT)]
            group = [(tag, i2 - CONTEXT, i2, j2 - CONTEXT, j2)]
        else:
            group.append((tag, i1, i2, j1, j2))
    if len(group) > 1 or (group and group[0][0] != "equal"):
        tag, i1, i2, j1, j2 = group[-1]
        if tag == "equal":
            group[-1] = (tag, i1, min(i2, i1 + CONTEXT), j1, min(j2, j1 + CONTEXT))
        yield group


def _joined(opcodes: Iterator[_Opcode]) -> Iterator[_Opcode]:
    """Make one operation of equal lines that follow each other, and of changes that do."""
    last: _Opcode | None = None
    for tag, i1, i2, j1, j2 in opcodes:
        if last is not None and (last[0] == "equal") == (tag == "equal"):
            last = (tag if tag == last[0] else "replace", last[1], i2, last[3], j2)
            continue
        if last is not None:
            yield last
        last = (tag, i1, i2, j1, j2)
    if last is not None:
        yield last

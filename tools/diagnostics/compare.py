"""Which problems are new: not by their lines, which move, but by what they say of what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tools.diagnostics.base import Finding
from tools.symbols import Symbol, definitions, enclosing

_LINE = re.compile(r"\blines? \d+")
_QUOTED = re.compile(r"[`'\"“]([^`'\"”]+)[`'\"”]")


def new(
    path: str, before: str, after: str, old: Iterable[Finding], found: Iterable[Finding]
) -> list[Finding]:
    """Return those of `found` that are none of `old`, each of which stands for one.

    The same is what has code, message, definition around it and text of its line in common; then
    what has all but the line's text, since that may be what was edited; then, between definitions
    that are gone and ones that are new (one was renamed), what has code and message.
    """
    was, now = _Text(path, before), _Text(path, after)
    left, rest = list(old), list(found)
    left, rest = _without(left, rest, was.exactly, now.exactly)
    left, rest = _without(left, rest, was.nearly, now.nearly)
    gone = [each for each in left if was.around(each) not in now.names]
    stayed = [each for each in rest if now.around(each) in was.names]
    come = [each for each in rest if now.around(each) not in was.names]
    _, come = _without(gone, come, _kind, _kind)
    return sorted((*stayed, *come), key=lambda each: each.line)


def quoted(message: str) -> frozenset[str]:
    """Return the names that a message quotes."""
    return frozenset(_QUOTED.findall(message))


def _kind(finding: Finding) -> tuple[str, str]:
    return finding.code, _LINE.sub("line", finding.message)


def _without(
    old: Sequence[Finding],
    found: Sequence[Finding],
    was: Callable[[Finding], object],
    now: Callable[[Finding], object],
) -> tuple[list[Finding], list[Finding]]:
    """Return both lists without the pairs that are the same."""
    return _less(old, was, Counter(map(now, found))), _less(found, now, Counter(map(was, old)))


def _less(
    findings: Sequence[Finding], key: Callable[[Finding], object], known: Counter[object]
) -> list[Finding]:
    left = []
    for each in findings:
        if known[key(each)]:
            known[key(each)] -= 1
        else:
            left.append(each)
    return left


class _Text:
    """One of the two texts: what stands around each finding in it."""

    def __init__(self, path: str, text: str) -> None:
        self._lines = text.split("\n")
        self._defined: list[Symbol] = definitions(path, text)
        self.names = {"", *(each.name for each in self._defined)}

    def around(self, finding: Finding) -> str:
        found = enclosing(self._defined, finding.line)
        return found.name if found else ""

    def nearly(self, finding: Finding) -> object:
        return *_kind(finding), self.around(finding)

    def exactly(self, finding: Finding) -> object:
        at = finding.line - 1
        line = self._lines[at].strip() if 0 <= at < len(self._lines) else ""
        return *_kind(finding), self.around(finding), line

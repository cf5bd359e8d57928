"""The table of dialects, and what is made from it: where a call opens, what stands around it.

A new dialect is one record; reading a reply and showing one on the way both follow from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agent.models.dialects.base import Dialect, begun, whole
from agent.models.dialects.code import CODE, PYTHONIC
from agent.models.dialects.objects import BARE, OBJECTS
from agent.models.dialects.tags import TAGS

# where two open at the same place the first wins; the bare ones come last
DIALECTS: tuple[Dialect, ...] = (*OBJECTS, *TAGS, *CODE, PYTHONIC, BARE)


def _longest_first(words: set[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_BEFORE = {mark for dialect in DIALECTS for mark in dialect.before}
_AFTER = {mark for dialect in DIALECTS for mark in dialect.after} - {"```"}
_FENCE = "```[a-zA-Z_]*"
_LEAD = rf"(?:(?:{_FENCE}|{_longest_first(_BEFORE)})\s*)"
# at most so many: a text of fences alone must not take its square in time
_UNWRAPPED = re.compile(rf"{_LEAD}{{1,4}}\Z")
# what a small model closes once too often
_STRAY = r"[\s}\])\"',;]*"
_BEHIND = re.compile(rf"{_STRAY}(?:{_longest_first(_AFTER)})|\s*;(?=\s*\{{)")
_FENCE_END = re.compile(rf"{_STRAY}```(?!\w)")
_STRAY_END = re.compile(rf"{_STRAY}\Z")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Openings:
    """For a set of tools: `whole` has a group per dialect, `begun` finds a beginning at the end."""

    whole: re.Pattern[str]
    begun: re.Pattern[str]

    def dialect(self, match: re.Match[str]) -> Dialect:
        """Return the dialect that opens there."""
        return DIALECTS[int((match.lastgroup or "_0")[1:])]


@lru_cache(maxsize=8)
def openings(names: tuple[str, ...]) -> Openings:
    """Return where calls of these tools may open."""
    groups = []
    for index, dialect in enumerate(DIALECTS):
        patterns = "|".join(whole(opening, names) for opening in dialect.opens)
        groups.append(f"(?P<_{index}>{patterns})")
    starts = [begun(opening, names) for dialect in DIALECTS for opening in dialect.opens]
    starts += [begun((mark,), ()) for mark in (*sorted(_BEFORE), "```")]
    return Openings(
        re.compile("|".join(groups)),
        re.compile(rf"{_LEAD}{{0,4}}(?:\Z|{'|'.join(starts)})"),
    )


def unwrapped(text: str) -> str:
    """Drop the fences and the marks that were opened for a call which follows the text."""
    match = _UNWRAPPED.search(text)
    return text[: match.start()] if match else text


def after(text: str, end: int, *, fenced: bool) -> int:
    """Return where the text goes on behind a call, past the marks that close it."""
    while True:
        match = _BEHIND.match(text, end)
        if match is None and fenced:
            match = _FENCE_END.match(text, end)
            fenced = False
        if match is None:
            break
        end = match.end()
    space = _STRAY_END.match(text, end) or _SPACE.match(text, end)
    return space.end() if space else end

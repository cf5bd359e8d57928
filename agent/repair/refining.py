"""Near misses: candidates that failed, and yet came closer, from which the search goes on.

A candidate is one when more of the targets pass with it, or when the first that does not says
something else than it said of the old code. Small changes and the model then start from its text,
with what it fails by in view: so a bug of two places is repaired in two steps. (A new failure is
worth more to a large model than to a small one: Olausson et al., Is Self-Repair a Silver Bullet for
Code Generation? (2024). So samples come first here, and this after them.)
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.repair.localise import Near, Suspect
from tools import symbols
from tools.report import Failure, Screened


@dataclass(frozen=True, slots=True)
class NearMiss:
    """What failed, the target that it failed by, and how many others passed."""

    near: Near
    passes: int
    failure: Failure

    def based(self, found: Sequence[Suspect]) -> list[Suspect]:
        """Return the suspects as they stand in it, first those that it has changed."""
        changed: list[Suspect] = []
        others: list[Suspect] = []
        for suspect in found:
            text = self.near.after.get(suspect.path)
            if text is None:
                others.append(replace(suspect, near=self.near))
            elif moved := _moved(suspect, text):
                same = moved.source == suspect.source
                (others if same else changed).append(replace(moved, near=self.near))
        return changed + others


class NearMisses:
    """The near misses of one search, each of which is given once, the nearest first."""

    def __init__(self) -> None:
        self._left: list[NearMiss] = []
        self._known: set[tuple[tuple[str, str], ...]] = set()

    def note(
        self, before: Mapping[str, str | None], after: Mapping[str, str | None], told: Screened
    ) -> None:
        """Take in a candidate and what the screen said of it, if it came closer."""
        if told.passed is not False or not (told.passes or told.moved):
            return
        key = tuple(sorted((path, text or "") for path, text in after.items()))
        if key not in self._known:
            self._known.add(key)
            failure = Failure(test=told.test, message=told.message, trace=told.message)
            self._left.append(NearMiss(Near(before, after), told.passes, failure))

    def take(self) -> NearMiss | None:
        """Return the one that passes most targets, of equals the first."""
        if not self._left:
            return None
        best = max(self._left, key=lambda each: each.passes)
        self._left.remove(best)
        return best


def _moved(suspect: Suspect, text: str) -> Suspect | None:
    """Return a suspect as it stands in another text of its file; None if it is not there."""

    def named(of: str) -> list[symbols.Symbol]:
        known = symbols.definitions(suspect.path, of)
        return [each for each in known if each.name == suspect.symbol.name]

    before, after = named(suspect.text), named(text)
    place = next((n for n, each in enumerate(before) if each.start == suspect.symbol.start), None)
    if place is None or len(before) != len(after):
        return None
    lines = _lines(suspect.text, text, suspect.lines)
    return replace(suspect, symbol=after[place], text=text, lines=lines)


def _lines(old: str, new: str, ran: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lines of a text that ran, of which it is known where they stood in another."""
    if not ran:
        return ()
    matcher = difflib.SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=False)
    there, found = set(ran), set()
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            found |= {first + n + 1 for n in range(end - start) if start + n + 1 in there}
        elif there & set(range(start, end + 2)):  # what is new beside a line that ran
            found |= set(range(first + 1, last + 1))
    return tuple(sorted(found))

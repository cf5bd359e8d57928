"""What `@` may name: files, listed in a thread, kept for a while, ranked by how they fit.

And definitions, from the index of the repository where there is one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

from agent.terminal import inert
from sandbox.workspace import PathError, Workspace

FRESH = 5.0  # seconds for which a list is not made again
MOST = 200_000  # files
_BREATH = 64  # files after which another thread gets its turn
_WITHIN = 10  # how far apart letters may be that begin a word, and not within one
_PIECE = 4096  # names that are looked at in one go


class Name(NamedTuple):
    """A path, the same in lower case, and where its last part begins."""

    path: str
    lower: str
    base: int

    @classmethod
    def of(cls, path: str) -> Name:
        """Return a path as it is searched."""
        lower = path.lower()
        if len(lower) != len(path):  # a few letters become two; columns must stay what they are
            lower = path
        return cls(path, lower, path.rfind("/") + 1)


@dataclass(frozen=True, slots=True)
class Hit:
    """A path that fits, and the columns of the letters that were looked for."""

    path: str
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition that fits, and where it stands."""

    name: str
    place: str


class Files:
    """The names of a workspace's files, as git would list them; `fresh` is for how many seconds.

    Below `cache` an index of its definitions may lie.
    """

    def __init__(
        self, workspace: Workspace, fresh: float = FRESH, cache: Path | None = None
    ) -> None:
        self._workspace = workspace
        self._cache = cache
        self._fresh = fresh
        self._listed = 0.0
        self.names: list[Name] = []  # grows while the first list is made
        self.listing = False
        self._stopped = False

    @property
    def stale(self) -> bool:
        """Whether the list is to be made again before it is relied on."""
        return not self.listing and (
            not self._listed or time.monotonic() - self._listed > self._fresh
        )

    @property
    def partial(self) -> bool:
        """Whether the first list is still being made."""
        return self.listing and not self._listed

    def symbols(self, query: str, most: int) -> list[Symbol]:
        """Return the definitions that fit best; none without an index, which is not made here.

        Takes a part of a second for a large repository, so it is called in a thread.
        """
        from agent.context.index import Index, place_of  # brings the syntax trees

        cache, last = self._cache, query.rpartition(".")[2]
        if cache is None or not last or not place_of(self._workspace, cache).exists():
            return []
        with Index.of(self._workspace, cache) as index:
            found = index.named_like(last)
        lower = query.lower()
        found = [each for each in found if lower in each[0].lower() and inert(each[1]) == each[1]]
        short = [(name.rpartition(".")[2].lower(), name, path, line) for name, path, line in found]
        best = nsmallest(most, short, key=lambda each: not each[0].startswith(last.lower()))
        return [Symbol(name, f"{path}:{line}") for _, name, path, line in best]

    def stop(self) -> None:
        """Have a list that is being made end where it is."""
        self._stopped = True

    def scan(self) -> None:
        """Make the list; takes seconds for a large tree, so it is called in a thread."""
        self.listing = True
        first = not self.names
        found = self.names if first else []
        try:
            for number, path in enumerate(self._workspace.walk()):
                if number == MOST or self._stopped:
                    break
                # a name that cannot be shown as it is could not be told from another
                if path.isprintable() and inert(path) == path:
                    found.append(Name.of(path))
                if number % _BREATH == 0:
                    time.sleep(0)  # whoever types comes first
        except PathError:
            pass
        self.names = found
        self._listed = time.monotonic()
        self.listing = False


def rank(query: str, names: Sequence[Name], most: int) -> list[Hit]:
    """Return the paths that fit best.

    The last part of a path counts first where it begins with the query, then where it has it in it;
    then the whole path, then its letters in order. Where nothing fits, what is spelt alike does.
    """
    query = query.lower()
    if not query:
        best = nsmallest(most, names, key=lambda name: (name.path.count("/"), name.path))
        return [Hit(name.path, ()) for name in best]
    found = list(_holding(query, names))
    found = nsmallest(most, found, key=_score(query))
    if len(found) < most:
        loose = [name for name in _in_order(query, names) if query not in name.lower]
        found += nsmallest(most - len(found), loose, key=_looseness(query))
    if not found and len(query) > 2:
        found = _alike(query, names, most)
    return [Hit(name.path, columns(query, name)) for name in found]


def columns(query: str, name: Name) -> tuple[int, ...]:
    """Return where in a path the letters of a query stand, the last part before the others."""
    query = query.lower()
    at = name.lower.find(query, name.base)
    if at < 0:
        at = name.lower.find(query)
    if at >= 0:
        return tuple(range(at, at + len(query)))
    for begin in (name.base, 0):
        found: list[int] = []
        for letter in query:
            at = name.lower.find(letter, found[-1] + 1 if found else begin)
            if at < 0:
                break
            found.append(at)
        else:
            return tuple(found)
    return ()


def _holding(query: str, names: Sequence[Name]) -> Iterator[Name]:
    for at in range(0, len(names), _PIECE):
        yield from [name for name in names[at : at + _PIECE] if query in name.lower]
        time.sleep(0)  # as above


def _in_order(query: str, names: Sequence[Name]) -> Iterator[Name]:
    fits = re.compile("".join(f"[^{(escaped := re.escape(each))}]*{escaped}" for each in query))
    for at in range(0, len(names), _PIECE):
        yield from [name for name in names[at : at + _PIECE] if fits.match(name.lower)]
        time.sleep(0)  # as above


def _score(query: str) -> Callable[[Name], tuple[int, int, str]]:
    """Return how a path that holds the query is scored, the lower the better."""
    whole = "/" in query

    def score(name: Name) -> tuple[int, int, str]:
        begin = 0 if whole else name.base
        if name.lower.startswith(query, begin):
            tier = 0
        else:
            tier = 1 if name.lower.find(query, begin) >= 0 else 2
        return tier, len(name.path) - (begin if tier < 2 else 0), name.path

    return score


def _looseness(query: str) -> Callable[[Name], tuple[int, int, str]]:
    """Return how far apart the letters of a query stand in a path; in its last part is nearer."""

    def looseness(name: Name) -> tuple[int, int, str]:
        found = columns(query, name)
        score = found[-1] - found[0] + (0 if found[0] >= name.base else len(name.path))
        if found[0] and name.lower[found[0] - 1].isalnum():
            score += _WITHIN
        return score, len(name.path), name.path

    return looseness


def _alike(query: str, names: Sequence[Name], most: int) -> list[Name]:
    from rapidfuzz import fuzz, process

    whole, ending = "/" in query, "." in query

    def compared(name: Name) -> str:
        last = name.lower[name.base :]
        return name.lower if whole else last if ending else last.partition(".")[0]

    found = process.extract(
        query,
        [compared(name) for name in names],
        scorer=fuzz.ratio,
        score_cutoff=60,
        limit=most,
    )
    return [names[at] for _, _, at in found]

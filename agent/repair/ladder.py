"""In which order repairs are asked for: cheap first, and unlike one another.

Slips cost no tokens, so they come first. Small models repeat themselves, so a rung after them
differs from the one before it in the suspect, in what is asked, or in warmth. An edit of one line
costs some ten tokens and is never the original; a function written anew costs all that differs from
the old one, and may change several places. In the free loop the model works with its tools: a large
one begins with it, a small one may end with it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from agent.config import RungKind

SUSPECTS = (1, 3, 5, 6, 8)  # by effort
SLIPS = (40, 200, 400, 800, 1500)  # small changes that no model writes, by effort
REWRITES = (1, 4, 8, 16, 32)  # functions written anew, by effort
EDITS = (0, 18, 72, 144, 288)  # of one line, by effort
VARIES = (0, 6, 24, 48, 96)  # other ways to write a function anew, by effort
REFINES = (0, 1, 3, 6, 12)  # near misses from which the search goes on, by effort

STEPS = (0, 15, 25, 35, 45)  # of the free loop in all, by effort

Where = Literal["elsewhere", "served here", "engine"]
# attempts of the free loop, by effort
LOOPS: dict[Where, tuple[int, ...]] = {
    "elsewhere": (0, 1, 2, 3, 4),
    "served here": (0, 0, 1, 2, 3),  # perhaps small, and at this machine's pace
    "engine": (0, 0, 0, 1, 1),  # a loop reads and writes what many rewrites do
}

_PURSES = {"edit": EDITS, "rewrite": REWRITES, "vary": VARIES, "refine": REFINES}

LONG = 300  # tokens of a function: to write it anew takes longer than all edits of its lines
SHORT = 100  # to write it anew takes no longer than a few edits, so no edit comes before it
FIRST = 5  # rungs before slips that pass, perhaps by chance
_ASKED = ("rewrite", "explain")  # for a whole function: asked again, warmly
_WHOLE = (*_ASKED, "vary")

_WORDS: dict[RungKind, str] = {
    "slip": "small changes",
    "loop": "free loop",
    "edit": "edits of one line",
    "rewrite": "rewrite",
    "vary": "rewrite in other ways",
    "explain": "explain, then rewrite",
    "refine": "refine a near miss",
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One request: about which suspect (by rank), what is asked, how many samples, how warm.

    Slips, a near miss and a loop are about all suspects; the samples of a loop are attempts in a
    conversation. Slips without samples are those that were put off as unlikely.
    """

    suspect: int
    kind: RungKind
    samples: int = 1
    temperature: float = 0.0

    def __str__(self) -> str:
        warmth = f", temperature {self.temperature:g}" if self.temperature else ""
        return _WORDS[self.kind] + warmth


RUNGS = (
    Rung(0, "rewrite"),
    Rung(0, "edit", 18),
    Rung(1, "edit", 9),
    Rung(1, "rewrite"),
    Rung(0, "explain"),
    Rung(0, "vary", 6),
    Rung(0, "refine"),
    Rung(2, "edit", 9),
    Rung(2, "rewrite"),
    Rung(0, "refine"),
    Rung(0, "edit", 18),
    Rung(1, "vary", 6),
    Rung(2, "vary", 6),
    Rung(3, "edit", 9),
    Rung(0, "rewrite", 2, 0.8),
    Rung(0, "refine"),
    Rung(4, "edit", 9),
    Rung(1, "edit", 9),
    Rung(1, "explain"),
    Rung(1, "rewrite", temperature=0.8),
)


def ladder(
    effort: int,
    suspects: int,
    where: Where | None = None,
    kinds: Sequence[str] = (),
    sizes: Mapping[int, int] | None = None,
    own: bool = True,
) -> Iterator[Rung]:
    """Yield the rungs for this effort; past the table it goes round again, wider and warmer.

    `sizes` are the tokens of suspects, by rank, where they count. What costs the length of a long
    one comes after all else of its round; short ones are written anew before anything is edited.

    `where` the model is says when it gets the free loop, which needs no suspect; None for never.
    `own` says whether it is a model of ours, that tells what it nearly said: so its lines are
    edited, and it writes in other ways where another is asked again, warmly. With `kinds` only
    rungs of these.
    """
    wanted = set(kinds or _WORDS)
    if not own:
        wanted -= {"edit", "vary"}
    for rung in _every(effort, suspects, where, sizes or {}, wanted):
        if rung.kind in wanted:
            yield rung


def _every(
    effort: int,
    suspects: int,
    where: Where | None,
    sizes: Mapping[int, int],
    kinds: Container[str],
) -> Iterator[Rung]:
    loops = Rung(0, "loop", LOOPS[where][effort] if where else 0)
    if suspects:
        yield Rung(0, "slip", SLIPS[effort])
    if loops.samples and where == "elsewhere":
        yield loops
    rungs = _one_function(effort, suspects, sizes, kinds)
    yield from islice(rungs, FIRST)
    if suspects:
        yield Rung(0, "slip", 0)
    yield from rungs
    if loops.samples and where != "elsewhere":
        yield loops


def _one_function(
    effort: int, suspects: int, sizes: Mapping[int, int], kinds: Container[str]
) -> Iterator[Rung]:
    """Yield the rungs that change one function, until all purses are empty.

    A rewrite of a suspect that is not there becomes a warm one of one that is: asked greedily again
    it would say the same. What goes through the likeliest of one suspect goes on where it stopped.
    """

    def by_cost(rung: Rung) -> int:
        size = sizes.get(rung.suspect % suspects)
        if size is None or rung.kind not in _WHOLE:
            return 0
        greedy = rung.kind == "rewrite" and not rung.temperature and rung.suspect < suspects
        return -1 if greedy and not turn and size <= SHORT else int(size > LONG)

    left = {name: purse[effort] for name, purse in _PURSES.items()}
    turn = 0
    gave = suspects > 0
    while gave:
        gave = False
        for rung in sorted(RUNGS, key=by_cost):
            if rung.kind in _ASKED and turn:
                rung = replace(rung, suspect=rung.suspect + turn, samples=3, temperature=0.9)
            elif rung.kind in _ASKED and rung.suspect >= suspects:
                rung = replace(rung, temperature=0.8)
            if rung.kind not in kinds or (
                rung.kind == "rewrite" and rung.temperature and "vary" in kinds
            ):
                continue
            purse = "rewrite" if rung.kind == "explain" else rung.kind
            samples = min(rung.samples, left[purse])
            if samples <= 0:
                continue
            left[purse] -= samples
            gave = True
            yield replace(rung, suspect=rung.suspect % suspects, samples=samples)
        turn += 1

"""In which order repairs are asked for: cheap first, and unlike one another.

Slips cost no tokens, so they come first. Small models repeat themselves, so a rung after them
differs from the one before it in the suspect, in what is asked, or in warmth. An edit of one line
costs some ten tokens and is never the original; a function written anew costs all that differs from
the old one, and may change several places. In the free loop the model works with its tools: a large
one begins with it, a small one may end with it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from agent.config import RungKind

SUSPECTS = (1, 3, 5, 6, 8)  # by effort
SLIPS = (40, 200, 400, 800, 1500)  # small changes that no model writes, by effort
REWRITES = (1, 4, 8, 16, 32)  # functions written anew, by effort
EDITS = (0, 18, 72, 144, 288)  # of one line, by effort
REFINES = (0, 1, 3, 6, 12)  # near misses from which the search goes on, by effort

STEPS = (0, 15, 25, 35, 45)  # of the free loop in all, by effort

Where = Literal["elsewhere", "served here", "engine"]
# attempts of the free loop, by effort
LOOPS: dict[Where, tuple[int, ...]] = {
    "elsewhere": (0, 1, 2, 3, 4),
    "served here": (0, 0, 1, 2, 3),  # perhaps small, and at this machine's pace
    "engine": (0, 0, 0, 1, 1),  # a loop reads and writes what many rewrites do
}

LONG = 300  # tokens of a function: to write it anew takes longer than all edits of its lines
FIRST = 5  # rungs before slips that pass, perhaps by chance

_WORDS: dict[RungKind, str] = {
    "slip": "small changes",
    "loop": "free loop",
    "edit": "edits of one line",
    "rewrite": "rewrite",
    "explain": "explain, then rewrite",
    "refine": "refine a near miss",
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One request: about which suspect (by rank), what is asked, how many samples, how warm.

    Slips, near misses and a loop are about all suspects; the samples of a loop are attempts in a
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
    Rung(0, "refine", 9),
    Rung(2, "edit", 9),
    Rung(2, "rewrite"),
    Rung(0, "refine", 9),
    Rung(0, "edit", 18),
    Rung(3, "edit", 9),
    Rung(0, "rewrite", 2, 0.8),
    Rung(0, "refine", 9),
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
    long: Container[int] = (),
) -> Iterator[Rung]:
    """Yield the rungs for this effort; past the table it goes round again, wider and warmer.

    Of suspects that are `long`, what costs their length comes after all else of its round.

    `where` the model is says when it gets the free loop, which needs no suspect; None for never.
    With `kinds` only rungs of these.
    """
    for rung in _every(effort, suspects, where, long):
        if rung.kind in (kinds or _WORDS):
            yield rung


def _every(effort: int, suspects: int, where: Where | None, long: Container[int]) -> Iterator[Rung]:
    loops = Rung(0, "loop", LOOPS[where][effort] if where else 0)
    if suspects:
        yield Rung(0, "slip", SLIPS[effort])
    if loops.samples and where == "elsewhere":
        yield loops
    rungs = _one_function(effort, suspects, long)
    yield from islice(rungs, FIRST)
    if suspects:
        yield Rung(0, "slip", 0)
    yield from rungs
    if loops.samples and where != "elsewhere":
        yield loops


def _one_function(effort: int, suspects: int, long: Container[int]) -> Iterator[Rung]:
    """Yield the rungs that change one function.

    A rewrite of a suspect that is not there becomes a warm one of one that is: asked greedily again
    it would say the same. Edits of one suspect go on where its last rung stopped.
    """

    def costly(rung: Rung) -> bool:
        return rung.kind in ("rewrite", "explain") and rung.suspect % suspects in long

    left = {"edit": EDITS[effort], "rewrite": REWRITES[effort]}
    near = REFINES[effort]
    turn = 0
    while suspects > 0 and left["rewrite"] > 0:
        for rung in sorted(RUNGS, key=costly):
            if rung.kind == "refine":
                if near > 0:
                    near -= 1
                    yield rung
                continue
            purse = "edit" if rung.kind == "edit" else "rewrite"
            samples = min(rung.samples if purse == "edit" or not turn else 3, left[purse])
            if samples <= 0:
                continue
            left[purse] -= samples
            if purse == "rewrite" and turn:
                rung = replace(rung, suspect=rung.suspect + turn, temperature=0.9)
            elif purse == "rewrite" and rung.suspect >= suspects:
                rung = replace(rung, temperature=0.8)
            yield replace(rung, suspect=rung.suspect % suspects, samples=samples)
        turn += 1

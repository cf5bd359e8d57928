"""In which order repairs are asked for: cheap first, and unlike one another.

Small models repeat themselves, so a rung differs from the one before it in the suspect, in what is
asked, or in warmth. Warm samples of one prompt come in a batch: they share its reading, and reading
the weights once for all of them is what makes a token cheap on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

CANDIDATES = (1, 4, 8, 16, 32)  # by effort
SUSPECTS = (1, 2, 3, 4, 5)  # by effort


@dataclass(frozen=True, slots=True)
class Rung:
    """One request: how many samples, about which suspect (by rank), how warm, what is asked."""

    suspect: int
    samples: int = 1
    temperature: float = 0.0
    explain: bool = False

    def __str__(self) -> str:
        warmth = "greedy" if not self.temperature else f"temperature {self.temperature:g}"
        return ("explain, then rewrite" if self.explain else "rewrite") + f", {warmth}"


RUNGS = (
    Rung(0),
    Rung(1),
    Rung(0, explain=True),
    Rung(2),
    Rung(0, samples=2, temperature=0.8),
    Rung(1, explain=True),
    Rung(1, temperature=0.8),
)


def ladder(effort: int, suspects: int) -> Iterator[Rung]:
    """Yield the rungs for this effort; past the table it goes round again, wider and warmer.

    A rung about a suspect that is not there becomes a warm one about one that is: asked greedily
    again it would say the same.
    """
    left, turn = CANDIDATES[effort], 0
    while left > 0 and suspects > 0:
        for rung in RUNGS:
            if left == 0:
                return
            if turn:
                rung = replace(rung, suspect=rung.suspect + turn, samples=3, temperature=0.9)
            elif rung.suspect >= suspects:
                rung = replace(rung, temperature=0.8)
            samples = min(rung.samples, left)
            left -= samples
            yield replace(rung, suspect=rung.suspect % suspects, samples=samples)
        turn += 1

"""The cheapest rung: all small changes of the suspects at once, and the model only ranks them.

One process of the tests tries hundreds of changes in the time in which the model would write one
function. Among hundreds some pass by chance, and those are seldom what the model would write. So
what passes is tried in full in the order of the model's log-probability, and what it finds unlikely
waits until functions were written anew. Nothing is generated here, only read.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest

from agent.repair import prompts
from agent.repair.asking import Asking
from agent.repair.candidates import Gate, Key
from agent.repair.localise import Suspect
from agent.repair.mutants import Mutant, mutants
from agent.repair.refining import NearMisses
from agent.repair.trial import Trial

LIKELY = -13.0  # nats, of the wrong line and what it must be; below it a pass may be chance
BYTES = 30 << 20  # of all files that are sent to one screening
PASSED = 12  # changes that are tried in full
UNSCREENED = 40  # that are ranked where none can be screened
FEW = 3  # that pass, and are ranked as they are
GUARDS = 20  # passing tests that more than a few have to leave passing

Change = tuple[Suspect, Mutant]
Scored = tuple[float, Change]


def slips(found: Sequence[Suspect], said: str, gate: Gate, most: int) -> list[Change]:
    """Return changes of the suspects, the likeliest kinds and suspects first, each once.

    The second suspect has one for two of the first, the third one for three, and so on.
    """
    rows = [_row(rank, each, said) for rank, each in enumerate(found, 1)]
    kept: list[Change] = []
    size = 0
    seen: set[Key] = set()
    for _, _, (suspect, mutant) in heapq.merge(*rows, key=lambda row: row[:2]):
        key = gate.key(suspect, mutant.function(suspect))
        size += len(suspect.text)
        if len(kept) >= most or size > BYTES:
            break
        if key and key not in seen and gate.is_new(key):
            seen.add(key)
            kept.append((suspect, mutant))
    return kept


def _row(rank: int, suspect: Suspect, said: str) -> Iterator[tuple[int, int, Change]]:
    for place, mutant in enumerate(mutants(suspect, said), 1):
        yield place * rank, rank, (suspect, mutant)


async def passing(
    changes: Sequence[Change],
    trial: Trial,
    gate: Gate,
    asking: Asking,
    evidence: prompts.Evidence,
    misses: NearMisses,
) -> list[Scored]:
    """Return the changes to try in full, the likeliest first, with their log-probabilities.

    Those that the targets pass with; where nothing tells, those that the model likes most. What
    comes closer is noted among the near misses.
    """
    files = [suspect.files(mutant.applied(suspect.text)) for suspect, mutant in changes]
    told = await trial.screen(files)
    for (suspect, mutant), after, each in zip(changes, files, told, strict=True):
        if each.passed is False:
            gate.tried(gate.key(suspect, mutant.function(suspect)))
            if each.passes:  # that it says something else is seldom more than another crash
                misses.note(suspect.files_before(), after, each)
    passed = [change for change, each in zip(changes, told, strict=True) if each.passed]
    passed = await _harmless(passed, trial)
    if passed or not asking.local:
        return await _ranked(passed, asking, evidence)
    unknown = [change for change, each in zip(changes, told, strict=True) if each.passed is None]
    return await _ranked(unknown[:UNSCREENED], asking, evidence)


async def _harmless(changes: list[Change], trial: Trial) -> list[Change]:
    """Return those after which tests still pass that run the suspects; all, where none is left.

    To read how likely each is takes longer than to see most of them break something.
    """
    suspects = {suspect.key: suspect for suspect, _ in changes}.values()
    rows = zip_longest(*(each.guards for each in suspects))
    guards = [*dict.fromkeys(test for row in rows for test in row if test)][:GUARDS]
    if len(changes) <= FEW or not guards:
        return changes
    files = [suspect.files(mutant.applied(suspect.text)) for suspect, mutant in changes]
    told = await trial.screen(files, guards)
    kept = [change for change, each in zip(changes, told, strict=True) if each.passed is not False]
    return kept or changes


async def _ranked(
    changes: Sequence[Change], asking: Asking, evidence: prompts.Evidence
) -> list[Scored]:
    """Return the likeliest; as they are, and all unlikely, for a model that cannot tell."""
    if not asking.local:
        return [(-math.inf, change) for change in changes[:PASSED]]
    scored: list[Scored] = []
    for _, group in groupby(sorted(changes, key=lambda each: each[0].key), lambda each: each[0]):
        of_one = list(group)
        messages = prompts.edit_prompt(evidence, of_one[0][0])
        answers = [_answer(*change) for change in of_one]
        scores = await asking.scores(messages, prompts.WRONG_LINE, answers)
        scored += zip(scores, of_one, strict=True)
    return sorted(scored, key=lambda each: -each[0])[:PASSED]


def _answer(suspect: Suspect, mutant: Mutant) -> str:
    """Return a change as the model would answer with it: the wrong lines, and what they must be."""
    old = prompts.dedent_function(suspect).split("\n")
    new = mutant.function(suspect).split("\n")
    head = tail = 0
    most = min(len(old), len(new))
    while head < most and old[head] == new[head]:
        head += 1
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head + tail >= most and head:  # lines that go or come alone are told by the one before
        head -= 1
    wrong, right = (_bare(each[head : len(each) - tail]) for each in (old, new))
    return f"{wrong}{prompts.MUST_BE}{right}\n```"


def _bare(lines: Sequence[str]) -> str:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)

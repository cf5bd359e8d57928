"""The work of `agent fix`: reproduce, localise, propose, verify, select.

Each step is an event. The first candidate that is verified ends the search; the user's tree changes
only then, through the same policy as any other edit.
"""

from __future__ import annotations

from agent.bench import Bench
from agent.context.sources import Sources
from agent.errors import Blocked, Failed
from agent.escalation import escalate
from agent.events import Notice, PhaseStarted
from agent.repair.apply import apply
from agent.repair.asking import Asking
from agent.repair.clues import gather
from agent.repair.ladder import SUSPECTS
from agent.repair.localise import Suspect, suspects
from agent.repair.reproduce import Reproduction, reproduce
from agent.repair.search import Search
from agent.repair.selftest import write_test
from agent.repair.trial import Trial
from agent.turn import Turn
from sandbox.base import Containment

LOOKED_AT = 12  # suspects that the planted line is tried on
LONGEST = 6000  # characters of a function that is rewritten whole


async def repair(turn: Turn, bug: str) -> None:
    """Repair the bug. Raises Failed with why it was not done, Blocked, ModelError."""
    if turn.context.sandbox.containment is Containment.NONE and not turn.stance.lifted:
        raise Blocked(
            f"no sandbox holds here: {turn.context.sandbox.why_not}",
            "apt-get install bubblewrap, or accept it with --sandbox=off",
        )
    async with Bench.open(turn.context, turn.emit, turn.copies) as bench:
        if not bench.isolated:
            await turn.before_change()
        await _repair(turn, bench, bug)


async def _repair(turn: Turn, bench: Bench, bug: str) -> None:
    """Go through the phases; what came of it stands in the turn."""
    sources = Sources(turn.context.workspace)
    redaction = turn.session.redaction
    asking = Asking(turn.model, turn.emit, turn.seed, turn.effort, redaction=redaction)
    try:
        seen = await _reproduce(turn, bench, bug, sources, asking)
        trial = Trial(turn, bench, seen, sources)
        search = Search(turn, trial, bug, sources)
        found = await _localise(turn, bench, bug, sources, trial, not search.loops(asking))
        won = await search.run(found, asking)
        if won is None and not turn.done.limit:
            strong = await escalate(turn, _none(turn), search.leaving(found))
            if strong is not None:
                asking = Asking(
                    strong, turn.emit, turn.seed, turn.effort, asking.used, redaction=redaction
                )
                won = await search.run(found, asking)
    finally:
        turn.done.usage, turn.done.retrying = asking.used, asking.retrying
    if won is None:
        turn.done.failed, turn.done.report = _none(turn), seen.before
        turn.done.hint = "try again with --effort 3, or name the function in the bug"
        return
    turn.emit(PhaseStarted(phase="select", detail=f"attempt {turn.done.attempts}"))
    await apply(turn, *won, seen)


def _none(turn: Turn) -> str:
    return f"no repair found in {turn.done.attempts} attempts"


async def _reproduce(
    turn: Turn, bench: Bench, bug: str, sources: Sources, asking: Asking
) -> Reproduction:
    turn.emit(PhaseStarted(phase="reproduce", detail=f"running {bench.runner.command}"))
    seen = await reproduce(bench, turn.emit, bug)
    if seen is None:
        if not bug.strip():
            raise Failed("every test passes, so there is nothing to reproduce", "describe it")
        seen = await write_test(turn, bench, sources, bug, asking)
    return seen


async def _localise(
    turn: Turn, bench: Bench, bug: str, sources: Sources, trial: Trial, needed: bool
) -> list[Suspect]:
    """Return the likeliest functions that the failing tests were seen to run.

    Behind those that are written anew come some for small changes, which cost next to nothing.
    Where there are none, and one is `needed`, raises Failed.
    """
    seen = trial.seen
    turn.emit(PhaseStarted(phase="localise", detail=f"{len(seen.targets) or 1} failing"))
    kept: list[Suspect] = []
    clues = await gather(turn.context, bench, seen)
    ranked = suspects(sources, seen.failures, seen.targets, bug, clues.ran, clues.edited)
    for suspect in ranked[:LOOKED_AT]:
        enough = len(kept) >= SUSPECTS[turn.effort]
        if len(suspect.source) > LONGEST or (enough and not suspect.lines):
            continue
        if turn.session.clean(suspect.source) != suspect.source:
            # what writes it anew without having read the secret would lose it
            text = f"{suspect.symbol.name} in {suspect.path} holds a secret, and is left alone"
            turn.emit(Notice(text=text, hint="move the secret out of the code"))
            continue
        # what was watched ran; the line is then planted only for a candidate that passes
        if suspect.lines or await trial.reached(suspect):
            kept.append(suspect)
    if not kept and needed:
        names = ", ".join(each.symbol.name for each in ranked[:5]) or "none"
        raise Failed(
            f"no function of the project was seen to run in the failing tests (tried: {names})",
            "name the function in the bug, or check that the tests import this tree",
        )
    near = kept[: SUSPECTS[turn.effort]]
    told = ", ".join(f"{each.symbol.name} ({each.why})" for each in near)
    turn.emit(PhaseStarted(phase="propose", detail=told or "no function was seen to run"))
    return kept

"""The search for a repair: rung by rung, candidates are asked for, screened, and tried in full."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from agent.context.sources import Sources
from agent.errors import Failed
from agent.events import AttemptFinished, AttemptStarted, Notice, PhaseStarted, Verification
from agent.models.base import LocalModel, Model
from agent.models.estimate import upper
from agent.repair import prompts
from agent.repair.asking import Asking, Question, Written
from agent.repair.candidates import Candidate, Gate, Refused
from agent.repair.edits import LineEdits
from agent.repair.focus import said_by
from agent.repair.free_loop import FreeLoop
from agent.repair.ladder import LOOPS, REWRITES, SLIPS, STEPS, SUSPECTS, Rung, Where, ladder
from agent.repair.leavings import Leavings, candidate_of
from agent.repair.localise import Suspect, source_of_test
from agent.repair.refining import NearMisses
from agent.repair.rewrites import Rewrites, question
from agent.repair.slips import LIKELY, Change, Scored, passing, slips
from agent.repair.trial import Ruling, Trial, told
from agent.turn import Turn
from agent.workplace import Workplace
from tools.base import ToolError
from tools.report import Failure, Screened

EXPLANATION = 80  # tokens
NEAR = 9  # edits of a near miss
TOLD = 50  # failing tests whose sources the gate knows


class Search:
    """Looks for a candidate that is verified, among rewrites of the suspects."""

    def __init__(
        self,
        turn: Turn,
        trial: Trial,
        bug: str,
        sources: Sources,
    ) -> None:
        self._turn = turn
        self._bug = bug
        self._sources = sources
        self._trial = trial
        targets = trial.seen.targets[:TOLD]
        self._gate = Gate("\n".join(source_of_test(sources, each)[1] for each in targets))
        self._edits: dict[int, LineEdits] = {}
        self._rewrites: dict[int, Rewrites] = {}
        self._unlikely: list[Change] = []  # slips that pass, and that the model would not write
        self._misses = NearMisses()
        self._priced: set[str] = set()

    async def run(
        self, found: Sequence[Suspect], asking: Asking
    ) -> tuple[Candidate, Verification] | None:
        """Return the first candidate that is verified, and the record of its checks.

        All that were `found` are for small changes, the first of them for everything.
        Asked again, of another model, it does not try again what was tried before.
        """
        done = self._turn.done
        self._asking, self._edits, self._rewrites = asking, {}, {}
        limit = ""  # on steps, which only the loop takes
        where, near = self._where(asking.model), found[: SUSPECTS[self._turn.effort]]
        # what no edits can be made of has to be written anew at once, however long it is
        sizes = {at: upper(each.source) for at, each in enumerate(near)} if asking.local else {}
        kinds, own = self._turn.rungs, asking.local
        for rung in ladder(self._turn.effort, len(near), where, kinds, sizes, own):
            if reached := self._turn.limits.reached(0, done.usage, 0.0):
                done.limit = reached
                return None
            if rung.kind == "slip":
                winner = await self._slips(found, rung)
            elif rung.kind == "refine":
                winner = await self._refine(found, rung)
            elif rung.kind == "loop":
                self._turn.emit(PhaseStarted(phase="propose", detail=str(rung)))
                winner, limit = await self._work(near, rung)
            else:
                winner = await self._ask(near[rung.suspect], rung)
            done.usage = self._asking.used
            if winner:
                return winner
        done.limit = limit
        return None

    def loops(self, asking: Asking) -> bool:
        """Whether this model will work in a copy, for which no suspect is needed."""
        where = self._where(asking.model)
        wanted = "loop" in self._turn.rungs or not self._turn.rungs
        return wanted and where is not None and LOOPS[where][self._turn.effort] > 0

    def _where(self, model: Model) -> Where | None:
        """Return where the model is that is to work in a copy; None where there can be no copy."""
        if not self._trial.isolated:
            return None
        if isinstance(model, LocalModel):
            return "engine"
        return "served here" if model.local else "elsewhere"

    async def _work(
        self, found: Sequence[Suspect], rung: Rung
    ) -> tuple[tuple[Candidate, Verification] | None, str]:
        """Let the model work in a copy, an attempt after another; return the limit reached, too."""
        turn, seen = self._turn, self._trial.seen
        words = prompts.loop_prompt(self._evidence(), seen.targets, found)
        async with contextlib.AsyncExitStack() as stack:
            try:
                opened = Workplace.open(turn.context, turn.copies, seen.extra)
                place = await stack.enter_async_context(opened)
            except Failed as error:
                turn.emit(Notice(text=f"no free loop: {error.message}", hint=error.hint))
                return None, ""
            loop = FreeLoop(turn, self._asking, place)
            for _ in range(rung.samples):
                self._open(str(rung))
                ruling, diff = Ruling("cancelled"), ""
                try:
                    await loop.go(words)
                    left = await loop.left(self._trial.litter, seen.before)
                    candidate = await self._kept(left, found)
                    diff = candidate.diff
                    ruling = await self._trial.rule(candidate)
                    if left.told:
                        told = [*filter(None, [ruling.why]), f"left out: {left.told}"]
                        ruling = replace(ruling, why="; ".join(told))
                except Refused as refusal:
                    ruling = Ruling("refused", str(refusal))
                finally:
                    turn.emit(ruling.told(diff, len(seen.targets)))
                if ruling.record is not None:
                    return (candidate, ruling.record), ""
                if loop.over or loop.limit:
                    break
                words = prompts.AGAIN.format(ruling.why)
            return None, loop.limit

    async def _kept(self, left: Leavings, found: Sequence[Suspect]) -> Candidate:
        """Return the candidate, without new files where they are not needed; raises Refused."""
        files = self._turn.context.workspace
        whole = candidate_of(files, left, left.after, found)
        self._gate.once(whole.after)
        if left.lean == whole.after or not await self._trial.suffices(left.lean):
            return whole
        return candidate_of(files, left, left.lean, found)

    async def _slips(
        self, found: Sequence[Suspect], rung: Rung
    ) -> tuple[Candidate, Verification] | None:
        """Try small changes that no model has to write; at last those that may pass by chance."""
        if rung.samples:
            kept = await self._passing(found, str(rung), rung.samples, self._evidence())
            likely = [change for score, change in kept if score >= LIKELY]
            self._unlikely = [change for score, change in kept if score < LIKELY]
        else:
            likely, self._unlikely = self._unlikely, []
        return await self._each(likely, str(rung))

    async def _passing(
        self, found: Sequence[Suspect], rung: str, most: int, evidence: prompts.Evidence
    ) -> list[Scored]:
        """Return the small changes of the suspects that are to be tried in full."""
        said = said_by(evidence.failure) if evidence.failure else ""
        changes = slips(found, said, self._gate, most)
        self._turn.emit(PhaseStarted(phase="propose", detail=f"{rung}: {len(changes)}"))
        return await passing(changes, self._trial, self._gate, self._asking, evidence, self._misses)

    async def _each(
        self, changes: Sequence[Change], rung: str
    ) -> tuple[Candidate, Verification] | None:
        for suspect, mutant in changes:
            where = f"{rung}: {suspect.symbol.name} in {suspect.path}"
            candidate = self._read(suspect, mutant.function(suspect), where)
            if candidate and (winner := await self._rule(candidate, where)):
                return winner
        return None

    async def _refine(
        self, found: Sequence[Suspect], rung: Rung
    ) -> tuple[Candidate, Verification] | None:
        """Go on from a near miss: by small changes, by edits of a line, by writing it anew."""
        miss = self._misses.take()
        based = miss.based(found) if miss else []
        if miss is None or not based:
            return None
        evidence = self._evidence(miss.failure)
        likely: list[Change] = []
        unlikely: list[Change] = []
        if "slip" in (self._turn.rungs or ("slip",)):
            kept = await self._passing(based, str(rung), SLIPS[self._turn.effort] // 4, evidence)
            for score, change in kept:
                (likely if score >= LIKELY else unlikely).append(change)
        if winner := await self._each(likely, str(rung)):
            return winner
        winner = None
        if self._asking.local:  # elsewhere no more is asked than `leaving` has said
            where = f"{rung}: {based[0].symbol.name} in {based[0].path}"
            self._explain(evidence, based[0])
            edits = LineEdits(self._asking, evidence, based[0])
            replies = await edits.next(NEAR)
            replies += await Rewrites(self._asking, evidence, based[0]).first()
            self._turn.done.usage = self._asking.used
            winner = await self._try(based[0], replies, where)
        return winner or await self._each(unlikely, str(rung))

    async def _ask(self, suspect: Suspect, rung: Rung) -> tuple[Candidate, Verification] | None:
        """Ask for candidates that change one function, and try them."""
        where = f"{rung}: {suspect.symbol.name} in {suspect.path}"
        self._turn.emit(PhaseStarted(phase="propose", detail=where))
        self._explain(self._evidence(), suspect)
        replies = await self._replies(rung, suspect)
        self._turn.done.usage = self._asking.used
        return await self._try(suspect, replies, where)

    async def _try(
        self, suspect: Suspect, replies: Sequence[Written], where: str
    ) -> tuple[Candidate, Verification] | None:
        """Try what was proposed: what a quick screen lets through, before what it cannot judge."""
        read = [(self._read(suspect, each, where, each.sample), each) for each in replies]
        candidates = [(each, reply.sample) for each, reply in read if each]
        screened = await self._trial.screen([each.after for each, _ in candidates])
        rows = list(zip(candidates, screened, strict=True))
        # of those that pass the smallest change comes first
        rows.sort(key=lambda row: (_turn_of(row[1].passed), row[0][0].size))
        for (candidate, sample), screen in rows:
            if screen.passed is False:
                self._misses.note(candidate.before, candidate.after, screen)
            if winner := await self._rule(candidate, where, screen, sample):
                return winner
        return None

    def _read(
        self, suspect: Suspect, reply: str, where: str, sample: tuple[int, int] | None = None
    ) -> Candidate | None:
        """Return the candidate in a reply; one that is refused is an attempt without one."""
        try:
            candidate = self._gate.read(suspect, reply)
            self._trial.changes(candidate.after)  # which its file's encoding may not have
        except (Refused, ToolError) as refusal:
            self._open(where, sample)
            self._turn.emit(AttemptFinished(verdict="refused", detail=str(refusal)))
            return None
        return candidate

    async def _rule(
        self,
        candidate: Candidate,
        where: str,
        screen: Screened | None = None,
        sample: tuple[int, int] | None = None,
    ) -> tuple[Candidate, Verification] | None:
        """Try one candidate in full, unless a screen has seen it fail."""
        self._open(f"{where}: {candidate.change}", sample)
        ruling = Ruling("cancelled")
        try:
            if screen is not None and screen.passed is False:
                why = told(screen.test, screen.message)
                ruling = Ruling("failed", why, passing=screen.passes)
            else:
                ruling = await self._trial.rule(candidate)
        finally:
            targets = len(self._trial.seen.targets)
            self._turn.emit(ruling.told(candidate.diff, targets))
        return (candidate, ruling.record) if ruling.record is not None else None

    def _open(self, where: str, sample: tuple[int, int] | None = None) -> None:
        number = self._turn.done.attempts = self._turn.done.attempts + 1
        self._turn.emit(AttemptStarted(attempt=number, detail=where, sample=sample))

    def _explain(self, evidence: prompts.Evidence, suspect: Suspect) -> None:
        """Tell once what the parts of a prompt cost, where that was asked for."""
        text = prompts.priced(evidence, suspect) if self._turn.explain_context else ""
        if text and text not in self._priced:
            self._priced.add(text)
            self._turn.emit(Notice(text=text))

    async def _replies(self, rung: Rung, suspect: Suspect) -> list[Written]:
        evidence = self._evidence()
        if rung.kind == "edit":
            if rung.suspect not in self._edits:
                self._edits[rung.suspect] = LineEdits(self._asking, evidence, suspect)
            return await self._edits[rung.suspect].next(rung.samples)
        if rung.kind == "explain":
            return await self._explained(rung, suspect, evidence)
        if rung.suspect not in self._rewrites:
            self._rewrites[rung.suspect] = Rewrites(self._asking, evidence, suspect)
        rewrites = self._rewrites[rung.suspect]
        if rung.kind == "vary":
            return await rewrites.others(rung.samples)
        if rung.temperature:
            return await rewrites.warm(rung.samples, rung.temperature)
        return await rewrites.first()

    async def _explained(
        self, rung: Rung, suspect: Suspect, evidence: prompts.Evidence
    ) -> list[Written]:
        messages = prompts.repair_prompt(evidence, suspect, explain=True)
        begin = prompts.opening(suspect)
        if self._asking.local:
            # asked for in two parts, since a small model may explain until its room is used up
            cause = Question(messages, prompts.CAUSE, EXPLANATION, stop="\n")
            (said,) = await self._asking.answers(cause, 1, rung.temperature)
            begin = f"{said}\n\n{begin}"
        asked = question(suspect, messages, begin)
        return await self._asking.answers(asked, rung.samples, rung.temperature)

    def leaving(self, found: Sequence[Suspect]) -> list[str]:
        """Return what a model elsewhere would be sent, a line each."""
        evidence, found = self._evidence(), found[: SUSPECTS[self._turn.effort]]
        told = [
            f"{each.path}: {each.symbol.name}, {_size(each.source)}, and heads of what it uses"
            for each in found
        ]
        if evidence.test:
            told.append(f"{evidence.test_path}: the failing test, {_size(evidence.test)}")
        if evidence.failure is not None:
            told.append(f"what the test said, {_size(said_by(evidence.failure))}")
        if evidence.bug:
            told.append(f"the description of the bug, {_size(evidence.bug)}")
        count = REWRITES[self._turn.effort] if found else 0
        loops = LOOPS["elsewhere"][self._turn.effort] if self._trial.isolated else 0
        if loops:
            told += [
                "your instructions and lessons, the names of files, and what its tools are",
                "whatever it then reads here: any file, and what commands and checks say",
                f"in at most {STEPS[self._turn.effort]} requests, each with what was said before",
            ]
        if not count:
            return told
        asked = [prompts.repair_prompt(evidence, each, explain=True) for each in found]
        most = max(len("".join(m.text for m in each).encode(errors="replace")) for each in asked)
        times = "one request" if count == 1 else f"at most {count} requests, each"
        then = "then " if loops else ""
        return [
            *told,
            f"{then}in {times} of at most {most:,} bytes of text, one function at a time",
        ]

    def _evidence(self, failure: Failure | None = None) -> prompts.Evidence:
        # the failure that is told most briefly costs least to read
        failures = [failure] if failure else self._trial.seen.failures
        failure = min(failures, key=lambda each: len(each.trace), default=None)
        path, test = source_of_test(self._sources, failure.test) if failure else ("", "")
        if failure is None:
            failure = Failure(test="", trace=self._trial.seen.before.output[-2000:])
        return prompts.Evidence(self._bug, failure, path, test)


def _size(text: str) -> str:
    return f"{len(text.encode(errors='replace')):,} bytes"


def _turn_of(passed: bool | None) -> int:
    return {True: 0, None: 1, False: 2}[passed]

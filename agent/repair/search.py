"""The search for a repair: rung by rung, candidates are asked for, screened, and tried in full."""

from __future__ import annotations

from collections.abc import Sequence

from agent.context.sources import Sources
from agent.events import AttemptFinished, AttemptStarted, PhaseStarted, Verification
from agent.repair import prompts
from agent.repair.asking import Asking, Question
from agent.repair.candidates import Candidate, Gate, Refused
from agent.repair.edits import LineEdits
from agent.repair.ladder import REWRITES, Rung, ladder
from agent.repair.localise import Suspect, source_of_test
from agent.repair.trial import Ruling, Trial
from agent.turn import Turn
from tools.report import Failure

EXPLANATION = 80  # tokens


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
        self._gate = Gate()
        self._edits: dict[int, LineEdits] = {}

    async def run(
        self, found: Sequence[Suspect], asking: Asking
    ) -> tuple[Candidate, Verification] | None:
        """Return the first candidate that is verified, and the record of its checks.

        Asked again, of another model, it does not try again what was tried before.
        """
        done = self._turn.done
        self._asking, self._edits = asking, {}
        for rung in ladder(self._turn.effort, len(found)):
            if limit := self._turn.limits.reached(0, done.usage, 0.0):
                done.limit = limit
                return None
            suspect = found[rung.suspect]
            where = f"{rung}: {suspect.symbol.name} in {suspect.path}"
            if rung.kind != "edit" or self._asking.local:
                self._turn.emit(PhaseStarted(phase="propose", detail=where))
            replies = await self._replies(rung, suspect)
            done.usage = self._asking.used
            if winner := await self._try(suspect, replies, where):
                return winner
        return None

    async def _try(
        self, suspect: Suspect, replies: Sequence[str], where: str
    ) -> tuple[Candidate, Verification] | None:
        """Try what was proposed: what a quick screen lets through, before what it cannot judge."""
        candidates: list[Candidate] = []
        for reply in replies:
            try:
                candidates.append(self._gate.read(suspect, reply))
            except Refused as refusal:
                self._open(where)
                self._turn.emit(AttemptFinished(verdict="refused", detail=str(refusal)))
        screened = list(zip(candidates, await self._trial.screen(candidates), strict=True))
        for candidate, (passed, why) in sorted(screened, key=lambda each: _turn_of(each[1][0])):
            self._open(f"{where}: {candidate.change}")
            ruling = Ruling("cancelled")
            try:
                ruling = (
                    Ruling("failed", why) if passed is False else await self._trial.rule(candidate)
                )
            finally:
                self._turn.emit(
                    AttemptFinished(verdict=ruling.verdict, detail=ruling.why, diff=candidate.diff)
                )
            if ruling.record is not None:
                return candidate, ruling.record
        return None

    def _open(self, where: str) -> None:
        self._turn.done.attempts += 1
        self._turn.emit(AttemptStarted(attempt=self._turn.done.attempts, detail=where))

    async def _replies(self, rung: Rung, suspect: Suspect) -> list[str]:
        evidence = self._evidence()
        if rung.kind == "edit":
            if rung.suspect not in self._edits:
                self._edits[rung.suspect] = LineEdits(self._asking, evidence, suspect)
            return await self._edits[rung.suspect].next(rung.samples)
        explain = rung.kind == "explain"
        messages = prompts.repair_prompt(evidence, suspect, explain)
        begin = prompts.opening(suspect)
        if explain and self._asking.local:
            # asked for in two parts, since a small model may explain until its room is used up
            cause = Question(messages, prompts.CAUSE, EXPLANATION, stop="\n")
            (told,) = await self._asking.answers(cause, 1, rung.temperature)
            begin = f"{told}\n\n{begin}"
        room = len(suspect.source) // 2 + 120
        question = Question(messages, begin, room, draft=prompts.body(suspect))
        return await self._asking.answers(question, rung.samples, rung.temperature)

    def leaving(self, found: Sequence[Suspect]) -> list[str]:
        """Return what a model that cannot be sampled would be sent, a line each."""
        evidence = self._evidence()
        told = [
            f"{each.path}: {each.symbol.name}, {_size(each.source)}, and heads of what it uses"
            for each in found
        ]
        if evidence.test:
            told.append(f"{evidence.test_path}: the failing test, {_size(evidence.test)}")
        if evidence.failure is not None:
            told.append(f"what the test said, {_size(prompts.said_by(evidence.failure))}")
        if evidence.bug:
            told.append(f"the description of the bug, {_size(evidence.bug)}")
        asked = [prompts.repair_prompt(evidence, each, explain=True) for each in found]
        most = max(len("".join(m.text for m in each).encode(errors="replace")) for each in asked)
        count = REWRITES[self._turn.effort]
        times = "one request" if count == 1 else f"at most {count} requests, each"
        return [*told, f"in {times} of at most {most:,} bytes of text, one function at a time"]

    def _evidence(self) -> prompts.Evidence:
        # the failure that is told most briefly costs least to read
        failures = self._trial.seen.failures
        failure = min(failures, key=lambda each: len(each.trace), default=None)
        path, test = source_of_test(self._sources, failure.test) if failure else ("", "")
        if failure is None:
            failure = Failure(test="", trace=self._trial.seen.before.output[-2000:])
        return prompts.Evidence(self._bug, failure, path, test)


def _size(text: str) -> str:
    return f"{len(text.encode(errors='replace')):,} bytes"


def _turn_of(passed: bool | None) -> int:
    return {True: 0, None: 1, False: 2}[passed]

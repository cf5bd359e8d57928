"""The work of `agent fix`: reproduce, localise, propose, verify, select.

Each step is an event. The first candidate that is verified ends the search; the user's tree changes
only then, through the same policy as any other edit.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.bench import Bench, Changes
from agent.context.sources import Sources
from agent.errors import Blocked, Failed
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    PhaseStarted,
    Verification,
)
from agent.repair import plant, prompts
from agent.repair.apply import apply
from agent.repair.asking import Asking, Question
from agent.repair.canary import canary
from agent.repair.candidates import Candidate, Gate, Refused
from agent.repair.ladder import SUSPECTS, Rung, ladder
from agent.repair.localise import Suspect, source_of_test, suspects
from agent.repair.reproduce import Reproduction, reproduce
from agent.repair.selftest import write_test
from agent.turn import Turn
from agent.verify import objection, verification
from sandbox.base import Containment
from tools.report import CheckReport, Failure, TestOutcome
from tools.textfile import TextFile

LOOKED_AT = 12  # suspects that the planted line is tried on
LONGEST = 6000  # characters of a function that is rewritten whole
EXPLANATION = 80  # tokens
RUNS = 2  # green runs that a candidate needs


async def repair(turn: Turn, bug: str) -> None:
    """Repair the bug. Raises Failed with why it was not done, Blocked, ModelError."""
    if turn.context.sandbox.containment is Containment.NONE and not turn.stance.lifted:
        raise Blocked(
            f"no sandbox holds here: {turn.context.sandbox.why_not}",
            "apt-get install bubblewrap, or accept it with --sandbox=off",
        )
    async with Bench.open(turn.context, turn.emit, turn.copies) as bench:
        if not bench.isolated:
            await turn.before_change(frozenset())
        await Repair(turn, bench, bug).run()


class Repair:
    """One repair: its bench, its evidence, its attempts."""

    def __init__(self, turn: Turn, bench: Bench, bug: str) -> None:
        self.turn = turn
        self.bench = bench
        self.bug = bug
        self.gate = Gate()
        self.sources = Sources(turn.context.workspace)
        self.asking = Asking(turn.model, self._emit, turn.seed)
        self._attempt: int | None = None

    async def run(self) -> None:
        """Go through the phases; what came of it stands in the turn."""
        seen = await self._reproduce()
        found = await self._localise(seen)
        winner, record = await self._search(seen, found)
        if winner is None:
            self.turn.done.failed = f"no repair found in {self.turn.done.attempts} attempts"
            self.turn.done.hint = "try again with --effort 3, or name the function in the bug"
            return
        self._emit(PhaseStarted(phase="select", detail=f"attempt {self.turn.done.attempts}"))
        await apply(self.turn, winner, seen, record)

    def _emit(self, event: Base) -> None:
        self.turn.emit(event.model_copy(update={"attempt": self._attempt}))

    async def _reproduce(self) -> Reproduction:
        self._emit(PhaseStarted(phase="reproduce", detail=f"running {self.bench.runner.command}"))
        seen = await reproduce(self.bench, self.turn.emit, self.bug)
        if seen is None:
            if not self.bug.strip():
                raise Failed("every test passes, so there is nothing to reproduce", "describe it")
            seen = await write_test(self.turn, self.bench, self.sources, self.bug, self.asking)
        return seen

    async def _localise(self, seen: Reproduction) -> list[Suspect]:
        self._emit(PhaseStarted(phase="localise", detail=f"{len(seen.targets) or 1} failing"))
        wanted = SUSPECTS[self.turn.effort]
        kept: list[Suspect] = []
        ran = await self.bench.ran(seen.extra, seen.targets)
        ranked = suspects(self.sources, seen.failures, seen.targets, self.bug, ran)
        for suspect in ranked[:LOOKED_AT]:
            if len(kept) >= wanted:
                break
            if len(suspect.source) > LONGEST:
                continue
            if await self._runs(seen, suspect):
                kept.append(suspect)
        if not kept:
            names = ", ".join(each.symbol.name for each in ranked[:5]) or "none"
            raise Failed(
                f"no function of the project was seen to run in the failing tests (tried: {names})",
                "name the function in the bug, or check that the tests import this tree",
            )
        self._emit(
            PhaseStarted(
                phase="propose",
                detail=", ".join(f"{each.symbol.name} ({each.why})" for each in kept),
            )
        )
        return kept

    async def _runs(self, seen: Reproduction, suspect: Suspect) -> bool:
        """Whether a line planted in the suspect makes the targets fail: it is what they run."""
        made = plant.planted(suspect, suspect.text)
        if made is None:
            return False
        text, mark = made
        report = await self.bench.check(self._changes(suspect, text, seen), seen.targets)
        return plant.reached(report, seen.targets, mark, suspect.path)

    async def _search(
        self, seen: Reproduction, found: Sequence[Suspect]
    ) -> tuple[Candidate | None, Verification]:
        done = self.turn.done
        for rung in ladder(self.turn.effort, len(found)):
            if limit := self.turn.limits.reached(0, done.usage, 0.0):
                done.limit = limit
                break
            suspect = found[rung.suspect]
            replies: list[str] = []
            for number in range(rung.samples):
                if replies and number >= len(replies):
                    break  # the model gave fewer than were asked for
                done.attempts += 1
                self._attempt = done.attempts
                where = f"{suspect.symbol.name} in {suspect.path}"
                self._emit(AttemptStarted(detail=f"{rung}: {where}"))
                verdict, detail, diff = "cancelled", "", ""
                try:
                    replies = replies or await self._ask(seen, suspect, rung)
                    if not replies:
                        raise Refused("the model said nothing")
                    candidate = self.gate.read(suspect, replies[number])
                    diff = candidate.diff
                    verdict, detail, record = await self._verify(seen, candidate)
                    if verdict == "verified":
                        return candidate, record
                except Refused as refusal:
                    verdict, detail = "refused", str(refusal)
                finally:
                    self._emit(AttemptFinished(verdict=verdict, detail=detail, diff=diff))
                    self._attempt = None
        return None, Verification(reason="no repair found")

    async def _ask(self, seen: Reproduction, suspect: Suspect, rung: Rung) -> list[str]:
        # the failure that is told most briefly costs least to read
        failure = min(seen.failures, key=lambda each: len(each.trace), default=None)
        path, test = source_of_test(self.sources, failure.test) if failure else ("", "")
        if failure is None:
            failure = Failure(test="", trace=seen.before.output[-2000:])
        evidence = prompts.Evidence(self.bug, failure, path, test)
        messages = prompts.repair_prompt(evidence, suspect, rung.explain)
        begin = prompts.opening(suspect)
        if rung.explain:
            # asked for in two parts, since a small model may explain until its room is used up
            cause = Question(messages, prompts.CAUSE, EXPLANATION, stop="\n")
            (told,) = await self.asking.answers(cause, 1, rung.temperature)
            begin = f"{told}\n\n{begin}"
        question = Question(messages, begin, room=len(suspect.source) // 2 + 120)
        replies = await self.asking.answers(question, rung.samples, rung.temperature)
        self.turn.done.usage = self.asking.used
        return replies

    async def _verify(
        self, seen: Reproduction, candidate: Candidate
    ) -> tuple[str, str, Verification]:
        """Return the verdict on a candidate, why, and the record of the checks."""
        suspect, before = candidate.suspect, seen.before
        changes = self._changes(suspect, candidate.text, seen)
        record = Verification(reason="no repair found")
        if seen.targets:
            first = await self.bench.check(changes, seen.targets)
            if why := _first_failure(first, seen.targets):
                return "failed", why, record
        self._emit(PhaseStarted(phase="verify", detail=suspect.symbol.name))
        reports: list[CheckReport] = []
        for run in range(RUNS):
            after = await self.bench.check(changes)
            if why := objection(before, after, seen.targets):
                worse = "regressed" if run == 0 else "flaky"
                return ("failed" if before.granularity == "exit-status" else worse), why, record
            reports.append(after)
            if run == 0:
                verdict, why = await self._controls(seen, changes)
                if why:
                    return verdict, why, record
        record = verification(
            before,
            reports[-1],
            seen.targets,
            runs=RUNS,
            strength=seen.strength,
            in_place=not self.bench.isolated,
        )
        return "verified", "", record

    async def _controls(self, seen: Reproduction, changes: Changes) -> tuple[str, str]:
        """Return the verdict and why, where a control does not fail as it must, else nothing.

        The old code must still fail after the new one passed, or time decided. And beside the new
        code a test that must fail has to fail, or somebody reports for the tests.
        """
        must = canary(self.sources, self.turn.context.workspace, seen)
        laid = {must.path: must.data} if must else {}
        targets = (*seen.targets, must.test) if must else seen.targets
        control = await self.bench.check({**seen.extra, **laid}, targets)
        if control.green or any(
            control.tests.get(test) is TestOutcome.PASSED for test in seen.targets
        ):
            return "flaky", "the tests pass without the repair too"
        if must and must.fails(control):
            both = await self.bench.check({**changes, **laid}, targets)
            if not must.fails(both):
                return "failed", "a test that must fail does not fail beside it"
        return "", ""

    def _changes(self, suspect: Suspect, text: str, seen: Reproduction) -> dict[str, bytes | None]:
        view = self.turn.context.workspace.read(suspect.path)
        file = TextFile.decode(view.data)
        data = file.spliced(0, len(file.text), text).encode()
        return {**seen.extra, suspect.path: data}


def _first_failure(report: CheckReport, targets: Sequence[str]) -> str:
    if report.timed_out:
        return "the tests did not end in time"
    if not report.complete:
        return "the tests were cut off"
    for test in targets:
        if report.tests.get(test) is not TestOutcome.PASSED:
            said = next((each.message for each in report.failures if each.test == test), "")
            return f"{test.rsplit('::', 1)[-1]}: {said or 'not passed'}"[:200]
    return ""

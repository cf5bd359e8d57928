"""The work of `agent fix`: reproduce, localise, propose, verify, select.

Each step is an event. The first candidate that is verified ends the search; the user's tree changes
only then, through the same policy as any other edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.bench import Bench
from agent.context.sources import Sources
from agent.errors import Blocked, Failed
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    PhaseStarted,
    Sampled,
    Verification,
)
from agent.messages import Message, Usage
from agent.models.base import LocalModel, Model, ModelRequest, ReplyChunk, SampleRequest
from agent.repair import plant, prompts
from agent.repair.apply import apply
from agent.repair.candidates import Candidate, Gate, Refused
from agent.repair.localise import Suspect, source_of_test, suspects
from agent.repair.reproduce import Reproduction, reproduce
from agent.repair.selftest import write_test
from agent.turn import Turn
from agent.verify import objection, verification
from sandbox.base import Containment
from tools.report import CheckReport, Failure, TestOutcome
from tools.textfile import TextFile

CANDIDATES = (1, 4, 8, 16, 32)  # by effort
SUSPECTS = (1, 2, 3, 4, 5)  # by effort
LOOKED_AT = 12  # suspects that the planted line is tried on
LONGEST = 6000  # characters of a function that is rewritten whole
RUNS = 2  # green runs that a candidate needs


@dataclass(frozen=True, slots=True)
class Try:
    """How one sample is asked for."""

    suspect: int  # rank
    temperature: float
    explain: bool = False

    def __str__(self) -> str:
        warmth = "greedy" if not self.temperature else f"temperature {self.temperature:g}"
        return ("explain, then rewrite" if self.explain else "rewrite") + f", {warmth}"


# cheapest first, and unlike one another: small models repeat themselves
LADDER = (
    Try(0, 0.0),
    Try(0, 0.0, explain=True),
    Try(1, 0.0),
    Try(0, 0.7),
    Try(0, 0.7, explain=True),
    Try(1, 0.0, explain=True),
    Try(2, 0.0),
    Try(0, 1.0),
)


def ladder(candidates: int, suspects_found: int) -> Iterator[Try]:
    """Yield the tries in order; past the table it goes round again, warmer."""
    count, round_ = 0, 0
    while count < candidates and suspects_found:
        for each in LADDER:
            if count >= candidates:
                return
            if each.suspect >= suspects_found and round_ == 0:
                each = Try(each.suspect % suspects_found, 0.8, each.explain)
            elif round_:
                each = Try((each.suspect + round_) % suspects_found, 0.9, each.explain)
            count += 1
            yield each
        round_ += 1


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
            seen = await write_test(self.turn, self.bench, self.sources, self.bug, self._ask)
        return seen

    async def _localise(self, seen: Reproduction) -> list[Suspect]:
        self._emit(PhaseStarted(phase="localise", detail=f"{len(seen.targets) or 1} failing"))
        wanted = SUSPECTS[self.turn.effort]
        kept: list[Suspect] = []
        ranked = suspects(self.sources, seen.failures, seen.targets, self.bug)
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
        nothing = Verification(reason="no repair found")
        for number, each in enumerate(ladder(CANDIDATES[self.turn.effort], len(found)), 1):
            if limit := self.turn.limits.reached(0, done.usage, 0.0):
                done.limit = limit
                break
            suspect = found[each.suspect]
            done.attempts = self._attempt = number
            where = f"{suspect.symbol.name} in {suspect.path}"
            self._emit(AttemptStarted(detail=f"{each}: {where}"))
            verdict, detail, diff = "cancelled", "", ""
            try:
                candidate = self.gate.read(suspect, await self._sample(seen, suspect, each))
                diff = candidate.diff
                verdict, detail, record = await self._verify(seen, candidate)
                if verdict == "verified":
                    return candidate, record
            except Refused as refusal:
                verdict, detail = "refused", str(refusal)
            finally:
                self._emit(AttemptFinished(verdict=verdict, detail=detail, diff=diff))
                self._attempt = None
        return None, nothing

    async def _sample(self, seen: Reproduction, suspect: Suspect, each: Try) -> str:
        failure = seen.failures[0] if seen.failures else None
        path, test = source_of_test(self.sources, failure.test) if failure else ("", "")
        if failure is None:
            failure = Failure(test="", trace=seen.before.output[-2000:])
        evidence = prompts.Evidence(self.bug, failure, path, test)
        messages = prompts.repair_prompt(evidence, suspect, each.explain)
        prefill = prompts.opening(suspect, each.explain)
        room = len(suspect.source) // 2 + (300 if each.explain else 120)
        return await self._ask(messages, prefill, room, each.temperature)

    async def _ask(
        self, messages: tuple[Message, ...], prefill: str, room: int, temperature: float
    ) -> str:
        """Ask the model for one text; it is an event, so that a script can replay it.

        The text starts with `prefill`, where the model can be made to go on from it.
        """
        model, done = self.turn.model, self.turn.done
        stop = ("\n```",) if prefill else ()
        seed = done.attempts + self.turn.seed
        if isinstance(model, LocalModel):
            request = SampleRequest(
                messages=messages,
                prefill=prefill,
                max_tokens=room,
                temperature=temperature,
                seed=seed,
                stop=stop,
            )
            sample = (await model.sample(request))[0]
            text = sample.text
            usage = Usage(input=model.count(messages, ()), output=sample.tokens)
            whole = prefill + text
        else:
            text, usage = await _streamed(model, messages, room, temperature, seed)
            whole = text
        done.usage += usage
        self._emit(Sampled(texts=(text,), usage=usage))
        return whole

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
            if run == 0 and await self._passes_without(seen):
                return "flaky", "the tests pass without the repair too", record
        record = verification(
            before,
            reports[-1],
            seen.targets,
            runs=RUNS,
            strength=seen.strength,
            in_place=not self.bench.isolated,
        )
        return "verified", "", record

    async def _passes_without(self, seen: Reproduction) -> bool:
        """Control: the old code must still fail after the new one passed, or time decided."""
        control = await self.bench.check(seen.extra, seen.targets)
        if control.granularity == "exit-status":
            return control.green
        return any(control.tests.get(test) is TestOutcome.PASSED for test in seen.targets)

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


async def _streamed(
    model: Model, messages: tuple[Message, ...], room: int, temperature: float, seed: int
) -> tuple[str, Usage]:
    """Ask a model that only holds conversations."""
    request = ModelRequest(messages, max_tokens=room + 400, temperature=temperature, seed=seed)
    async for chunk in model.stream(request):
        if isinstance(chunk, ReplyChunk):
            return chunk.message.text, chunk.usage
    raise AssertionError("a stream ends with its reply")

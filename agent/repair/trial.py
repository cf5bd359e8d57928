"""The trial of one candidate: its targets, a planted line, the whole suite twice, the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.attempts import Verdict
from agent.bench import SCREEN_SECONDS, Bench, Changes
from agent.context.sources import Sources
from agent.events import AttemptFinished, PhaseStarted, Verification
from agent.repair import plant
from agent.repair.canary import canary
from agent.repair.candidates import Candidate
from agent.repair.localise import Suspect
from agent.repair.reproduce import Reproduction
from agent.turn import Turn
from agent.verify import newly_failing, objection, verification
from sandbox.workspace import Workspace
from tools.report import CheckReport, Screened, TestOutcome
from tools.textfile import TextFile

RUNS = 2  # green runs that a candidate needs
BESIDE_SECONDS = 30.0  # for a screen by other tests, which only saves time
MOST_PLANTED = 4  # places of one candidate where the line is planted, until one is reached


Files = frozenset[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a trial ended with: the verdict of an attempt, why, and the record if it is verified.

    `passing` and `worse` are what the event of its end has.
    """

    verdict: Verdict
    why: str = ""
    record: Verification | None = None
    passing: int | None = None
    worse: tuple[str, ...] = ()

    def told(self, diff: str, targets: int) -> AttemptFinished:
        """Return the event of its end; so many tests are to be repaired."""
        return AttemptFinished(
            verdict=self.verdict,
            detail=self.why,
            diff=diff,
            passing=self.passing,
            targets=targets,
            newly_failing=self.worse,
        )


class Trial:
    """Tries candidates against what was reproduced."""

    def __init__(self, turn: Turn, bench: Bench, seen: Reproduction, sources: Sources) -> None:
        self._turn = turn
        self._bench = bench
        self.seen = seen
        self._sources = sources
        self._reached: dict[Suspect | str, bool] = {}
        self._passing: set[Files] = set()  # what passed a screen, and no trial has ruled out

    @property
    def isolated(self) -> bool:
        """Whether candidates are tried in a copy."""
        return self._bench.isolated

    @property
    def litter(self) -> frozenset[str]:
        """The files that the check itself writes, and those that belong to the reproduction."""
        return self._bench.litter | self.seen.extra.keys()

    def changes(self, texts: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Return what is laid over the tree to have these texts as its files."""
        files = self._turn.context.workspace
        return {**self.seen.extra, **{path: written(files, path, texts[path]) for path in texts}}

    async def screen(
        self, proposals: Sequence[Mapping[str, str | None]], beside: Sequence[str] = ()
    ) -> list[Screened]:
        """Tell of files that would change whether the targets pass, and what failed.

        Quick, by one process for all, and no proof of anything: what passes is tried in full. Tests
        `beside` the targets have to pass too.
        """
        unknown = [Screened(number=number, passed=None) for number in range(len(proposals))]
        if not proposals or not self.seen.targets:
            return unknown
        made = [self.changes(each) for each in proposals]
        targets = (*self.seen.targets, *beside)
        seconds = BESIDE_SECONDS if beside else SCREEN_SECONDS
        screened = await self._bench.screen(made, targets, self.seen.extra, seconds)
        for each in screened:
            if each.passed is not None:
                change = self._passing.add if each.passed else self._passing.discard
                change(_files(proposals[each.number]))
        return list(screened) or unknown

    async def reached(self, suspect: Suspect) -> bool:
        """Whether a line planted in the suspect makes the targets fail: it is what they run."""
        made = plant.planted(suspect, suspect.text)
        return await self._fails_by(suspect, suspect.path, made)

    async def _fails_by(self, key: Suspect | str, path: str, made: tuple[str, str] | None) -> bool:
        if key not in self._reached:
            if made is None:
                return False
            text, mark = made
            targets = self.seen.targets
            report = await self._bench.check(self.changes({path: text}), targets)
            self._reached[key] = plant.reached(report, targets, mark, path)
        return self._reached[key]

    async def _runs(self, candidate: Candidate) -> bool:
        """Whether something that the candidate changes is what the tests run, or load."""
        for suspect in candidate.suspects[:MOST_PLANTED]:
            if await self.reached(suspect):
                return True
        for path in candidate.loose[:MOST_PLANTED]:
            text = candidate.before[path]
            made = plant.planted_at_end(path, text) if text is not None else None
            if await self._fails_by(path, path, made):
                return True
        return False

    async def suffices(self, texts: Mapping[str, str | None]) -> bool:
        """Whether the targets pass with these files; it proves nothing else."""
        targets = self.seen.targets
        report = await self._bench.check(self.changes(texts), targets)
        return not _first_failure(report, targets) and (bool(targets) or report.green)

    async def rule(self, candidate: Candidate) -> Ruling:
        """Try one candidate in full."""
        ruling = await self._ruled(candidate)
        self._passing.discard(_files(candidate.after))
        if ruling.passing is None and self.seen.targets:
            ruling = replace(ruling, passing=len(self.seen.targets))
        if ruling.record is None:
            return ruling
        record = ruling.record.model_copy(update={"rivals": len(self._passing)})
        return replace(ruling, record=record)

    async def _ruled(self, candidate: Candidate) -> Ruling:
        seen, before = self.seen, self.seen.before
        changes = self.changes(candidate.after)
        if seen.targets:
            first = await self._bench.check(changes, seen.targets)
            if why := _first_failure(first, seen.targets):
                return Ruling("failed", why, passing=_passing(first, seen.targets))
        self._turn.emit(PhaseStarted(phase="verify", detail=candidate.named))
        if not await self._runs(candidate):
            return Ruling("failed", "what it changes is not what the tests run")
        reports: list[CheckReport] = []
        for run in range(RUNS):
            after = await self._bench.check(changes)
            if why := objection(before, after, seen.targets):
                verdict: Verdict = "regressed" if run == 0 else "flaky"
                if before.granularity == "exit-status":
                    return Ruling("failed", why)
                passing = _passing(after, seen.targets)
                worse = newly_failing(before, after)
                return Ruling(verdict, why, passing=passing, worse=worse)
            reports.append(after)
            # after each green run: what is green at times would be so with the old code too
            if run == 0:
                fault = await self._controls(changes)
            else:
                _, fault = await self._control({}, seen.targets)
            if fault is not None:
                return fault
        record = verification(
            before,
            reports[-1],
            seen.targets,
            runs=RUNS,
            strength=seen.strength,
            in_place=not self._bench.isolated,
        )
        return Ruling("verified", record=record)

    async def _controls(self, changes: Changes) -> Ruling | None:
        """Return the ruling where a control does not fail as it must.

        The old code must still fail after the new one passed, or time decided. And beside the new
        code a test that must fail has to fail, or somebody reports for the tests.
        """
        must = canary(self._sources, self._turn.context.workspace, self.seen)
        laid = {must.path: must.data} if must else {}
        targets = (*self.seen.targets, must.test) if must else self.seen.targets
        control, fault = await self._control(laid, targets)
        if fault is None and must and must.fails(control):
            both = await self._bench.check({**changes, **laid}, targets)
            if not must.fails(both):
                return Ruling("failed", "a test that must fail does not fail beside it")
        return fault

    async def _control(
        self, laid: Changes, targets: Sequence[str]
    ) -> tuple[CheckReport, Ruling | None]:
        """Run targets on the old code; return the report, and the ruling where they do not fail."""
        control = await self._bench.check({**self.seen.extra, **laid}, tuple(targets))
        passed = any(control.tests.get(test) is TestOutcome.PASSED for test in self.seen.targets)
        if control.green or passed:
            return control, Ruling("flaky", "the tests pass without the repair too")
        return control, None


def written(files: Workspace, path: str, text: str | None) -> bytes | None:
    """Return a text as the bytes of a file here, in the encoding and line endings that it has.

    Raises ToolError for a character that the encoding does not have.
    """
    if text is None:
        return None
    if files.kind(path) == "missing":
        return TextFile(text).encode()
    file = TextFile.decode(files.read(path).data)
    return file.spliced(0, len(file.text), text).encode()


def _files(texts: Mapping[str, str | None]) -> Files:
    return frozenset(texts.items())


def _passing(report: CheckReport, targets: Sequence[str]) -> int:
    return sum(report.tests.get(each) is TestOutcome.PASSED for each in targets)


def _first_failure(report: CheckReport, targets: Sequence[str]) -> str:
    if report.timed_out:
        return "the tests did not end in time"
    if not report.complete:
        return "the tests were cut off"
    for test in targets:
        if report.tests.get(test) is not TestOutcome.PASSED:
            said = next((each.message for each in report.failures if each.test == test), "")
            return told(test, said)
    return ""


def told(test: str, said: str) -> str:
    """Return in a line which test failed and what it said."""
    return f"{test.rsplit('::', 1)[-1]}: {said or 'not passed'}"[:200]

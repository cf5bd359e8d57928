"""Where `agent fix` looks for a bug, measured alone: the rank of the function that holds it.

    python benchmarks/localise.py [--list historic|seeded] [--without SOURCE ...] [--case NAME]

No model is asked. Each case is laid out with some of its failing tests held back, reproduced and
watched as `agent fix` does it, and the ranking is compared with the functions that differ in the
code without the bug. `--without` leaves out one source of the ranking at a time; `--case` prints
the ranking of one case, and why. README.md has the rules.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.bench import Bench
from agent.context.sources import Sources
from agent.copies import Copies
from agent.errors import WispError
from agent.repair.clues import Clues, gather
from agent.repair.localise import WEIGHTS, Suspect, suspects
from agent.repair.reproduce import Reproduction, reproduce
from benchmarks._held import OF_LIST, lay_out_shown
from benchmarks._shares import wilson
from benchmarks._truth import Changed, changed
from benchmarks.cases import Case, CaseError, default_cache, find, lay_code, read
from sandbox.base import Containment
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory

SOURCES = (*WEIGHTS, "lines")  # lines: functions are told apart by how often they ran, not by lines
TOPS = (1, 3, 5, 12)
SHOWN = 12  # suspects of one case that are printed


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out about a case before anything was ranked."""

    sources: Sources
    seen: Reproduction
    clues: Clues
    truth: Changed
    seconds: float

    def ranked(self, without: str = "") -> list[Suspect]:
        """Rank as `agent fix` does, without one of the sources if it is named."""
        weights = {name: 0.0 if name == without else WEIGHTS[name] for name in WEIGHTS}
        ran = () if without == "coverage" else self.clues.ran
        if without == "lines":
            ran = tuple(each.model_copy(update={"counts": ()}) for each in ran)
        seen, edited = self.seen, self.clues.edited
        return suspects(self.sources, seen.failures, seen.targets, "", ran, edited, weights=weights)

    def place(self, without: str = "") -> int | None:
        """Return the rank of the first true function, from 1; None where none is a suspect."""
        keys = [suspect.key for suspect in self.ranked(without)]
        return next((at for at, key in enumerate(keys, 1) if key in self.truth.functions), None)


def look(case: Case, made: Path) -> Looked:
    """Lay a case out below a folder, and go the way of `agent fix` up to where it would rank.

    Raises CaseError or WispError.
    """
    folder, _ = lay_out_shown(case, made)
    right = lay_code(case, made / "right" / case.library, code="new")
    began = time.monotonic()
    workspace = Workspace(folder)
    seen, clues = asyncio.run(_watch(workspace))
    seconds = time.monotonic() - began
    return Looked(Sources(workspace), seen, clues, changed(folder, right, case.tests), seconds)


async def _watch(workspace: Workspace) -> tuple[Reproduction, Clues]:
    sandbox = await open_sandbox(workspace, "auto")
    if sandbox.containment is Containment.NONE:
        raise CaseError(f"no sandbox to run strangers' tests in: {sandbox.why_not}")

    async def nobody(question: str, choices: tuple[str, ...]) -> None:
        return None

    context = ToolContext(workspace, sandbox, ToolMemory(), lambda text: None, nobody)
    async with Bench.open(context, lambda event: None, Copies(workspace.root)) as bench:
        seen = await reproduce(bench, lambda event: None, "")
        if seen is None:
            raise CaseError("no test fails")
        return seen, await gather(context, bench, seen)


@dataclass(frozen=True, slots=True)
class Row:
    """A case: the rank of its function by what was left out, and how long it took to look."""

    truth: Changed
    places: Mapping[str, int | None]
    seconds: float


def measure(cases: Iterable[Case], without: Sequence[str]) -> dict[str, Row]:
    """Return a row of each case; one that cannot be measured is said, and left out."""
    rows: dict[str, Row] = {}
    for case in cases:
        place = default_cache() / "runs"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{case.name}-", dir=place) as made:
            try:
                looked = look(case, Path(made))
            except (CaseError, WispError) as error:
                print(f"{case.name:32} NOT MEASURED: {error}", flush=True)
                continue
            began = time.monotonic()
            places = {"": looked.place()}
            seconds = looked.seconds + time.monotonic() - began
            places |= {name: looked.place(name) for name in without}
            rows[case.name] = Row(looked.truth, places, seconds)
            print(line(case.name, rows[case.name]), flush=True)
    return rows


def line(name: str, row: Row) -> str:
    """Return a row for a person."""
    count, beside = len(row.truth.functions), f", {len(row.truth.outside)} files outside of any"
    others = "".join(f"  without {each}: {at or '-'}" for each, at in row.places.items() if each)
    return (
        f"{name:32} {row.places[''] or '-':>4}  {row.seconds:5.1f} s"
        f"  {count} changed{beside if row.truth.outside else ''}{others}"
    )


def report(name: str, rows: Mapping[str, Row]) -> None:
    """Print how often a true function is among the first, and what each source is worth."""
    inside = [row for row in rows.values() if row.truth.functions]
    alone = len(rows) - len(inside)
    beside = sum(bool(row.truth.outside) for row in inside)
    print(
        f"\n{name}: {len(inside)} cases where functions changed, in {beside} of them something"
        f" beside; {alone} where only something else did, which are not counted"
    )
    if not inside:
        return
    tops = "".join(f"{f'top {top}':>15}" for top in TOPS)
    print(f"{'':26}{tops}  not found   mean 1/rank")
    for without in inside[0].places:
        places = [row.places[without] for row in inside]
        cells = ""
        for top in TOPS:
            good = sum(at is not None and at <= top for at in places)
            low, high = wilson(good, len(places))
            cells += f"{f'{good} [{low:.0%}-{high:.0%}]':>15}"
        mean = statistics.mean(1 / at if at else 0.0 for at in places)
        label = f"without {without}" if without else "all sources"
        print(f"{label:26}{cells}{places.count(None):>11}{mean:14.3f}")
    print(f"median {statistics.median(row.seconds for row in inside):.1f} s a case")


def show(case: Case, made: Path) -> None:
    """Print the ranking of one case, and where its bug is."""
    looked = look(case, made)
    ranked, truth = looked.ranked(), looked.truth
    print(f"{case.name}: {len(looked.seen.targets)} failing, {len(ranked)} suspects")
    for at, each in enumerate(ranked, 1):
        true = each.key in truth.functions
        if at <= SHOWN or true:
            mark = "=> " if true else "   "
            where = f"{each.path}:{each.symbol.start_line}"
            print(f"{mark}{at:4}  {each.score:6.2f}  {each.symbol.name}  {where}  {each.why}")
    for path, name, number in sorted(truth.functions - {each.key for each in ranked}):
        print(f"not found: {name}  {path}:{number}")
    for path in truth.outside:
        print(f"changed outside of functions: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--list", choices=sorted(OF_LIST))
    parser.add_argument("--without", action="append", choices=sorted(SOURCES), default=[])
    parser.add_argument("--half", choices=("first", "second"), help="every second case of a list")
    parser.add_argument("--case")
    given = parser.parse_args()
    for name in ("VIRTUAL_ENV", "PYTHONPATH"):  # the cases have environments of their own
        os.environ.pop(name, None)
    lists = {name: read(OF_LIST[name]) for name in OF_LIST if given.list in (None, name)}
    if given.case:
        place = default_cache() / "runs"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="localise-", dir=place) as made:
            show(find(given.case, sum(lists.values(), ())), Path(made))
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    start, step = {"first": (0, 2), "second": (1, 2), None: (0, 1)}[given.half]
    every = {name: measure(cases[start::step], given.without) for name, cases in lists.items()}
    for name, rows in every.items():
        report(name, rows)


if __name__ == "__main__":
    try:
        main()
    except (CaseError, WispError) as error:
        sys.exit(f"error: {error}")

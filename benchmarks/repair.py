"""`agent fix` on historic and on seeded bugs, beside best-of-N rewriting: same model, same time.

    python benchmarks/repair.py [--list historic|seeded] [--arm NAME ...] [--limit SECONDS]
                                [--model NAME] [--subset N] [--jobs N] [--results FILE] [--report]

Each case is run once in each arm, with some of its failing tests held back (README.md has the
rules). Results are appended to a file as they come, and what is there already is not run again, so
it can be stopped at any time; `--report` only prints what there is. A file belongs to one commit:
its name has the commit and the model.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._held import OF_LIST, lay_out_shown
from benchmarks._shares import wilson
from benchmarks.cases import Case, CaseError, default_cache, lay_out, read, run_tests

AGENT = Path(sys.executable).parent / "agent"
PROJECT = Path(__file__).parents[1]
ARMS: dict[str, tuple[str, ...]] = {
    "all": (),
    "without slips": ("--rungs", "edit,rewrite,vary,explain,refine,loop"),
    # best of N: nothing but functions written anew, of the same suspects, as many as time allows
    "rewriting": ("--rungs", "rewrite", "--effort", "4"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How each case is run."""

    model: str
    limit: float  # seconds of one case in one arm


def run(case: Case, arm: str, options: Options) -> dict[str, Any]:
    """Let `agent fix` work on a case; return what came of it."""
    place = default_cache() / "runs"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{case.name}-", dir=place) as made:
        folder, hidden = lay_out_shown(case, Path(made))
        command = [str(AGENT), "fix", "", "--json", "-m", options.model]
        command += ["--max-wall-time", str(options.limit), *ARMS[arm]]
        outside = ("VIRTUAL_ENV", "PYTHONPATH", "WISP_RUNGS")
        clean = {name: value for name, value in os.environ.items() if name not in outside}
        # no case finds what another had read
        clean |= {"WISP_HOST": "private", "WISP_KV_CACHE": "0"}
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        seconds = time.monotonic() - began
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if not events or "exit_code" not in events[-1]:  # the result comes last
            raise CaseError(f"{case.name}: {done.stderr.strip()[-300:]}")
        end = events[-1]
        wrong = _wrong(case, folder, Path(made)) if done.returncode == 0 else ""
        return {
            "case": case.name,
            "arm": arm,
            "exit": done.returncode,
            "wrong": wrong,
            "rung": _rung(events) if done.returncode == 0 else "",
            "held": len(hidden),
            "seconds": round(seconds, 1),
            "attempts": end["attempts"],
            "read": end["usage"]["input"] - end["usage"]["cached"],
            "written": end["usage"]["output"],
            "why": end["error"] or end["verification"]["reason"],
            "diff": end["diff"],
        }


def _wrong(case: Case, folder: Path, made: Path) -> str:
    """Return the first test of the case, held back or not, that does not hold; empty for none."""
    whole = lay_out(case, made / "after" / case.library)
    diff = subprocess.run(["git", "diff", "--binary"], cwd=folder, capture_output=True, check=True)
    subprocess.run(["git", "apply", "-"], cwd=whole, input=diff.stdout, check=True)
    outcomes = run_tests(whole)
    unmet = [test for test in case.failing if outcomes.get(test) != "passed"]
    return next(iter([*unmet, *(test for test, end in outcomes.items() if end == "failed")]), "")


def _rung(events: list[dict[str, Any]]) -> str:
    """Return what kind of attempt was the last, which was verified."""
    started = [each["detail"] for each in events if each.get("type") == "attempt_started"]
    return started[-1].partition(":")[0].partition(",")[0] if started else ""


# -- what is printed


def line(row: dict[str, Any]) -> str:
    """Return a row for a person."""
    ended = "verified" if row["exit"] == 0 else f"exit {row['exit']}"
    wrong = f"  WRONG: {row['wrong']}" if row["wrong"] else ""
    return (
        f"{row['case']:32} {row['arm']:14} {ended:9} {row['rung']:22} {row['seconds']:6.0f} s"
        f" {row['attempts']:3} attempts {row['read']:6} read {row['written']:5} written{wrong}"
    )


def report(rows: list[dict[str, Any]], name: str) -> None:
    """Print how each arm did on the cases that every arm was run on."""
    arms = [arm for arm in ARMS if any(row["arm"] == arm for row in rows)]
    ran = {arm: {row["case"]: row for row in rows if row["arm"] == arm} for arm in arms}
    common = set.intersection(*(set(each) for each in ran.values())) if ran else set()
    print(f"\n{name}: {len(common)} cases that were run in each of: {', '.join(arms)}")
    if not common:
        return
    print(f"{'':16} verified          wrong  median s  tokens a verified repair")
    for arm in arms:
        of_arm = [ran[arm][case] for case in sorted(common)]
        good = [row for row in of_arm if row["exit"] == 0]
        wrong = sum(bool(row["wrong"]) for row in good)
        tokens = sum(row["read"] + row["written"] for row in of_arm)
        low, high = wilson(len(good), len(of_arm))
        each = f"{tokens / len(good):,.0f}" if good else "-"
        middle = statistics.median(row["seconds"] for row in of_arm)
        share = f"{len(good):3} [{low:.0%}-{high:.0%}]"
        print(f"{arm:16} {share:17} {wrong:5}  {middle:8.0f}  {each}")
        for rung in sorted({row["rung"] for row in good}):
            by = [row for row in good if row["rung"] == rung]
            spent = statistics.median(row["read"] + row["written"] for row in by)
            took = statistics.median(row["seconds"] for row in by)
            bad = sum(bool(row["wrong"]) for row in by)
            print(f"  by {rung:24} {len(by):3}, {bad} wrong, {took:.0f} s, {spent:,.0f} tokens")


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=PROJECT, capture_output=True, text=True
    )
    return said.stdout.strip() or "unknown"


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _wanted(given: argparse.Namespace) -> Iterable[tuple[str, Case]]:
    for name in [given.list] if given.list else OF_LIST:
        for case in read(OF_LIST[name])[: given.subset]:
            yield name, case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--list", choices=sorted(OF_LIST))
    parser.add_argument("--arm", action="append", choices=list(ARMS))
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--subset", type=int, help="the first so many of each list")
    parser.add_argument("--jobs", type=int, default=1, help="cases that are run side by side")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    commit = _commit()
    named = f"{commit}-{given.model.replace('/', '_')}-{given.limit:.0f}s.jsonl"
    path: Path = given.results or default_cache() / "results" / named
    path.parent.mkdir(parents=True, exist_ok=True)
    cores, python = os.cpu_count(), platform.python_version()
    how = f"{given.limit:.0f} s a case and arm, {given.jobs} at a time, {cores} cores, {python}"
    print(f"{path}: {given.model}, {how}")
    options = Options(given.model, given.limit)
    rows = _read(path)
    done = {(row["list"], row["case"], row["arm"]) for row in rows}
    lock = threading.Lock()

    def arms(name: str, case: Case) -> None:
        """Run a case in each arm, one after the other."""
        for arm in given.arm or ARMS:
            if (name, case.name, arm) in done:
                continue
            row = {"list": name, "commit": commit, **run(case, arm, options)}
            with lock, path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
                rows.append(row)
                print(line(row), flush=True)

    with ThreadPoolExecutor(given.jobs) as pool:
        wanted = () if given.report else _wanted(given)
        for ended in [pool.submit(arms, name, case) for name, case in wanted]:
            ended.result()
    for name in OF_LIST:
        if of_list := [row for row in rows if row["list"] == name]:
            report(of_list, name)


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")

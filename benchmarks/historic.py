"""`agent fix` on historic bugs: what failed, how it ended, seconds, tokens; every case is reported.

    python benchmarks/historic.py [NAME ...] [--list FILE] [--model NAME] [--effort N] [--seeds N]
                                  [--timeout SECONDS] [--keep FOLDER]

The list is `historic.toml` (its rule of selection is in README.md here), or `demo.toml`. Wisp is
told nothing but to repair what fails. A repair counts when its exit code is 0; beside it stands
whether the newer release's own tests, run afterwards on the repaired tree, all pass.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import Case, CaseError, default_cache, find, lay_out, read, run_tests

HERE = Path(__file__).parent
AGENT = Path(sys.executable).parent / "agent"


@dataclass(frozen=True)
class Options:
    """How each case is run."""

    model: str
    effort: int
    timeout: float
    keep: Path | None


def repair(case: Case, seed: int, options: Options) -> dict[str, Any]:
    """Lay a case out, let `agent fix` work on it, and return what came of it."""
    place = default_cache() / "runs"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{case.name}-", dir=place) as made:
        folder = lay_out(case, Path(made) / case.library)
        command = [str(AGENT), "fix", "", "--json", "-m", options.model, "--seed", str(seed)]
        command += ["--effort", str(options.effort), "--max-wall-time", str(options.timeout)]
        clean = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=clean,
        )
        seconds = time.monotonic() - started
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            log = options.keep / f"{case.name}-{seed}.jsonl"
            log.write_text(done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        if not lines:
            raise CaseError(f"{case.name}: {done.stderr.strip()}")
        result = json.loads(lines[-1])
        outcomes = run_tests(folder) if done.returncode == 0 else {}
        return {
            "case": case.name,
            "seed": seed,
            "exit": done.returncode,
            "right": all(outcomes.get(test) == "passed" for test in case.failing),
            "attempts": result["attempts"],
            "seconds": seconds,
            "read": result["usage"]["input"] - result["usage"]["cached"],
            "written": result["usage"]["output"],
            "why": result["error"] or result["verification"]["reason"],
            "diff": result["diff"],
        }


def line(row: dict[str, Any]) -> str:
    """Return a row for a person."""
    ended = "repaired" if row["exit"] == 0 else f"exit {row['exit']}"
    wrong = "" if row["exit"] or row["right"] else "  NOT as the release's tests say"
    return (
        f"{row['case']:28} seed {row['seed']}  {ended:9}  {row['attempts']:2} attempts"
        f"  {row['seconds']:6.0f} s  {row['read']:6} read  {row['written']:5} written{wrong}"
        f"  {row['why'][:90]}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", type=Path, default=HERE / "historic.toml")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--effort", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=900.0)
    parser.add_argument("--keep", type=Path, help="a folder for the event streams")
    given = parser.parse_args()
    cases = read(given.list)
    chosen = [find(name, cases) for name in given.names] or list(cases)
    options = Options(given.model, given.effort, given.timeout, given.keep)
    print(
        f"{given.list.name}: {len(chosen)} cases, {given.seeds} seeds each, {given.model},"
        f" effort {given.effort}, {given.timeout:.0f} s a case, {os.cpu_count()} cores"
    )
    rows = []
    for case in chosen:
        for seed in range(given.seeds):
            rows.append(repair(case, seed, options))
            print(line(rows[-1]), flush=True)
    good = [row for row in rows if row["exit"] == 0]
    print(
        f"{len(good)} of {len(rows)} repaired and verified,"
        f" {sum(not row['right'] for row in good)} of them wrong by the release's own tests;"
        f" {sum(row['seconds'] for row in rows):.0f} s,"
        f" {sum(row['read'] + row['written'] for row in rows)} tokens in all"
    )


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")

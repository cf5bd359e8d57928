"""What a sandbox costs: milliseconds per command for plain, REDUCED and FULL, side by side.

    python benchmarks/containment.py [--runs N]

Wall time from the call to its result, as the tools see it. The backends take turns in each round,
so that all of them meet the same noise of a shared machine; `plain` is a subprocess without any
of our code, `none` is ours without containment. On a busy machine each process waits for its turn,
so read the figures as ratios to `plain` of Python's start. The self-test is what each session pays
once, at its start.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sandbox.base import Command, Sandbox, SandboxError
from sandbox.bubblewrap import Bubblewrap
from sandbox.detect import _bubblewrap, _landlock, self_test
from sandbox.landlock import Landlock
from sandbox.plain import Plain
from sandbox.workspace import Workspace

COMMANDS = {
    "/bin/true": ("/bin/true",),
    "python -c pass": (sys.executable, "-I", "-S", "-c", "pass"),
}
AIM = 30.0  # milliseconds that FULL may cost over plain, at the median
Run = Callable[[tuple[str, ...], Path], Awaitable[None]]


async def bare(argv: tuple[str, ...], cwd: Path) -> None:
    """Run without any of our code."""
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit(f"{argv} failed")


def within(sandbox: Sandbox) -> Run:
    """Return what runs a command in a sandbox."""

    async def run(argv: tuple[str, ...], cwd: Path) -> None:
        result = await sandbox.run(Command(argv, cwd=cwd), lambda data: None)
        if not result.ok:
            raise SystemExit(f"{sandbox.backend}: {argv} ended with {result}")

    return run


async def timed(work: Awaitable[object]) -> float:
    """Return the milliseconds that it took."""
    started = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - started)


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):7.1f} ms [{min(values):.1f}-{max(values):.1f}]"


async def measure(runs: int, top: Path) -> None:
    work = top / "work"
    workspace = Workspace(work)
    kinds: dict[str, Run] = {"plain": bare, "none": within(Plain(why_not=""))}
    tests: dict[str, list[float]] = {}
    for label, make, test in (
        ("REDUCED", lambda: Landlock(workspace, why_not=""), _landlock),
        ("FULL", lambda: Bubblewrap(workspace), _bubblewrap),
    ):
        if why := await self_test(test):
            print(f"{label}: not to be had here: {why}")
            continue
        sandbox: Sandbox = make()
        kinds[label] = within(sandbox)
        tests[label] = []
    rows: dict[tuple[str, str], list[float]] = {}
    for number in range(-2, runs):  # two rounds to get warm
        for name, argv in COMMANDS.items():
            for label, run in kinds.items():
                spent = await timed(run(argv, work))
                if number >= 0:
                    rows.setdefault((name, label), []).append(spent)
        if number >= 0 and number % 5 == 0:
            for label, spent_by in tests.items():
                backend = _bubblewrap if label == "FULL" else _landlock
                spent_by.append(await timed(self_test(backend)))
    for name in COMMANDS:
        base = statistics.median(rows[name, "plain"])
        for label in kinds:
            values = rows[name, label]
            over = statistics.median(values) - base
            print(f"{name:15} {label:8} {shown(values):26} {over:+7.1f} ms")
    for label, values in tests.items():
        print(f"self-test of {label:11} {shown(values)}")
    if "FULL" in kinds:
        true = "/bin/true"
        over = statistics.median(rows[true, "FULL"]) - statistics.median(rows[true, "plain"])
        word = "within" if over <= AIM else "over"
        print(f"FULL costs {over:.1f} ms more than plain at the median: {word} {AIM:.0f} ms")


def machine() -> str:
    cores = sorted(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    told = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=False)
    return (
        f"{platform.system()} {platform.release()}, {told.stdout.strip()}, as {who}, "
        f"cores {cores}, load {load:.1f}, Python {platform.python_version()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=40)
    options = parser.parse_args()
    print(f"{machine()}, {options.runs} rounds")
    # not in /tmp, which a full sandbox hides from its commands
    with tempfile.TemporaryDirectory(prefix="wisp-bench-", dir=Path.home() / ".cache") as name:
        top = Path(name).resolve()
        subprocess.run(["git", "init", "-q", top / "work"], check=True)
        try:
            asyncio.run(measure(options.runs, top))
        except SandboxError as error:
            raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()

"""A long session: what a step costs at its end, and what a small window keeps of it.

    python benchmarks/session.py [--steps N] [--model NAME --turns N]

First a scripted session in a window of 32k: for each fifty steps the CPU of a step, the tokens of
its request that the request before did not begin with, and the memory. These should stay flat.

Then, with `--model`, a real one in a window of 4k, where a session that was begun by a script (it
has a plan and a red check) goes on for many turns. After each compaction the next request is
rebuilt from the log, and looked at for the task, the plan and the last failure, word for word.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import AGENT, cpu, repository, resident, running

from agent import log
from agent.events import (
    Base,
    HistoryCompacted,
    MemoryKept,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnStarted,
)
from agent.history import History
from agent.messages import Message
from agent.models.estimate import upper
from agent.replay.strict import again
from tools.plan import rows

EACH = 50  # steps of which one row tells
LARGE, SMALL = 32_768, 4096  # tokens of the windows
ASKED = (
    "What does f{0}_3 in file{0}.py return?",
    "Read file{0}.py and say how many functions it has.",
    "Search for f{0}_7 and name its file.",
    "In file{0}.py, make f{0}_5 return x + 50.",
    "Run the tests and say what fails.",
    "Add a docstring to f{0}_1 in file{0}.py.",
)
CODE = "def add(a, b):\n    return a - b\n"
TESTS = """\
import unittest

from calc import add


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""


def replies(steps: int) -> list[dict[str, object]]:
    """Return so many replies: a read, a search, an edit and a check in turn, each with a word."""
    made: list[dict[str, object]] = []
    for number in range(steps):
        path = f"file{number % 50}.py"
        call: dict[str, object]
        match number % 4:
            case 0:
                call = {"read": {"path": path, "start": number // 50 + 1}}
            case 1:
                call = {"search": {"pattern": f"f{number % 50}_[0-9]+"}}
            case 2:
                call = {"write": {"path": f"made{number}.py", "content": f"x = {number}\n" * 20}}
            case _:
                call = {"shell": {"command": f"seq {number} {number + 200}"}}
        made.append({"say": f"Step {number}: I looked at {path}.", "calls": [call]})
    return [*made, {"say": "Done."}]


def scripted(steps: int, top: Path, folder: Path) -> None:
    """Print what steps cost in a session whose replies are scripted."""
    script = folder / "long.yaml"
    script.write_text(json.dumps(replies(steps + steps // 10)))
    command = [str(AGENT), "run", "-p", "go through it", "-m", f"scripted:{script}", "--json"]
    command += ["--max-steps", str(steps), "--autonomy", "full"]
    seen: list[tuple[int, float, float]] = []
    with running(command, top) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "step_started" and event["step"] % EACH in (0, 1):
                seen.append((event["step"], cpu(process.pid), resident(process.pid)))
    new = list(new_tokens(_log(folder)))
    print(f"{'steps':>9}  {'CPU ms a step':>13}  {'new tokens a step':>17}  {'MB':>5}")
    for (first, before, _), (last, after, mb) in itertools.pairwise(seen):
        if last - first < EACH - 2:
            continue
        spent = 1000 * (after - before) / (last - first)
        fresh = statistics.median(new[first - 1 : last])
        print(f"{first:4}-{last:<4}  {spent:13.1f}  {fresh:17.0f}  {mb:5.0f}")


def _log(folder: Path) -> list[Base]:
    """Return the events of the only session below our state."""
    [path] = (folder / "state/wisp/sessions").rglob("*.jsonl")
    return list(log.read(path).events)


def requests(events: Sequence[Base]) -> Iterator[tuple[Base, list[Message]]]:
    """Yield each step with the messages of its request, rebuilt from the log.

    A compaction comes after the start of a step and before its request.
    """
    history = History()
    started: Base | None = None
    for event in events:
        if started is not None and not isinstance(event, HistoryCompacted):
            yield started, list(history.messages)
            started = None
        history.apply(event)
        if isinstance(event, StepStarted):
            started = event


def new_tokens(events: Sequence[Base]) -> Iterator[int]:
    """Yield for each step how much of its request is not how the one before began, in tokens."""
    before: list[Message] = []
    for _, messages in requests(events):
        same = 0
        for one, other in zip(before, messages, strict=False):
            if one != other:
                break
            same += 1
        yield sum(upper(each.text) for each in messages[same:])
        before = messages


def kept(events: Sequence[Base]) -> list[tuple[int, bool, bool, bool]]:
    """Return (step, task, plan, failure) for each request after a compaction: is it there?"""
    found = []
    steps = 0
    task = plan = failure = ""
    checks: set[str] = set()
    compacted = False
    rebuilt = {id(step): messages for step, messages in requests(events)}
    step: Base | None = None
    for event in events:
        match event:
            case TurnStarted(prompt=prompt):
                task = prompt
            case MemoryKept(plan=items):
                plan = rows(items)
            case ToolRequested(call=call) if call.name == "check":
                checks.add(call.id)
            case ToolFinished(call_id=call_id, result=result) if call_id in checks:
                failure = "" if result.ok else result.text
            case HistoryCompacted():
                compacted = True
            case StepStarted():
                steps += 1
                step = event
            case _:
                pass
        if compacted and not isinstance(event, HistoryCompacted) and step is not None:
            text = "\n".join(each.text for each in rebuilt[id(step)])
            found.append((steps, task in text, plan in text, failure in text))
            compacted = False
    return found


def real(model: str, turns: int, folder: Path) -> None:
    """Let a real model go on in a small window; print what its compactions kept."""
    top = repository(folder)
    (top / "calc.py").write_text(CODE)
    (top / "test_calc.py").write_text(TESTS)
    plan = [{"text": "repair add in calc.py", "state": "doing"}, {"text": "document the files"}]
    begun = [
        {"calls": [{"plan": {"items": plan}}]},
        {"calls": [{"check": {}}]},
        {"say": "add subtracts."},
    ]
    script = folder / "begun.yaml"
    script.write_text(json.dumps(begun))
    common = ["--autonomy", "edit", "--max-steps", "4", "--max-wall-time", "120", "--json"]
    common += ["--check", f"{sys.executable} -m unittest"]
    _run(top, ["-p", "Find what is wrong", "-m", f"scripted:{script}", *common])
    started = time.monotonic()
    for turn in range(turns):
        prompt = ASKED[turn % len(ASKED)].format(turn % 50)
        _run(top, ["--continue", "-p", prompt, "-m", model, *common])
    events = _log(folder)
    steps = sum(isinstance(each, StepStarted) for each in events)
    made = [each for each in events if isinstance(each, HistoryCompacted)]
    print(f"{model} in {SMALL} tokens: {turns} turns, {steps} steps", end=", ")
    print(f"{time.monotonic() - started:.0f} s, {len(made)} compactions", end=" ")
    print(f"({sum(each.replaced > 0 for each in made)} summed up, the others masked)")
    for each in made:
        how = (
            f"{each.replaced} messages summed up" if each.replaced else f"{len(each.masked)} masked"
        )
        print(f"  {each.before:5} tokens became {each.after:5}: {how}")
    after = kept(events)
    for place, what in enumerate(("the task", "the plan", "the last failure"), 1):
        held = sum(bool(row[place]) for row in after)
        print(f"  word for word in the request after it: {what} {held} of {len(after)}")
    _replayed(events)


def _replayed(events: Sequence[Base]) -> None:
    found = asyncio.run(again(events))
    print(f"done again over its log: {found.events:,} events compared", end=", ")
    print(f"{len(found.differences)} of {found.turns} turns went otherwise")
    for each in found.differences:
        print(f"  {each}")


def _run(top: Path, words: list[str]) -> None:
    done = subprocess.run(
        [str(AGENT), "run", *words],
        cwd=top,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if not done.stdout:
        raise SystemExit(done.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--model", default="", help="a local model, for the second part")
    parser.add_argument("--turns", type=int, default=30)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="wisp-session-") as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        os.environ["WISP_CONTEXT"] = str(LARGE)
        if given.steps:
            scripted(given.steps, repository(folder), folder)
    if not given.model:
        return
    with tempfile.TemporaryDirectory(prefix="wisp-session-") as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        os.environ["WISP_CONTEXT"] = str(SMALL)
        real(given.model, given.turns, folder)


if __name__ == "__main__":
    main()

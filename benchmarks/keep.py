"""What keeping sessions costs: an event in the log, going on with a long one, the list of many.

    python benchmarks/keep.py [--runs N]

Seconds of CPU as the kernel counts them, medians of rounds, with `python -c pass` and a session
that has just begun measured in the same rounds: machines are shared, so read the differences.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from harness import AGENT, whole

from agent.events import (
    Base,
    CallDecided,
    MemoryKept,
    MessageFinished,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.log import LogWriter
from agent.messages import AssistantMessage, Usage
from agent.policy import Verdict
from agent.session import Session
from agent.sessions import folder, kept
from agent.summary import Summary
from sandbox.base import Containment
from tools.base import Effect, ToolCall, ToolResult

EVENTS, SESSIONS = 10_000, 1_000
STEPS = 10  # in a turn
FILES = 100  # that were seen


def story(count: int, session: str) -> list[Base]:
    """Return the events of a session in which every step reads a file of 150 lines."""
    events: list[Base] = [
        SessionStarted(
            id=session,
            cwd="/work",
            model="m",
            autonomy=3,
            effort=2,
            containment=Containment.FULL,
            system="You are measured. " * 150,
        )
    ]
    calls = 0
    while len(events) < count:
        events.append(TurnStarted(prompt="Mend the parser, please. " * 8))
        for step in range(1, STEPS + 1):
            calls += 1
            call = ToolCall(
                id=f"c{calls}", name="read", arguments={"path": f"src/m{calls % FILES}.py"}
            )
            message = AssistantMessage(text="I look. " * 8, calls=(call,), tokens=(*range(60),))
            events += [
                StepStarted(step=step),
                MessageFinished(message=message, usage=Usage(input=5000, output=60)),
                ToolRequested(call=call),
                CallDecided(
                    call_id=call.id,
                    effects=(Effect.READ,),
                    verdict=Verdict.ALLOW,
                    reason="level RUN allows READ (table, row 3)",
                    containment=Containment.FULL,
                ),
                ToolStarted(call_id=call.id),
                ToolFinished(
                    call_id=call.id, result=ToolResult(text="    x = 1  # a line of it\n" * 150)
                ),
            ]
        events.append(TurnFinished(outcome="done", text="Done."))
        events.append(MemoryKept(seen={f"src/m{n}.py": "0" * 64 for n in range(FILES)}))
    now = time.time()
    return [each.model_copy(update={"seq": n, "time": now}) for n, each in enumerate(events, 1)]


def write(path: Path, events: list[Base]) -> float:
    """Append them all; return the CPU seconds."""
    started = time.process_time()
    writer = LogWriter(path)
    for event in events:
        writer.write(event)
    writer.close()
    return time.process_time() - started


def spent(action: object) -> float:
    started = time.process_time()
    assert callable(action)
    action()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="wisp-keep-") as name:
        measure(Path(name).resolve(), runs)


def measure(place: Path, runs: int) -> None:
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    os.environ["WISP_CONTEXT"] = "10000000"  # what a compaction costs is another question
    root, many = place / "work", place / "many"
    for each in (root, many):
        (each / "src").mkdir(parents=True)
        for number in range(FILES):
            (each / f"src/m{number}.py").write_text("    x = 1  # a line of it\n" * 150)
    long = story(EVENTS, "20260101-000000-aaaaaa")
    appended = [write(place / f"{number}.jsonl", long) for number in range(runs)]
    path = folder(root) / "20260101-000000-aaaaaa.jsonl"
    path.parent.mkdir(parents=True)
    shutil.copy(place / "0.jsonl", path)
    write(place / "short.jsonl", story(150, "20260101-000000-bbbbbb"))
    folder(many).mkdir()
    for number in range(SESSIONS):
        shutil.copy(place / "short.jsonl", folder(many) / f"20260101-{number:06d}-bbbbbb.jsonl")
    script = place / "s.json"
    script.write_text(json.dumps([{"say": "Done."}]))
    run = [str(AGENT), "run", "-p", "x", "-m", f"scripted:{script}"]
    rows: dict[str, list[float]] = {}

    def add(row: str, seconds: float) -> None:
        rows.setdefault(row, []).append(seconds)

    def reopen() -> None:
        session = Session(path.stem, path)
        session.reopen()
        session.close()

    for _ in range(runs):
        copy = shutil.copy(path, place / "kept")
        add("python -c pass", whole([sys.executable, "-c", "pass"], root)[0])
        add(
            "a turn of a new session",
            whole([*run, "-C", str(many), "--autonomy", "observe"], root)[0],
        )
        add("a turn that goes on with the long one", whole([*run, "-c"], root)[0])
        shutil.copy(copy, path)
        add("  of it: reading and folding the log", spent(reopen))
        add(
            "agent sessions list, of as many",
            whole([str(AGENT), "sessions", "list", "-C", str(many)], root)[0],
        )
        add(
            "  of it: reading first and last lines",
            spent(lambda: [Summary.of(e) for e in kept(many)]),
        )
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    print(f"{len(long):,} events in {size}; {SESSIONS:,} sessions of 150 events")
    print(f"{statistics.median(appended) / len(long) * 1e6:8.0f} µs   an event appended to a log")
    for row, seconds in rows.items():
        print(f"{statistics.median(seconds):8.3f} s    {row}")


if __name__ == "__main__":
    main()

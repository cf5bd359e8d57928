"""What the screen costs: to launch, idle, after a long session, and for each key.

    python benchmarks/screen.py [--runs N]

Each figure stands beside a bare Textual app (a header of nothing, a column, an input) on a terminal
of the same size in the same rounds. CPU is that of the whole tree of processes, as the kernel
counts it, memory that of the interface's own process. The model is scripted, so there is no model
in any of it. Key to paint is wall time on a terminal: from writing a key to reading what it drew.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

import yaml
from harness import AGENT
from keep import story

from agent.log import LogWriter
from agent.sessions import folder

COLUMNS, ROWS = 120, 40
SETTLE_S, IDLE_S = 4.0, 10.0
TICK = os.sysconf("SC_CLK_TCK")
KEYS = 60
EVENTS = 20_000
STEPS = 50
LETTERS = "αβγδεζηθικλμνξοπρστυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюяљњћџђѓќ"
BARE = """
from textual.app import App
from textual.containers import VerticalScroll
from textual.widgets import Input, Static
class Bare(App):
    def compose(self):
        yield VerticalScroll(*[Static(f"line {n}") for n in range(%d)])
        yield Input()
    def on_mount(self):
        self.query_one(Input).focus()
Bare().run()
"""
NOISE = (
    '! python3 -uc \'import time; [(print(n, "of what a command says while somebody types"),'
    " time.sleep(0.01)) for n in range(4000)]'"
)


class Seat:
    """A program on a terminal of its own."""

    def __init__(self, argv: list[str], cwd: Path) -> None:
        self.seen = bytearray()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            whole = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execvpe(argv[0], argv, whole)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)

    def watch(self, seconds: float, until: bytes = b"") -> bool:
        """Read what is drawn for so long, or until it is there."""
        end, start = time.monotonic() + seconds, len(self.seen)
        while (left := end - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                try:
                    self.seen += os.read(self._fd, 1 << 16)
                except OSError:
                    return False
                if until and until in self.seen[start:]:
                    return True
        return not until

    def type(self, text: str) -> None:
        """Type."""
        os.write(self._fd, text.encode())

    def cpu(self, pid: int | None = None) -> float:
        """Return the seconds of CPU of the tree so far."""
        pid = pid or self.pid
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total = sum(map(int, fields[11:15])) / TICK
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    total += self.cpu(int(child))
        except OSError:
            return 0.0
        return total

    def memory(self) -> float:
        """Return the resident memory of the program itself, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self) -> None:
        """Kill it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def settled(seat: Seat) -> float:
    """Wait until less than 6 % of a core was used for three seconds; return the CPU until then."""
    seat.watch(SETTLE_S - 3)
    while True:
        before = seat.cpu()
        seat.watch(3)
        if seat.cpu() - before < 0.18:
            return seat.cpu()


def per_key(seat: Seat) -> float:
    """Return the CPU of a typed character, in milliseconds."""
    before = seat.cpu()
    for number in range(KEYS):
        seat.type("abcdefghij "[number % 11])
        seat.watch(0.1)
    return (seat.cpu() - before) / KEYS * 1000


def idle(seat: Seat) -> float:
    """Return how much of a core it uses when nothing happens, in per cent."""
    before = seat.cpu()
    seat.watch(IDLE_S)
    return (seat.cpu() - before) / IDLE_S * 100


def paints(seat: Seat) -> list[float]:
    """Return how long each key took to be drawn, in milliseconds."""
    took = []
    for letter in LETTERS[:KEYS]:
        start = time.perf_counter()
        seat.type(letter)
        if seat.watch(5, until=letter.encode()):
            took.append((time.perf_counter() - start) * 1000)
        seat.watch(0.05)
    return sorted(took)


def bare(rows: int) -> list[str]:
    """Return the command of a bare Textual app with so many widgets."""
    return [sys.executable, "-c", BARE % rows]


def script(path: Path, *replies: dict[str, object]) -> str:
    """Write a script; return the name of the model."""
    path.write_text(yaml.safe_dump(list(replies)), encoding="utf-8")
    return f"scripted:{path}"


def median(values: list[float], form: str) -> str:
    """Return the median, with the least and the most."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}} [{low:{form}}-{high:{form}}]"


def launches(runs: int, work: Path) -> None:
    """Print what a launch, idleness and a key cost, beside the bare app."""
    model = script(work.parent / "m.yaml", {"say": "Hello."})
    kinds = {
        "bare Textual, 0 widgets": bare(0),
        "bare Textual, 1,000 widgets": bare(1000),
        "agent": [str(AGENT), "-m", model],
    }
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in kinds}
    for _ in range(runs):
        for name, argv in kinds.items():
            seat = Seat(argv, work)
            start = settled(seat)
            found[name].append((start, idle(seat), seat.memory(), per_key(seat)))
            seat.end()
    print(f"{'':28} {'launch, CPU s':20} {'idle, % of a core':20} {'MB':16} ms a key")
    for name, rows in found.items():
        start, still, memory, key = ([row[at] for row in rows] for at in range(4))
        told = [median(start, ".2f"), median(still, ".1f"), median(memory, ".0f")]
        print(f"{name:28} {told[0]:20} {told[1]:20} {told[2]:16} {median(key, '.1f')}")
    print("aims: launch 0.9 s where bare takes 0.45 (so twice bare), idle 1 %, 90 MB, 6 ms a key")


def long_session(work: Path) -> None:
    """Print what it costs after a session of many steps."""
    for number in range(STEPS):
        (work / f"m{number}.py").write_text("x = 1  # a line of it\n" * 95)
    steps = [
        {"say": f"I look at part {n}.", "calls": [{"read": {"path": f"m{n}.py"}}]}
        for n in range(STEPS)
    ]
    model = script(work.parent / "long.yaml", *steps, {"say": "All read."})
    seat = Seat([str(AGENT), "-m", model, "--max-steps", "99"], work)
    settled(seat)
    before = seat.memory()
    seat.type("read them all\r")
    assert seat.watch(120, until=b"All read."), "the session did not end"
    seat.watch(3)
    print(
        f"after {STEPS} steps: {before:.0f} -> {seat.memory():.0f} MB (aim 110), "
        f"{per_key(seat):.1f} ms a key (aim 6), idle {idle(seat):.1f} % of a core (aim 1)"
    )
    seat.end()


def while_it_works(work: Path) -> None:
    """Print how long a key takes to be drawn in a long session, still and while events arrive."""
    log = folder(work) / "20260101-000000-abcdef.jsonl"
    writer = LogWriter(log)
    events = story(EVENTS, log.stem)
    for number, event in enumerate(events, 1):
        writer.write(event.model_copy(update={"seq": number, "time": 1.7e9 + number / 10}))
    writer.close()
    model = script(work.parent / "quiet.yaml", {"say": "Over."})
    seat = Seat([str(AGENT), "-m", model, "-r", str(log), "--autonomy", "run"], work)
    start = settled(seat)
    print(f"going on with {len(events):,} events: {start:.2f} s CPU, {seat.memory():.0f} MB")
    told("still", paints(seat))
    seat.type(f"\x15{NOISE}\r")
    assert seat.watch(60, until=b"9 of what a command says"), "nothing comes"
    seat.watch(2)
    before, at = seat.cpu(), time.monotonic()
    told("100 events a second", paints(seat))
    share = (seat.cpu() - before) / (time.monotonic() - at) * 100
    print(f"  {share:.0f} % of a core meanwhile, the command itself included")
    seat.end()


def told(what: str, took: list[float]) -> None:
    """Print the middle and the end of what keys took."""
    assert len(took) > KEYS * 0.9, f"only {len(took)} of {KEYS} keys were seen"
    end = took[int(len(took) * 0.95)]
    print(f"  key to paint, {what}: median {statistics.median(took):.0f} ms, p95 {end:.0f} ms")


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--runs", type=int, default=5)
    runs = given.parse_args().runs
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"terminal {COLUMNS}x{ROWS}, {runs} rounds; median [least-most]")
    with tempfile.TemporaryDirectory(prefix="wisp-screen-", dir=Path.home()) as place:
        home = Path(place)
        for name in ("CONFIG", "STATE", "CACHE", "DATA"):
            os.environ[f"XDG_{name}_HOME"] = str(home / name.lower())
        work = home / "work"
        work.mkdir()
        launches(runs, work)
        long_session(work)
        while_it_works(work)


if __name__ == "__main__":
    main()

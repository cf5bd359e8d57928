"""What the harness itself costs: start, first request, each step, memory, the opening tokens.

    python benchmarks/harness.py [--runs N] [--model NAME]

Every figure is CPU seconds (user and system, children that have ended included) as the kernel
counts them, taken from outside. `python -c pass` is measured in the same rounds, round robin, so
read the ratios: machines are shared. Model replies are scripted and instantaneous, but for the row
with a local model, where the model's own process is counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
AGENT = Path(sys.executable).parent / "agent"
TICKS = os.sysconf("SC_CLK_TCK")
STEPS = 500


def whole(command: list[str], cwd: Path) -> tuple[float, int]:
    """Run to the end; return CPU seconds with all that it waited for, and its peak memory in kB."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss


def cpu(pid: int) -> float:
    """Return the CPU seconds of a running process and of its ended children.

    Its own are exact; those of children are counted in the kernel's ticks, mostly of 10 ms.
    """
    own = time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it on Linux
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return own + sum(map(int, fields[13:15])) / TICKS


def resident(pid: int) -> float:
    """Return the resident memory of a running process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def script(folder: Path, steps: int, pauses: tuple[int, ...] = ()) -> Path:
    """Write a script of reads; before the replies to `pauses` it waits, so that we can look."""
    replies = []
    for number in range(1, steps + 1):
        path = f"file{number % 50}.py"
        reply: dict[str, object] = {"calls": [{"read": {"path": path, "start": number // 50 + 1}}]}
        if number in pauses:
            reply["pause"] = 1.0
        replies.append(reply)
    replies.append({"say": "done"})
    path = folder / f"script{steps}.yaml"
    path.write_text(json.dumps(replies))  # JSON is YAML
    return path


def repository(folder: Path) -> Path:
    """Make a repository of fifty small files."""
    top = folder / "repo"
    top.mkdir()
    for number in range(50):
        body = "\n".join(f"def f{number}_{i}(x):\n    return x + {i}\n" for i in range(12))
        (top / f"file{number}.py").write_text(body)
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *words], cwd=top, check=True)
    return top


@contextlib.contextmanager
def running(command: list[str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start with the event stream on a pipe, and end it afterwards."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_request(model: str, cwd: Path) -> tuple[float, float, float]:
    """Return CPU seconds, wall seconds and MB from the start to the first request to the model."""
    started = time.monotonic()
    with running([str(AGENT), "run", "-p", "go on", "-m", model, "--json"], cwd) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "step_started":
                return cpu(process.pid), time.monotonic() - started, resident(process.pid)
    raise SystemExit("the run ended before its first request")


def steps(cwd: Path, folder: Path) -> list[tuple[int, float, float]]:
    """Return (step, CPU milliseconds a step over the ten before it, MB) at steps 5, 50, 500."""
    marks = (5, 50, STEPS)
    looks = {number for mark in marks for number in (max(mark - 10, 1), mark)}
    model = f"scripted:{script(folder, STEPS + 1, tuple(looks))}"
    command = [str(AGENT), "run", "-p", "read", "-m", model, "--json", "--max-steps", "1000"]
    os.environ["WISP_CONTEXT"] = "1000000"  # what is measured is a long history, not compaction
    seen: dict[int, tuple[float, float]] = {}
    with running(command, cwd) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "step_started" and event["step"] in looks:
                time.sleep(0.2)  # let it come to rest in its pause
                seen[event["step"]] = (cpu(process.pid), resident(process.pid))
    rows = []
    for mark in marks:
        before = max(mark - 10, 1)
        spent = (seen[mark][0] - seen[before][0]) / (mark - before)
        rows.append((mark, 1000 * spent, seen[mark][1]))
    return rows


def checkpoints(cwd: Path, folder: Path) -> float:
    """Return CPU milliseconds of a step with a checkpoint over one without."""

    def total(calls: list[dict[str, object]]) -> float:
        path = folder / "calls.yaml"
        path.write_text(json.dumps([*({"calls": [call]} for call in calls), {"say": "done"}]))
        return whole([str(AGENT), "run", "-p", "x", "-m", f"scripted:{path}", "--json"], cwd)[0]

    runs = 20
    shell: list[dict[str, object]] = [{"shell": {"command": f"true {n}"}} for n in range(runs)]
    read: list[dict[str, object]] = [{"read": {"path": f"file{n}.py"}} for n in range(runs)]
    return 1000 * (total(shell) - total(read)) / runs


def opening(cwd: Path, model: str) -> int:
    """Return the tokens of the first request as the local model itself counts them."""
    command = [str(AGENT), "run", "-p", "go on", "-m", model, "--json", "--max-steps", "1"]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return int(json.loads(done.stdout.splitlines()[-1])["usage"]["input"])


def spread(values: list[float]) -> str:
    """Return the median with the least and the most."""
    return f"{statistics.median(values):.3f} [{min(values):.3f}-{max(values):.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="", help="a local model, for its rows")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {options.runs} rounds")
    with tempfile.TemporaryDirectory(prefix="wisp-bench-") as name:
        folder = Path(name)
        top = repository(folder)
        waiting = f"scripted:{script(folder, 1, (1,))}"
        first_request(waiting, top)  # warm: bytecode, page cache
        rows: dict[str, list[float]] = {}
        memory: list[float] = []
        for _ in range(options.runs):
            for label, command in {
                "python -c pass": [sys.executable, "-c", "pass"],
                "agent --version": [str(AGENT), "--version"],
                "agent --help": [str(AGENT), "--help"],
            }.items():
                rows.setdefault(label, []).append(whole(command, top)[0])
            used, _, mb = first_request(waiting, top)
            rows.setdefault("first request, scripted", []).append(used)
            memory.append(mb)
            if options.model:
                used, _, _ = first_request(options.model, top)
                rows.setdefault("first request, local", []).append(used)
        base = statistics.median(rows["python -c pass"])
        for label, values in rows.items():
            ratio = statistics.median(values) / base
            print(f"{label:26} {spread(values)} s CPU  {ratio:5.1f} x python -c pass")
        print(f"{'memory at first request':26} {statistics.median(memory):.0f} MB")
        for step, spent, mb in steps(top, folder):
            print(f"step {step:<4} {spent:6.1f} ms CPU a step, {mb:.0f} MB")
        print(
            f"checkpoint and sandboxed command: {checkpoints(top, folder):.1f} ms CPU more a step"
        )
        if options.model:
            print(f"opening request: {opening(top, options.model)} tokens ({options.model})")


if __name__ == "__main__":
    main()

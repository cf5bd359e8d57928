"""SIGKILL at random moments: a readable log, a whole tree, and nothing that goes on."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sessions import living
from support import AGENT, UNITTEST, agent, picture, put, script

from agent import log
from agent.events import SessionStarted, ToolFinished, ToolRequested, TurnFinished, TurnStarted
from agent.tree import STAGING
from sandbox.walking import half_written

AT_ONCE = 3
LOOKS = 3  # in a row that find nothing

CALC = "def add(a, b):\n    return a - b\n" + "X = 1\n" * 2_000
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
OLD = {"calc.py": CALC, "test_calc.py": TESTS}
# what each file may hold afterwards, whole
APPLIED = {
    "calc.py": {CALC, CALC.replace("a - b", "a + b")},
    "test_calc.py": {TESTS, TESTS + "\nY = 1\n" * 2_000},
    "made.txt": {"made\n" * 9_000},
    "touched": {""},
}
RUN: list[Mapping[str, Any] | str] = [
    {"calls": [{"read": {"path": "test_calc.py"}}, {"search": {"pattern": "def add"}}]},
    {"calls": [{"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}]},
    {"calls": [{"write": {"path": "test_calc.py", "content": TESTS + "\nY = 1\n" * 2_000}}]},
    {"calls": [{"shell": {"command": "(sleep 36 &) ; touch touched; sleep 0.3"}}]},
    {"calls": [{"write": {"path": "made.txt", "content": "made\n" * 9_000}}]},
    "Done.",
]
WRONG, GOOD = (f"def add(a, b):\n    return a {sign} b\n" for sign in "*+")
FIX: list[Mapping[str, Any] | str] = [{"samples": [text]} for text in (WRONG, GOOD)]
EVENTS = {"run": 28, "fix": 34}  # about as many as an undisturbed one emits


@dataclass(frozen=True)
class Moment:
    """When it is killed: a while after a number of events, or after its start for none."""

    kind: str
    events: int
    delay: float  # seconds

    @classmethod
    def any(cls, chance: random.Random) -> Moment:
        kind = chance.choice(["run", "fix"])
        events = chance.randrange(EVENTS[kind])
        return cls(kind, events, chance.uniform(0, 0.15 if events else 0.6))


def killed(root: Path, moment: Moment, models: dict[str, str]) -> str:
    """Kill one at its moment; return what is wrong afterwards, or nothing."""
    put(root, OLD)
    words = [str(AGENT), moment.kind, "add is wrong", "-m", models[moment.kind]]
    process = subprocess.Popen(
        [*words, "--json", "--check", UNITTEST],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    hung = threading.Timer(60, process.kill)
    hung.start()
    for count, _ in enumerate(process.stdout, 1):
        if count >= moment.events:
            break
    time.sleep(moment.delay)
    hung.cancel()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wrong = "".join(
        f"{path}: {data[:60]!r} is neither old nor new; "
        for path, data in picture(root).items()
        # a half-written file stands beside the one it was to replace, until the next start
        if data.decode() not in APPLIED.get(path, ()) and not half_written(path)
    )
    missing = OLD.keys() - picture(root).keys()
    return wrong + (f"missing: {missing}; " if missing else "") + remains(root)


def remains(root: Path) -> str:
    """Say which processes or mounts are left, once what the kernel ends had its time to end."""
    deadline = time.monotonic() + 10
    empty = 0
    # one look misses what is cloned while it looks
    while empty < LOOKS and time.monotonic() < deadline:
        empty = 0 if living(str(root)) else empty + 1
        time.sleep(0.02)  # nothing tells of the end of a stranger's process
    left = [command_line(pid) for pid in living(str(root))]
    mounts = [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(root) in line
    ]
    return (f"processes: {left}; " if left else "") + (f"mounts: {mounts}; " if mounts else "")


def command_line(pid: int) -> bytes:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()[:200]
    except OSError:
        return b"gone by now"


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [12, pytest.param(120, marks=pytest.mark.long)])
def test_a_kill_at_any_moment_leaves_everything_whole(
    tmp_path: Path, home: Path, kills: int
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    moments = [Moment.any(chance) for _ in range(kills)]
    models = {
        "run": script(tmp_path / "run.yaml", *RUN),
        "fix": script(tmp_path / "fix.yaml", *FIX),
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = list(
            pool.map(
                lambda item: killed(tmp_path / f"work-{item[0]}-", item[1], models),
                enumerate(moments),
            )
        )
    assert [(moment, said) for moment, said in zip(moments, wrong, strict=True) if said] == []
    logs = sorted((home / "state/wisp/sessions").rglob("*.jsonl"))
    assert len(logs) > kills // 2, "most of them had begun"
    torn = 0
    for file in logs:
        view = log.read(file)
        torn += view.torn
        assert view.damage == []
        kinds = [type(each) for each in view.events]
        assert kinds[:1] in ([], [SessionStarted])
        assert kinds.count(TurnStarted) == kinds.count(TurnFinished)
        assert kinds.count(ToolRequested) == kinds.count(ToolFinished)
    print(f"{len(logs)} logs, {torn} with a torn last line")
    tidy = script(tmp_path / "tidy.yaml", {"calls": [{"shell": {"command": "true"}}]}, "Done.")
    for root in tmp_path.glob("work-*"):
        if any(half_written(path) for path in picture(root)):
            agent("run", "-p", "tidy", "-m", tidy, cwd=root)
            assert not any(half_written(path) for path in picture(root)), "the next start sweeps"
    after = put(tmp_path / "after", OLD)
    ended = agent("fix", "-m", models["fix"], "--check", UNITTEST, cwd=after)
    assert ended.code == 0, ended.err
    copies = [each for each in (home / "cache/wisp/copies").iterdir() if each.is_dir()]
    assert copies == [], "what the killed ones left was swept"


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [6, pytest.param(80, marks=pytest.mark.long)])
def test_a_kill_while_going_back_mixes_nothing_and_loses_nothing(
    tmp_path: Path, kills: int
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    root = put(tmp_path / "work", OLD)
    model = script(tmp_path / "run.yaml", *RUN)
    agent("run", "go", "-m", model, cwd=root)
    old, new = {path: data.encode() for path, data in OLD.items()}, picture(root)
    assert len(new) == len(APPLIED)
    whole = {path: {data} for path, data in new.items()}
    for path, data in old.items():
        whole.setdefault(path, set()).add(data)
    for number in range(kills):
        back = number % 2 == 0
        words = ("rewind", "1", "--files") if back else ("undo", "--redo")
        process = subprocess.Popen(
            [str(AGENT), *words],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.1, 0.8))
        process.kill()
        process.wait()
        for path, data in picture(root).items():
            # what was to be put in place stands in a folder beside, until the next time
            beside = half_written(path) or path.startswith(STAGING)
            assert beside or data in whole[path], f"{path} is neither old nor new"
        if back:
            again = agent(*words, cwd=root)
            assert (again.code, picture(root)) == (0, old), again
            continue
        again = agent(*words, cwd=root)  # it may have come to its end
        assert again.code == 0 or "no undo" in again.err, again
        assert picture(root) == new
    assert remains(root) == ""

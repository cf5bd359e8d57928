"""A repair is done again in its tree, with its tests, over what the model said then."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support import AGENT, UNITTEST, Ended, agent, picture, put, script

from sandbox.descendants import descendants

PROJECT = Path(__file__).parents[2]
CALC = "def add(a, b):\n    return a\n\n\ndef twice(a):\n    return a * 2\n"
TESTS = """import unittest
from calc import add, twice

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""
TREE: dict[str, str | bytes] = {"calc.py": CALC, "test_calc.py": TESTS}
CHECK = ("--check", f"{UNITTEST} test_calc")
START = "import sys; from agent.entry import main; sys.exit(main())"
EDIT = {"edit": {"path": "calc.py", "old": "return a\n", "new": "return a + b\n"}}
WRONG = {"samples": ["    return a * b\n"]}
FORKS = {"forks": [{"at": 8, "piece": " +", "logprob": -0.5}]}
GOOD = {"samples": [" b"]}
ELSEWHERE = {"remote": "api.test"}

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("written")]


@pytest.fixture
def root(tmp_path: Path, home: object) -> Path:
    return put(tmp_path / "work", TREE)


def fixed(root: Path, *replies: Mapping[str, Any] | str, words: tuple[str, ...] = ()) -> int:
    """Repair the tree by a script, and put it back as it was; return the exit code."""
    name = script(root.parent / "s.yaml", *replies)
    ended = agent("fix", "add loses b", "-m", name, *CHECK, *words, cwd=root)
    put(root, TREE)
    return ended.code


def again(root: Path, *check: str) -> Ended:
    return agent("sessions", "replay", "--strict", *check, cwd=root)


REPAIRS: dict[str, tuple[int, tuple[Mapping[str, Any] | str, ...], tuple[str, ...]]] = {
    "slips, and another way to write it": (
        0,
        (WRONG, FORKS, GOOD),
        ("--effort", "1", "--rungs", "slip,edit,rewrite,vary"),
    ),
    "none is found": (1, (WRONG,), ("--effort", "0", "--rungs", "rewrite")),
    "with tools in a copy, at the second attempt": (
        0,
        (ELSEWHERE, "It is fine.", {"calls": [EDIT]}, "It adds."),
        ("--rungs", "loop"),
    ),
    "by words of a model elsewhere": (
        1,
        (ELSEWHERE, "```python\ndef add(a, b):\n    return b\n```"),
        ("--effort", "0", "--rungs", "rewrite"),
    ),
}


@pytest.mark.parametrize(("code", "replies", "words"), REPAIRS.values(), ids=list(REPAIRS))
def test_it_does_the_same_and_changes_nothing(
    code: int, replies: tuple[Mapping[str, Any] | str, ...], words: tuple[str, ...], root: Path
) -> None:
    assert fixed(root, *replies, words=words) == code
    before = picture(root)
    ended = again(root, *CHECK)
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert "note:" not in ended.err and ended.err.startswith("1 turn, ")
    compared = int(ended.err.split(", ")[1].split()[0])
    assert compared > 10
    assert picture(root) == before


def test_a_change_of_what_the_model_is_asked_is_found(root: Path, tmp_path: Path) -> None:
    assert fixed(root, WRONG, words=("--effort", "0", "--rungs", "rewrite")) == 1
    for package in ("agent", "tools", "sandbox"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / package, tmp_path / "changed" / package, ignore=leave)
    source = tmp_path / "changed" / "agent" / "repair" / "prompts.py"
    text = source.read_text()
    assert "fails" in text
    source.write_text(text.replace("fails", "does fail"))
    done = subprocess.run(
        [sys.executable, "-c", START, "sessions", "replay", "--strict", *CHECK],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "changed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Sampled: `messages.2.text` was " in done.stdout and "does fail" in done.stdout


def test_what_it_cannot_be_compared_with_is_said(root: Path) -> None:
    words = ("--effort", "1", "--rungs", "slip,edit,rewrite,vary")
    assert fixed(root, WRONG, FORKS, GOOD, words=words) == 0
    policy = again(root)
    assert policy.code == 0 and "not done again without --check" in policy.err
    put(root, {"calc.py": CALC + "\n\nMORE = 1\n"})
    ended = again(root, *CHECK)
    assert ended.code == 0 and "not as they were (calc.py): agent undo" in ended.err
    put(root, TREE)
    other = again(root, "--check", UNITTEST)
    assert other.code == 1 and "turn 1, step 0: PhaseStarted" in other.out


def test_of_a_log_from_anywhere_nothing_reaches_beyond_the_copy(root: Path, home: Path) -> None:
    """A log may say that a call was allowed; who does it again never said so."""
    look = {"calls": [{"shell": {"command": "touch /tmp/x", "network": True}}]}
    words = ("--rungs", "loop", "--effort", "1")
    assert fixed(root, ELSEWHERE, look, "It is fine.", words=words) == 4
    (place,) = home.glob("state/wisp/sessions/*/*.jsonl")
    lies = place.read_text().replace('"verdict":"ask"', '"verdict":"allow"')
    lies = lies.replace('"autonomy":3', '"autonomy":4').replace(
        '"approved":false', '"approved":true'
    )
    place.write_text(lies)
    ended = again(root, *CHECK)
    assert (ended.code, ended.out) == (0, ""), "it stops there"
    assert "shell" in lies and int(ended.err.split(", ")[1].split()[0]) > 5


def test_ctrl_c_is_no_difference_and_leaves_nothing_running(root: Path) -> None:
    nap = "import subprocess\nsubprocess.run(['sleep', open('nap').read()])\n"
    put(root, {"test_calc.py": nap + TESTS, "nap": "0", ".gitignore": "nap\n"})
    name = script(root.parent / "s.yaml", WRONG)
    words = ("--effort", "0", "--rungs", "rewrite")
    assert agent("fix", "add loses b", "-m", name, *CHECK, *words, cwd=root).code == 1
    put(root, {"nap": "613"})  # which no checkpoint knows of
    before = picture(root)
    with subprocess.Popen(
        # what is started in the background may have been told to ignore it
        ["env", "--default-signal=INT", AGENT, "sessions", "replay", "--strict", *CHECK],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as replay:
        deadline = time.monotonic() + 60
        while not (napping := sleeping(replay.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        replay.send_signal(signal.SIGINT)
        out, err = replay.communicate(timeout=60)
    assert napping
    assert (replay.returncode, out) == (130, ""), err
    assert not any(Path(f"/proc/{pid}").exists() for pid in napping)
    assert picture(root) == before


def sleeping(pid: int) -> list[int]:
    """Return which of a process' descendants are the sleep of the tests."""
    found = []
    for each in descendants(pid):
        with suppress(OSError):
            if Path(f"/proc/{each}/cmdline").read_bytes() == b"sleep\x00613\x00":
                found.append(each)
    return found

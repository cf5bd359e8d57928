"""A session as a script: run as it says itself, in the same tree, it does the same again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support import AGENT, UNITTEST, Ended, agent, put, script

from agent.config import config_path, state_path
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    CheckFinished,
    Forked,
    HarnessSpoke,
    HistoryCompacted,
    MessageFinished,
    Sampled,
    Scored,
    SummaryGiven,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.log import read

CALC = "def add(a, b):\n    return a\n\n\ndef twice(a):\n    return a * 2\n"
TESTS = """import unittest
from calc import add, twice

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""
TREE: dict[str, str | bytes] = {"calc.py": CALC, "test_calc.py": TESTS, "long.txt": "word\n" * 900}
CHECK = ("--check", f"{UNITTEST} test_calc")
READ = {"read": {"path": "calc.py"}}
REPAIR = {"edit": {"path": "calc.py", "old": "return a\n", "new": "return a + b\n"}}
WORSE = {"edit": {"path": "calc.py", "old": "a * 2", "new": "a * 3"}}
BETTER = {"edit": {"path": "calc.py", "old": "a * 3", "new": "a * 2"}}
# what an event has that hangs on the clock, or on the file that the replies come from
UNLIKE = {"seq", "time", "seconds", "asked", "usage"}
CLOCK = re.compile(r"\d+\.\d+ ?s\b|in \d+\.\d+s|\d+ ms\b")
SAME = (
    *(TurnStarted, MessageFinished, SummaryGiven, ToolRequested, ToolFinished, HarnessSpoke),
    *(HistoryCompacted, AttemptStarted, AttemptFinished, Sampled, Scored, Forked, CheckFinished),
    TurnFinished,
)


def logs() -> list[Path]:
    return sorted(state_path().glob("sessions/*/*.jsonl"), key=lambda each: each.stat().st_mtime_ns)


def plain(value: Any) -> Any:
    match value:
        case dict():
            return {k: plain(each) for k, each in value.items() if k not in UNLIKE}
        case list():
            return [plain(each) for each in value]
        case str():
            return re.sub(r"scripted:\S+", "scripted:", CLOCK.sub("T", value))
        case _:
            return value


def told(log: Path) -> list[Any]:
    """What was said, called and found out in a session, without what the clock says."""
    events: list[Base] = list(read(log).events)
    return [plain(json.loads(each.model_dump_json())) for each in events if isinstance(each, SAME)]


class Bench:
    """A tree at one place, which is put back as it was before a session is run again."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = put(folder / "work", TREE), folder

    def ran(self, *words: str | Path, code: int = 0, **more: Any) -> Ended:
        ended = agent(*words, cwd=self.root, **more)
        assert ended.code == code, (ended.out, ended.err)
        return ended

    def exported(self) -> dict[str, Any]:
        """Export the last session; return the first item, which tells how to run it again."""
        self.ran("sessions", "export", "--out", "../bug.json", "--yes")
        (head, *_) = json.loads((self.folder / "bug.json").read_text())
        session: dict[str, Any] = head["session"]
        return session

    def again(self, session: Mapping[str, Any]) -> list[Any]:
        """Type what the export says, in the tree as it was; return what then happened."""
        shutil.rmtree(self.root)
        put(self.root, TREE)
        path = f"{AGENT.parent}{os.pathsep}{os.environ['PATH']}"
        for turn in session["turns"]:
            done = subprocess.run(
                ["sh", "-c", turn["run"]],
                cwd=self.root,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == turn["exit_code"], done.stderr.decode()
        return told(logs()[-1])


@pytest.fixture
def bench(tmp_path: Path, home: object) -> Iterator[Bench]:
    yield Bench(tmp_path)


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_a_repair_by_samples_scores_and_forks_is_done_again(bench: Bench) -> None:
    name = script(
        bench.folder / "s.yaml",
        {"samples": ["    return a * b\n"]},
        {"forks": [{"at": 8, "piece": " +", "logprob": -0.5}]},
        {"samples": [" b"]},
    )
    kinds = ("--effort", "1", "--rungs", "slip,edit,rewrite")
    bench.ran("fix", "add loses b", "-m", name, *CHECK, *kinds)
    first = told(logs()[-1])
    assert {each["type"] for each in first} >= {"scored", "forked", "sampled", "attempt_finished"}
    session = bench.exported()
    (turn,) = session["turns"]
    assert (turn["kind"], turn["outcome"], turn["needs"]) == ("fix", "done", [])
    assert bench.again(session) == first


def test_turns_with_parallel_calls_and_a_bad_one_are_done_again(bench: Bench) -> None:
    name = script(
        bench.folder / "s.yaml",
        {"think": "hm", "say": "I look.", "calls": [READ, {"search": {"pattern": "def"}}]},
        {"say": "oops", "problem": "That was no call."},
        {"calls": [{"nonsense": {"a": [1, None]}}, REPAIR]},
        "It's mended.",
    )
    words = ("-m", name, "--autonomy", "edit", "--allow", "shell: ls", "--max-steps", "9")
    bench.ran("run", "-p", "mend 'add'\n$(touch x)", *words, code=3)
    second = script(bench.folder / "t.yaml", {"calls": [READ]}, "It adds.", {"say": "not asked"})
    bench.ran("run", "-c", "-m", second, "--effort", "3", "-p", "-x?")
    first = told(logs()[-1])
    session = bench.exported()
    assert [each["effort"] for each in session["turns"]] == [2, 3]
    assert bench.again(session) == first
    assert not (bench.root / "x").exists()


def test_a_conversation_that_was_summed_up_is_so_again(bench: Bench) -> None:
    look = {"say": "so " * 700, "calls": [{"read": {"path": "long.txt", "end": 300}}]}
    name = script(bench.folder / "s.yaml", look, look, "Found: nothing.", look, "Done.", "Done.")
    bench.ran("run", "-p", "look", "-m", name, env={"WISP_CONTEXT": "2048"}, code=0)
    first = told(logs()[-1])
    kinds = [each["type"] for each in first]
    assert "summary_given" in kinds and "history_compacted" in kinds
    assert bench.again(bench.exported()) == first


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_a_strong_model_takes_over_again_in_its_own_words(bench: Bench) -> None:
    main = script(bench.folder / "m.yaml", {"calls": [REPAIR]}, {"calls": [WORSE]}, "Done.")
    strong = script(
        bench.folder / "st.yaml", {"remote": "api.test"}, {"calls": [BETTER]}, "Repaired."
    )
    rows = f"[models]\nmain = {json.dumps(main)}\nstrong = {json.dumps(strong)}\n"
    put(config_path().parent, {"config.toml": rows})
    bench.ran("run", "-p", "test_add fails", *CHECK, "--escalate", "2")
    first = told(logs()[-1])
    session = bench.exported()
    config_path().unlink()
    assert bench.again(session) == first
    items = json.loads((bench.folder / "bug.json").read_text())
    assert {"turn": 1, "by": "strong", "window": 8192, "remote": "api.test"} in items


def test_a_model_that_fails_does_so_again(bench: Bench) -> None:
    name = script(
        bench.folder / "s.yaml", {"remote": "api.test"}, {"calls": [READ]}, {"fails": "503"}
    )
    bench.ran("run", "-p", "look", "-m", name, code=75)
    first = told(logs()[-1])
    assert bench.again(bench.exported()) == first


def test_what_no_command_line_brings_back_is_said(bench: Bench) -> None:
    name = script(bench.folder / "s.yaml", {"calls": [READ]}, "It adds.")
    bench.ran("run", "-p", "what is this?", "-m", name, stdin=b"the log of a stranger\n")
    session = bench.exported()
    assert "printf '%s\\n' 'the log of a stranger' | agent run" in session["turns"][0]["run"]
    log = logs()[-1]
    lines = log.read_text().splitlines()
    old = [each for each in lines if '"type":"turn_finished"' not in each]
    (bench.folder / "old.jsonl").write_text("\n".join([*old, ""]))
    ended = bench.ran("sessions", "export", "../old.jsonl")
    turn = json.loads(ended.out)[0]["session"]["turns"][0]
    assert (turn["outcome"], turn["exit_code"]) == ("interrupted", 130)

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grammar import holds
from sessions import living
from support import AGENT, UNITTEST, Ended, agent, picture, put, result, script

from agent import log
from agent.events import UNLOGGED, Result, TurnStarted, parse

CALC = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return a * 2\n"
TESTS = """import unittest
from calc import add, twice

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""
REPAIR = {"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}
BREAK = {"edit": {"path": "calc.py", "old": "a * 2", "new": "a * 3"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})


@pytest.fixture
def run(tmp_path: Path, root: Path) -> Callable[..., Ended]:
    """Run `agent run` on a script of calls."""

    def go(*calls: dict[str, Any], words: tuple[str, ...] = (), **more: Any) -> Ended:
        replies: list[Any] = [{"calls": [call]} for call in calls]
        model = script(tmp_path / f"{secrets.token_hex(4)}.yaml", *replies, "Done.")
        prompt = more.pop("prompt", "do it")
        return agent("run", "-p", prompt, "-m", model, "--json", *words, cwd=root, **more)

    return go


CHECK = ("--check", f"{UNITTEST} test_calc")


def test_a_question_ends_with_0_and_leaves_the_tree(run: Callable[..., Ended], root: Path) -> None:
    before = picture(root)
    ended = run({"read": {"path": "calc.py"}})
    assert (ended.code, result(ended).outcome) == (0, "done")
    assert picture(root) == before


def test_the_stream_read_back_is_the_event_union_and_the_log(
    run: Callable[..., Ended], root: Path, home: Path
) -> None:
    ended = run(REPAIR, {"shell": {"command": "echo hello"}}, words=CHECK)
    events = [parse(line) for line in ended.out.splitlines()]
    holds(events)
    (file,) = (home / "state/wisp/sessions").rglob("*.jsonl")
    assert log.read(file).events == [each for each in events if not isinstance(each, UNLOGGED)]


def test_json_is_one_object_and_text_keeps_data_apart(root: Path, tmp_path: Path) -> None:
    replies = ({"calls": [REPAIR]}, "Repaired.")
    model = script(tmp_path / "s.yaml", *replies)
    ended = agent("-p", "x", "-m", model, "--output-format", "json", cwd=root)
    (line,) = ended.out.splitlines()
    told = parse(line)
    assert isinstance(told, Result)
    assert (told.text, told.files_changed, told.exit_code) == ("Repaired.", ("calc.py",), 3)
    assert "+    return a + b" in told.diff
    put(root, {"calc.py": CALC})
    ended = agent("-p", "x", "-m", model, cwd=root)
    assert ended.out.startswith("Repaired.\ndiff --git a/calc.py")
    assert "unverified" in ended.err and "unverified" not in ended.out


@pytest.mark.full
def test_a_repair_that_the_check_proves_ends_with_0(run: Callable[..., Ended]) -> None:
    ended = run(REPAIR, words=CHECK, prompt="test_add fails, repair it")
    told = result(ended)
    assert (ended.code, told.outcome) == (0, "done"), ended.err
    assert told.verification.targets == ("test_calc.T.test_add",)
    assert told.verification.newly_passing == ("test_calc.T.test_add",)
    assert (told.verification.strength, told.verification.runs) == ("tests", 2)


@pytest.mark.full
def test_a_target_that_stays_red_ends_with_3(run: Callable[..., Ended], root: Path) -> None:
    ended = run(
        {"write": {"path": "notes.txt", "content": "hm"}}, words=CHECK, prompt="repair test_add"
    )
    assert (ended.code, result(ended).outcome) == (3, "unverified")
    assert "test_add failed" in result(ended).verification.reason


@pytest.mark.full
def test_old_red_tests_are_not_counted_where_the_prompt_names_none(
    run: Callable[..., Ended],
) -> None:
    ended = run({"write": {"path": "notes.txt", "content": "hm"}}, words=CHECK)
    assert ended.code == 0
    assert result(ended).verification.after.failed == 1


@pytest.mark.full
def test_a_test_that_passed_before_and_fails_now_ends_with_3(run: Callable[..., Ended]) -> None:
    ended = run(REPAIR, BREAK, words=CHECK)
    assert ended.code == 3
    assert result(ended).verification.newly_failing == ("test_calc.T.test_twice",)


def test_a_check_that_the_model_ran_is_the_check(run: Callable[..., Ended], root: Path) -> None:
    (root / "Makefile").write_text(f"test:\n\t{UNITTEST} test_calc\n")
    (root / "test_calc.py").rename(root / "exam.py")  # nothing but make finds it
    (root / "Makefile").write_text(f"test:\n\t@{UNITTEST} exam\n")
    ended = run(REPAIR, {"check": {}})
    told = result(ended).verification
    assert (ended.code, told.strength, told.commands) == (0, "exit-status", ("make test",))


def test_an_approval_that_is_missing_ends_with_4(run: Callable[..., Ended], root: Path) -> None:
    before = picture(root)
    ended = run(REPAIR, words=("--autonomy", "ask"))
    assert (ended.code, result(ended).outcome) == (4, "blocked")
    assert result(ended).permission_denials
    assert picture(root) == before


@pytest.mark.full
def test_a_verified_change_ends_with_0_although_a_call_was_denied(
    run: Callable[..., Ended],
) -> None:
    outside = {"read": {"path": "/etc/hostname"}}
    ended = run(outside, REPAIR, words=CHECK)
    assert (ended.code, len(result(ended).permission_denials)) == (0, 1)


def test_the_limit_on_steps_ends_with_5(run: Callable[..., Ended]) -> None:
    ended = run(REPAIR, {"read": {"path": "calc.py"}}, words=("--max-steps", "1"))
    assert (ended.code, result(ended).outcome) == (5, "limit")
    assert result(ended).files_changed == ("calc.py",)


def test_a_script_that_ends_too_soon_is_a_model_that_cannot_be_used(root: Path) -> None:
    model = script(root.parent / "s.yaml")
    ended = agent("-p", "x", "-m", model, cwd=root)
    assert ended.code == 2 and len(ended.errors) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["model", "command"])
def test_a_signal_ends_the_turn_and_all_it_started(
    root: Path, number: int, code: int, moment: str, home: Path
) -> None:
    mark = secrets.token_hex(8)
    slow = {"calls": [{"shell": {"command": f"echo now; sleep 34; echo {mark}"}}]}
    replies = [{"say": "late", "pause": 34}] if moment == "model" else [slow, "Done."]
    model = script(root.parent / "s.yaml", *replies)
    words = [str(AGENT), "run", "-p", "x", "-m", model, "--json"]
    process = subprocess.Popen(
        words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    awaited = '"step_started"' if moment == "model" else '"tool_output"'
    lines = []
    for line in process.stdout:
        lines.append(line)
        if awaited in line:
            break
    process.send_signal(number)
    lines += process.communicate(timeout=20)[0].splitlines(keepends=True)
    assert process.returncode == code
    told = parse(lines[-1])
    assert isinstance(told, Result) and (told.outcome, told.exit_code) == ("cancelled", code)
    assert living(mark) == []
    (file,) = (home / "state/wisp/sessions").rglob("*.jsonl")
    assert log.read(file).torn is False


def said_to(ended: Ended) -> str:
    (started,) = [
        each for each in map(parse, ended.out.splitlines()) if isinstance(each, TurnStarted)
    ]
    return started.prompt


@pytest.mark.parametrize(
    ("words", "stdin", "prompt"),
    [
        ((), b"from a pipe\n", "from a pipe"),
        (("-",), b"from a pipe\n", "from a pipe"),
        (("the words",), b"the log\n", "the words\n\n<stdin>\nthe log\n</stdin>"),
        (("-p", "the words"), b"", "the words"),
    ],
)
def test_the_prompt_is_words_a_pipe_or_both(
    root: Path, words: tuple[str, ...], stdin: bytes, prompt: str
) -> None:
    model = script(root.parent / "s.yaml", "Done.")
    ended = agent("run", *words, "-m", model, "--json", cwd=root, stdin=stdin)
    assert ended.code == 0
    assert said_to(ended) == prompt


def test_undo_gives_back_every_byte_and_can_be_undone(
    run: Callable[..., Ended], root: Path
) -> None:
    put(root, {"crlf.txt": b"one\r\ntwo", "odd name\n.txt": b"\xff\xfe\x00"})
    before = picture(root)
    messy = "rm crlf.txt; echo more >> test_calc.py; mkdir new; echo x > new/file"
    ended = run(REPAIR, {"shell": {"command": messy}})
    after = picture(root)
    assert ended.code == 3 and len(result(ended).files_changed) == 4
    undone = agent("undo", cwd=root)
    assert undone.code == 0 and picture(root) == before
    assert agent("undo", "--redo", cwd=root).code == 0
    assert picture(root) == after


def test_an_empty_folder_without_git_can_be_worked_in(tmp_path: Path) -> None:
    root = put(tmp_path / "empty", {})
    write = {"calls": [{"write": {"path": "a/b.py", "content": "x = 1\n"}}]}
    model = script(tmp_path / "s.yaml", write, "Done.")
    ended = agent("-p", "x", "-m", model, "--json", cwd=root)
    assert ended.code == 3
    assert picture(root) == {"a/b.py": b"x = 1\n"}

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grammar import holds
from support import PYTEST, UNITTEST, Ended, agent, picture, put, result, script
from trees import git

from agent.events import AttemptFinished, PhaseStarted, TurnFinished, parse

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("written")]

CALC = '''"""Sums."""


def add(a, b):
    """Return the sum."""
    return a - b


def twice(a):
    return a * 2
'''
GOOD = CALC[CALC.index("def add") : CALC.index("\n\ndef twice")].replace("a - b", "a + b")
WRONG = GOOD.replace("a + b", "a * b")
TESTS = """import unittest
from calc import add, twice

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""
PROJECT: dict[str, str | bytes] = {"calc.py": CALC, "test_calc.py": TESTS}
CHECK = ("--check", UNITTEST)
CAUSE = "the sign is wrong."  # the third rung asks for the cause before the code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", PROJECT)


def samples(*texts: str) -> list[dict[str, Any]]:
    return [{"samples": [text]} for text in texts]


@pytest.fixture
def fix(root: Path, tmp_path: Path) -> Callable[..., Ended]:
    """Run `agent fix` on samples."""

    def go(*texts: str, words: tuple[str, ...] = CHECK, bug: str = "") -> Ended:
        model = script(tmp_path / f"{secrets.token_hex(4)}.yaml", *samples(*texts))
        return agent("fix", bug, "-m", model, "--json", *words, cwd=root)

    return go


def proven(ended: Ended) -> Any:
    told = result(ended)
    assert (ended.code, told.outcome) == (0, "done"), (told.error, ended.err)
    assert told.verification.verified and told.verification.runs == 2
    return told


def events(ended: Ended) -> list[Any]:
    return [parse(line) for line in ended.out.splitlines()]


def test_the_first_sample_that_passes_is_applied_and_can_be_undone(
    fix: Callable[..., Ended], root: Path
) -> None:
    before = picture(root)
    ended = fix("    return a - b\n", CAUSE, WRONG, CAUSE, GOOD)
    told = proven(ended)
    assert told.verification.newly_passing == ("test_calc.T.test_add",)
    assert (told.verification.before.failed, told.verification.after.failed) == (1, 0)
    assert told.files_changed == ("calc.py",)
    repaired = CALC.replace("a - b", "a + b")
    assert (root / "calc.py").read_text() == repaired, "docstrings and the rest stay"
    assert "+    return a + b" in told.diff
    holds(events(ended))
    attempts = [each for each in events(ended) if isinstance(each, AttemptFinished)]
    assert [each.verdict for each in attempts] == ["refused", "failed", "verified"]
    phases = [each.phase for each in events(ended) if isinstance(each, PhaseStarted)]
    in_order = list(dict.fromkeys(phases))  # each rung proposes anew
    assert in_order == ["reproduce", "localise", "propose", "verify", "select"]
    assert agent("undo", cwd=root).code == 0
    assert picture(root) == before


def test_without_a_repair_the_tree_is_as_it_was(fix: Callable[..., Ended], root: Path) -> None:
    before = picture(root)
    ended = fix(
        WRONG,
        CAUSE,
        WRONG,
        CAUSE,
        "def add(a, b):\n    return (a * b)\n",
        CAUSE,
        "def add(:\n",
        words=(
            *CHECK,
            "--effort",
            "1",
        ),
    )
    told = result(ended)
    assert (ended.code, told.outcome) == (1, "failed")
    assert told.error and told.hint and told.attempts == 4
    assert picture(root) == before


def test_a_sample_that_breaks_another_test_is_no_repair(
    fix: Callable[..., Ended], root: Path
) -> None:
    put(root, {"calc.py": CALC.replace("return a * 2", "return 2 * (add(a, 1) + 1)")})
    before = picture(root)
    ended = fix(GOOD, words=(*CHECK, "--effort", "0"))
    assert ended.code == 1 and picture(root) == before
    (attempt,) = [each for each in events(ended) if isinstance(each, AttemptFinished)]
    assert (attempt.verdict, "test_twice" in attempt.detail) == ("regressed", True)


def test_nothing_that_fails_and_no_description_is_nothing_to_do(
    fix: Callable[..., Ended], root: Path
) -> None:
    put(root, {"calc.py": CALC.replace("a - b", "a + b")})
    before = picture(root)
    ended = fix()
    assert ended.code == 1 and "nothing to reproduce" in result(ended).error
    assert picture(root) == before


def test_a_test_that_was_written_for_the_bug_proves_nothing(
    fix: Callable[..., Ended], root: Path
) -> None:
    put(root, {"test_calc.py": "import unittest\n"})
    written = "def test_sum():\n    assert add(1, 2) == 3\n"
    ended = fix(written, GOOD, words=("--check", PYTEST), bug="add(1, 2) returns -1 and not 3")
    told = result(ended)
    assert (ended.code, told.outcome) == (3, "unverified"), told.error
    assert told.verification.strength == "self-written"
    assert set(told.files_changed) == {"calc.py", "test_repair_1.py"}
    assert "a + b" in (root / "calc.py").read_text()


def test_a_repair_that_may_not_be_applied_is_saved_as_a_patch(
    fix: Callable[..., Ended], root: Path
) -> None:
    git(root, "init", "-q")
    before = picture(root)
    ended = fix(GOOD, words=(*CHECK, "--autonomy", "ask"))
    told = result(ended)
    assert (ended.code, told.outcome) == (4, "blocked")
    assert picture(root) == before
    command = told.hint.split()
    assert command[:2] == ["git", "apply"]
    git(root, *command[1:])
    assert "a + b" in (root / "calc.py").read_text()


def test_an_old_red_test_stays_red_and_is_not_counted(
    fix: Callable[..., Ended], root: Path
) -> None:
    red = "\n    def test_old(self):\n        self.fail('for years')\n"
    put(root, {"test_calc.py": TESTS + red})
    told = proven(fix(GOOD, bug="test_add fails"))
    assert told.verification.targets == ("test_calc.T.test_add",)
    assert (told.verification.before.failed, told.verification.after.failed) == (2, 1)


def test_a_check_with_only_a_status_is_one_target(fix: Callable[..., Ended], root: Path) -> None:
    put(
        root, {"test.sh": f"exec {sys.executable} -c 'from calc import add; assert add(1, 2) == 3'"}
    )
    (root / "test_calc.py").unlink()
    told = proven(fix(GOOD, words=("--check", "sh test.sh"), bug="add is wrong"))
    assert told.verification.strength == "exit-status"


def test_a_node_project(fix: Callable[..., Ended], root: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for name in PROJECT:
        (root / name).unlink()
    put(
        root,
        {
            "package.json": '{"type": "module", "scripts": {"test": "node --test"}}',
            "calc.js": "export function add(a, b) {\n  return a - b;\n}\n",
            "calc.test.js": "import test from 'node:test';\nimport assert from 'node:assert';\n"
            "import { add } from './calc.js';\n"
            "test('adds up', () => assert.equal(add(1, 2), 3));\n"
            "test('zero', () => assert.equal(add(0, 0), 0));\n",
        },
    )
    told = proven(fix("function add(a, b) {\n  return a + b;\n}\n", words=()))
    assert told.verification.targets == ("calc.test.js::adds up",)


def test_a_limit_on_tokens_ends_with_5(fix: Callable[..., Ended], root: Path) -> None:
    before = picture(root)
    ended = fix(WRONG, GOOD, words=(*CHECK, "--max-tokens", "5"))
    assert (ended.code, result(ended).outcome) == (5, "limit")
    assert picture(root) == before


def test_a_character_that_the_file_cannot_hold_is_refused(
    fix: Callable[..., Ended], root: Path
) -> None:
    latin = f"# -*- coding: latin-1 -*-\n# ä\n{CALC}".encode("latin-1")
    put(root, {"calc.py": latin})
    told = proven(
        fix(GOOD.replace("a + b", "'→' and a + b"), CAUSE, GOOD, words=(*CHECK, "--effort", "1"))
    )
    assert told.attempts == 2
    assert (root / "calc.py").read_bytes() == latin.replace(b"a - b", b"a + b")


def no_git(root: Path) -> None:
    """As it is."""


def detached_and_dirty(root: Path) -> None:
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "checkout", "-q", "--detach")
    put(root, {"calc.py": CALC + "\n\nDIRTY = 1\n", "untracked.txt": "x"})


def odd_files(root: Path) -> None:
    put(
        root,
        {
            "calc.py": CALC.replace("\n", "\r\n"),
            "sixteen.txt": "\ufeffnot UTF-8".encode("utf-16"),
            "sixteen.py": "x = 1\n".encode("utf-16"),
            "name with spaces.py": "def add(a, b):\n    return 0\n",
            "new\nline/in a name.txt": b"\xff\x00",
            "latin.py": "# -*- coding: latin-1 -*-\nX = 'ä'\n".encode("latin-1"),
        },
    )
    (root / "link").symlink_to("calc.py")


@pytest.mark.parametrize("prepare", [no_git, detached_and_dirty, odd_files])
def test_the_repair_changes_one_line_whatever_the_tree_is_like(
    fix: Callable[..., Ended], root: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(root)
    before = picture(root)
    state = git(root, "status", "--porcelain=v2", "--branch") if (root / ".git").exists() else ""
    proven(fix(GOOD))
    after = picture(root)
    assert after.pop("calc.py") == before.pop("calc.py").replace(b"a - b", b"a + b")
    after.pop("link", None), before.pop("link", None)
    assert after == before
    if state:  # calc.py was dirty before, so the index and HEAD tell no difference
        assert git(root, "status", "--porcelain=v2", "--branch") == state


@pytest.mark.parametrize("path", ["src", "{root}/src"])
def test_a_src_layout_with_an_editable_install(
    fix: Callable[..., Ended], root: Path, path: str
) -> None:
    (root / "calc.py").unlink()
    (root / "test_calc.py").unlink()
    put(root, {"src/calc/__init__.py": CALC, "tests/test_calc.py": TESTS})
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    (packages,) = (root / ".venv").glob("lib/python*/site-packages")
    if path == "src":  # a relative entry is relative to the folder of the file
        path = "../../../../src"
    (packages / "_calc.pth").write_text(path.format(root=root) + "\n")
    told = proven(fix(GOOD, words=("--check", "python -m unittest discover -s tests")))
    assert told.files_changed == ("src/calc/__init__.py",)


def test_the_turn_is_closed_in_the_log_with_what_the_result_says(
    fix: Callable[..., Ended], root: Path
) -> None:
    ended = fix(GOOD)
    (finished,) = [each for each in events(ended) if isinstance(each, TurnFinished)]
    told = proven(ended)
    assert finished.verification == told.verification
    assert finished.changed == told.files_changed

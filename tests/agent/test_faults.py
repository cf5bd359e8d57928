"""Faults of the machine and of the moment, each injected: what docs/reliability.md says of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import AGENT, agent, picture, put, script
from typed import converse

from agent import log
from agent.events import ToolFinished
from agent.sessions import kept

PROJECT = Path(__file__).parents[2]
CALC = "def add(a, b):\n    return a - b\n"
MENDED = CALC.replace("-", "+")
EDIT = {"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}
READ = {"read": {"path": "calc.py"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC})


@pytest.mark.parametrize("number", [6, 9, 13, 17, 21, 26, 40])
def test_with_few_files_to_open_there_is_one_line_and_a_whole_tree(
    root: Path, tmp_path: Path, number: int
) -> None:
    model = script(tmp_path / "s.yaml", {"calls": [READ]}, {"calls": [EDIT]}, "Done.")
    line = f'ulimit -n {number}; exec "$0" run -p go -m "$1" --json'
    ended = subprocess.run(
        ("sh", "-c", line, AGENT, model), cwd=root, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (1, 3), ended
    assert "Traceback" not in ended.stderr
    assert picture(root)["calc.py"].decode() in (CALC, MENDED)
    for session in kept(root):
        assert log.read(session.path).damage == []
    put(root, {"calc.py": CALC})
    assert agent("run", "-p", "go", "-m", model, cwd=root).code == 3, "nothing is left in the way"


def test_a_file_that_the_user_changes_while_asked_is_left_as_they_made_it(
    root: Path, tmp_path: Path
) -> None:
    model = script(tmp_path / "s.yaml", {"calls": [READ]}, {"calls": [EDIT]}, "Done.")

    def meanwhile() -> str:
        (root / "calc.py").write_text("mine\n")
        return "y\n"

    command = [AGENT, "run", "-p", "go", "-m", model, "--autonomy", "ask"]
    converse(command, root, {"allow once?": meanwhile})
    assert (root / "calc.py").read_text() == "mine\n"
    (session,) = kept(root)
    events = log.read(session.path).events
    last = [each.result for each in events if isinstance(each, ToolFinished)][-1]
    assert not last.ok and "changed since" in last.text


def test_a_lock_of_the_users_git_is_waited_for_by_nobody_and_stays(
    root: Path, tmp_path: Path
) -> None:
    subprocess.run(("git", "init", "-q", "."), cwd=root, check=True)
    lock = root / ".git/index.lock"
    lock.touch()
    commit = {"git": {"action": "commit", "message": "x", "paths": ["calc.py"]}}
    model = script(
        tmp_path / "s.yaml", {"calls": [READ]}, {"calls": [EDIT]}, {"calls": [commit]}, "Done."
    )
    ended = agent("run", "-p", "go", "-m", model, cwd=root)
    assert (lock.exists(), (root / "calc.py").read_text()) == (True, MENDED), ended
    assert agent("undo", cwd=root).code == 0
    assert (lock.exists(), (root / "calc.py").read_text()) == (True, CALC)


def test_the_table_of_faults_names_tests_that_are_there() -> None:
    table = (PROJECT / "docs/reliability.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", table)
    assert len(named) > 40
    for path, name in named:
        text = (PROJECT / path).read_text()
        assert f"def {name}(" in text if name else True, f"{path} has no {name}"

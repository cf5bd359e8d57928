"""`agent run` and `agent fix` from the command line, with the real 0.5B model on a server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import llama_server
import pytest
from support import PYTEST, Ended, agent, put, result

from agent.events import AttemptStarted, parse

pytestmark = [pytest.mark.model, pytest.mark.full, pytest.mark.timeout(600)]

CALC = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return a * 2\n"
TEST = "from calc import add, twice\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"


@pytest.fixture(scope="module")
def url(small_model: Path) -> Iterator[str]:
    with llama_server.serving(small_model, 4096) as url:
        yield url


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TEST})
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "start")):
        subprocess.run([*git, *words], cwd=top, check=True)
    return top


def wisp(url: str, root: Path, *words: str) -> Ended:
    return agent(*words, "-m", "openai/local", "--api-base", url, "--json", cwd=root, patience=300)


def test_fix_repairs_a_bug_by_a_model_on_a_server(url: str, root: Path) -> None:
    ended = wisp(url, root, "fix", "add is wrong", "--check", PYTEST)
    events = [parse(line) for line in ended.out.splitlines()]
    assert any(isinstance(each, AttemptStarted) for each in events)
    told = result(ended)
    assert (ended.code, told.verification.strength) == (0, "tests"), told
    assert "return a + b" in (root / "calc.py").read_text()
    assert told.usage.input > 0 and told.usage.output > 0
    assert not told.bytes_left  # loopback is this machine


def test_run_answers_by_a_model_on_a_server(url: str, root: Path) -> None:
    ended = wisp(url, root, "run", "-p", "Which files are here?", "--max-steps", "3")
    told = result(ended)
    assert (ended.code, told.outcome) == (0, "done"), told
    assert "calc.py" in told.text
    assert told.usage.input > 0 and not told.bytes_left

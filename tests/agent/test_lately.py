"""Files that are worked on come first in a map: those of the session, those not committed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support import agent, put

from agent.context.lately import CHANGED, FALLS, MOST, READ, in_session, uncommitted
from agent.context.ranking import Task
from agent.context.repomap import beside, map_of
from sandbox.workspace import Workspace
from tools.base import ToolMemory

NAMES = ("east", "north", "south", "west")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four files that fit a question about gates alike."""
    text = "def open_gate_{0}(key):\n    return key\n"
    return put(tmp_path / "work", {f"{name}.py": text.format(name) for name in NAMES})


@pytest.fixture
def repository(root: Path) -> Path:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def git(root: Path, *words: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(("git", *author, *words), cwd=root, env=env, check=True)


def remembered(*paths: str, changed: tuple[str, ...] = ()) -> ToolMemory:
    memory = ToolMemory(changed=set(changed))
    for path in paths:
        memory.saw(path, "0")
    return memory


def test_what_came_last_counts_most_and_a_change_more_than_a_look() -> None:
    found = in_session(remembered("a.py", "b.py", "c.py", "a.py", changed=("b.py",)))
    assert found == {"a.py": READ, "c.py": READ * FALLS, "b.py": CHANGED * FALLS**2}
    assert next(iter(found)) == "a.py", "it was read again"
    many = in_session(remembered(*(f"{n}.py" for n in range(MOST + 5))))
    assert len(many) == MOST and "0.py" not in many


def test_beside_a_prompt_the_file_of_the_session_stands_first(root: Path, tmp_path: Path) -> None:
    for name in NAMES:
        memory = remembered(*(f"{other}.py" for other in NAMES if other != name), f"{name}.py")
        found = beside(Workspace(root), "how does one open a gate", tmp_path / "cache", memory)
        assert found.splitlines()[0] == f"{name}.py"


def test_small_talk_brings_no_map_of_what_was_read(root: Path, tmp_path: Path) -> None:
    memory = remembered("west.py", changed=("west.py",))
    assert beside(Workspace(root), "thank you", tmp_path / "cache", memory) == ""


async def test_what_is_not_committed_is_worked_on_the_latest_first(repository: Path) -> None:
    put(repository, {"south.py": "def changed(): pass\n", "a new\none.py": "def new(): pass\n"})
    os.utime(repository / "south.py", (1, 1))
    (repository / "north.py").unlink()
    git(repository, "mv", "east.py", "moved.py")
    os.utime(repository / "moved.py", (2, 2))
    found = await uncommitted(Workspace(repository))
    assert list(found)[:3] == ["a new\none.py", "moved.py", "south.py"]
    assert found["a new\none.py"] == CHANGED > found["moved.py"] > found["south.py"]


async def test_without_a_repository_nothing_is_known_to_be_worked_on(root: Path) -> None:
    assert await uncommitted(Workspace(root)) == {}
    put(root, {".git/HEAD": "nonsense\n"})
    assert await uncommitted(Workspace(root)) == {}


def test_the_command_shows_first_what_is_not_committed(repository: Path) -> None:
    put(repository, {"west.py": (repository / "west.py").read_text() + "\n"})
    for query in ((), ("open a gate",)):
        ended = agent("map", *query, "--json", cwd=repository)
        assert json.loads(ended.out)["files"][0]["path"] == "west.py"


def test_a_change_of_what_is_no_source_leaves_the_map_as_it_is(root: Path, tmp_path: Path) -> None:
    plain = map_of(Workspace(root), Task(), tmp_path / "cache")
    found = map_of(Workspace(root), Task("", {"README.md": 1.0}), tmp_path / "cache")
    assert found.text == plain.text != ""

"""What git tells stands behind a prompt of a local model that is about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import put
from trees import git

from agent.context.behind import behind
from agent.context.commits import COMMITS, LINES, WIDTH, told
from tests.agent.test_mentioned import world_of


@pytest.fixture
def work(tmp_path: Path) -> Path:
    root = put(tmp_path / "work", {"cart.py": "A = 1\n"})
    git(root, "init", "-q", "-b", "trunk")
    for number in range(COMMITS + 1):
        put(root, {"cart.py": f"A = {number}\n"})
        git(root, "add", ".")
        git(root, "commit", "-qm", f"step {number}")
    return root


async def test_the_branch_the_changes_and_the_last_commits_are_told(work: Path) -> None:
    put(work, {"cart.py": "A = 9\n", **{f"new{n:02}.py": "" for n in range(LINES)}})
    world = world_of(work)
    text = (await behind("", world, 4000, "What is the message of the last commit?")).text
    assert "git status:\n## trunk\n M cart.py\n?? new00.py\n" in text and "\n… 2 more\n" in text
    assert f"step {COMMITS}\n" in text and text.count(": step ") == COMMITS
    assert (await behind("", world, 4000)).text == "", "a model that looks for itself"


@pytest.mark.parametrize(
    ("prompt", "about"),
    [
        ("which branch am I on?", True),
        ("Summarize the recent changes", True),
        ("commit this", True),
        ("How is the git folder found?", True),
        ("Add a committee to the board", False),
        ("change the last line", False),
    ],
)
async def test_only_what_is_about_it_has_it(work: Path, prompt: str, about: bool) -> None:
    assert bool(await told(prompt, world_of(work).tools)) == about


async def test_a_long_subject_is_cut(work: Path) -> None:
    git(work, "commit", "--allow-empty", "-qm", "word " * 2000)
    said = await told("the last commit", world_of(work).tools)
    assert "word word" in said and max(map(len, said.splitlines())) < 2 * WIDTH


async def test_where_git_has_nothing_to_tell_there_is_nothing(work: Path, tmp_path: Path) -> None:
    plain, unborn = put(tmp_path / "plain", {"a.py": ""}), put(tmp_path / "unborn", {"a.py": ""})
    git(unborn, "init", "-q", "-b", "trunk")
    assert await told("the last commit", world_of(plain).tools) == ""
    said = await told("the last commit", world_of(unborn).tools)
    assert said.startswith("git status:\n## No commits yet on trunk") and "git log" not in said

"""What changed lately, read from real repositories, and what that does to the ranking."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import put
from trees import git

from agent.context.sources import Sources
from agent.repair.localise import Suspect, suspects
from agent.repair.recent import COMMITS, Edited, edited
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory
from tools.report import Ran

NAMES = ("alpha", "beta", "gamma", "delta")
START = "".join(f"def {name}(n):\n    kept = n\n    return kept\n\n\n" for name in NAMES)
RAN = tuple(Ran(path="lib.py", line=1 + 5 * at, failing=1, passing=1) for at in range(len(NAMES)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = put(tmp_path / "work", {"lib.py": START})
    git(root, "init", "-q")
    commit(root, "start")
    return root


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


def change(root: Path, name: str, line: str = "    return kept + 0") -> None:
    """Change the last line of a function."""
    head, mark, tail = (root / "lib.py").read_text().partition(f"def {name}(n):\n    kept = n\n")
    (root / "lib.py").write_text(f"{head}{mark}{line}\n" + tail.partition("\n")[2])


async def look(root: Path, *paths: str) -> tuple[Edited, ...]:
    workspace = Workspace(root)

    async def nobody(question: str, choices: tuple[str, ...]) -> None:
        return None

    sandbox = await open_sandbox(workspace, "auto")
    context = ToolContext(workspace, sandbox, ToolMemory(), lambda text: None, nobody)
    return await edited(context, paths)


async def ranked(root: Path, ran: tuple[Ran, ...] = RAN) -> list[Suspect]:
    found = await look(root)
    return suspects(Sources(Workspace(root)), [], [], "", ran, found)


def names(found: list[Suspect]) -> list[str]:
    return [each.symbol.name for each in found]


async def test_of_what_runs_alike_the_latest_change_comes_first(root: Path) -> None:
    assert names(await ranked(root)) == ["alpha", "beta", "gamma", "delta"]
    change(root, "beta")
    commit(root, "third last")
    commit(root, "second last")
    change(root, "gamma")
    commit(root, "last")
    change(root, "delta")
    found = await ranked(root)
    assert names(found) == ["delta", "gamma", "beta", "alpha"]
    assert found[0].score > found[1].score > found[2].score > found[3].score


async def test_it_is_said_why(root: Path) -> None:
    change(root, "delta")
    (first,) = await ranked(root, ())
    assert (first.symbol.name, first.why) == ("delta", "changed, not committed")


async def test_what_does_not_run_in_the_failing_tests_is_no_suspect_though_it_changed(
    root: Path,
) -> None:
    change(root, "delta")
    assert names(await ranked(root, RAN[:2])) == ["alpha", "beta"]


async def test_a_change_of_many_functions_points_to_none_of_them(root: Path) -> None:
    change(root, "delta")
    commit(root, "one function")
    for name in NAMES[:3]:
        change(root, name, "    return kept + 1")
    assert names(await ranked(root))[0] == "delta"


async def test_a_file_that_git_does_not_know_was_just_written(root: Path) -> None:
    put(root, {"fresh.py": "def fresh():\n    return 1\n", ".gitignore": "build\n"})
    put(root, {"build/made.py": "def made():\n    return 1\n"})
    assert names(await ranked(root, ())) == ["fresh"]


async def test_lines_that_went_point_to_where_they_were(root: Path) -> None:
    change(root, "gamma", "    # nothing")
    commit(root, "to be taken out")
    (root / "lib.py").write_text((root / "lib.py").read_text().replace("    # nothing\n", ""))
    assert names(await ranked(root))[0] == "gamma"


async def test_tests_that_changed_are_no_suspects(root: Path) -> None:
    put(root, {"tests/test_lib.py": "def test_it():\n    assert False\n"})
    assert await ranked(root, ()) == []


async def test_the_first_commit_says_nothing(root: Path) -> None:
    assert await look(root) == ()


async def test_what_is_older_than_the_last_commits_is_not_told(root: Path) -> None:
    change(root, "alpha")
    commit(root, "long ago")
    for number in range(COMMITS - 1):
        commit(root, f"later {number}")
    assert {each.age for each in await look(root)} == {"last commits"}
    commit(root, "and one more")
    assert await look(root) == ()


async def test_only_the_files_that_are_asked_for_are_looked_at(root: Path) -> None:
    put(root, {"other.py": "def other():\n    return 1\n"})
    change(root, "alpha")
    assert {each.path for each in await look(root, "lib.py")} == {"lib.py"}
    assert {each.path for each in await look(root)} == {"lib.py", "other.py"}


async def test_what_a_file_says_is_not_taken_for_words_of_git(root: Path) -> None:
    change(root, "alpha", "++ b/forged.py\n@@ -1 +1 @@\n-- a/forged.py")
    change(root, "delta")
    assert {(each.path, each.first) for each in await look(root)} == {("lib.py", 3), ("lib.py", 20)}


async def test_the_settings_of_a_user_do_not_change_what_is_read(root: Path) -> None:
    for name, value in (
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("diff.context", "9"),
        ("diff.external", "/bin/false"),
    ):
        git(root, "config", name, value)
    change(root, "beta")
    assert await look(root) == (Edited("lib.py", 8, 8, "uncommitted"),)


async def test_names_that_need_care_are_read_as_they_are(root: Path) -> None:
    put(root, {"with space/ünï.py": "a = 1\n"})
    commit(root, "names")
    assert [each.path for each in await look(root)] == ["with space/ünï.py"]


@pytest.mark.parametrize("repository", [False, True])
async def test_without_a_history_nothing_is_known(tmp_path: Path, repository: bool) -> None:
    root = put(tmp_path / "bare", {"lib.py": START})
    if repository:
        git(root, "init", "-q")
    assert await look(root) == ()

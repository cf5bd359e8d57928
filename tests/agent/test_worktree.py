"""A worktree of its own: made, kept where something was changed, swept after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support import AGENT, Ended, agent, picture, put, result, script

from agent.session import workspace_key

NAMES = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}
FILES = {"calc.py": "x = 0\n", "sub/note.txt": "note\n", ".gitignore": "ignored\n__pycache__/\n"}


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=root, env={**os.environ, **NAMES}, capture_output=True, check=True
    )
    return done.stdout.decode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = put(tmp_path / "work", FILES)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    for hook in ("post-checkout", "post-commit", "reference-transaction", "post-index-change"):
        path = root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\necho {hook} >> {tmp_path}/hooks-ran\n")
        path.chmod(0o755)
    return root


def work(root: Path, *calls: dict[str, Any], words: tuple[str, ...] = (), **more: Any) -> Ended:
    model = script(root.parent / "s.yaml", *({"calls": [call]} for call in calls), "Done.")
    return agent("run", "-w", "-p", "x", "-m", model, "--json", *words, cwd=root, **more)


def places(home: Path) -> list[Path]:
    return [each for each in (home / "state/wisp/worktrees").glob("*/*") if each.is_dir()]


def config_of(root: Path) -> dict[str, bytes]:
    kept = ("config", "HEAD", "index", "hooks", "packed-refs", "refs/heads/main", "info")
    found = [
        path
        for name in kept
        for path in ((root / ".git" / name), *(root / ".git" / name).rglob("*"))
    ]
    return {str(path): path.read_bytes() for path in found if path.is_file()}


MESSY = (
    {"write": {"path": "new.py", "content": "y = 1\n"}},
    {"edit": {"path": "calc.py", "old": "x = 0", "new": "x = 2"}},
    {
        "shell": {
            "command": "rm sub/note.txt; printf '\\000\\377' > bin; chmod +x bin; echo > ignored"
        }
    },
)


def test_the_change_is_kept_beside_and_taken_over_by_one_command(root: Path, home: Path) -> None:
    before, mine = picture(root), config_of(root)
    ended = work(root, *MESSY)
    told = result(ended)
    assert ended.code == 3, ended.err
    assert picture(root) == before and config_of(root) == mine
    (place,) = places(home)
    tree = place / "work"
    assert (tree / "calc.py").read_text() == "x = 2\n" and str(tree) in ended.out
    assert git(root, "worktree", "list").count(str(tree)) == 1
    assert told.hint.startswith("git apply --3way ")
    git(root, *told.hint.split()[1:])
    assert picture(root) == picture(tree), "what git ignores too"
    assert (root / "bin").stat().st_mode & 0o100


def test_it_applies_to_a_tree_that_has_moved_on(root: Path) -> None:
    (root / "calc.py").write_text("x = 0\n\n\n\n\nmine = 1\n")
    git(root, "commit", "-qam", "base")
    told = result(work(root, {"edit": {"path": "calc.py", "old": "x = 0", "new": "x = 2"}}))
    (root / "calc.py").write_text("x = 0\n\n\n\n\nmine = 2\n")
    git(root, "commit", "-qam", "moved on")
    git(root, *told.hint.split()[1:])
    assert (root / "calc.py").read_text() == "x = 2\n\n\n\n\nmine = 2\n"


def test_without_a_change_nothing_is_left(root: Path, home: Path) -> None:
    branches = git(root, "for-each-ref")
    ended = work(
        root,
        {"read": {"path": "calc.py"}},
        {"shell": {"command": "mkdir __pycache__; echo > __pycache__/x.pyc"}},
    )
    assert ended.code == 0, ended.out
    assert places(home) == []
    assert git(root, "for-each-ref") == branches
    assert len(git(root, "worktree", "list").splitlines()) == 1
    assert list((home / "state/wisp/worktrees").rglob("*.lock")) == []


def test_what_is_not_committed_is_not_in_it_and_stays(root: Path) -> None:
    (root / "calc.py").write_text("mine = 1\n")
    ended = work(root, {"read": {"path": "calc.py"}})
    assert "x = 0" in ended.out and "mine" not in ended.out
    assert "without what is not in it" in ended.out
    assert (root / "calc.py").read_text() == "mine = 1\n"


def test_it_works_below_the_same_folder(root: Path) -> None:
    model = script(root.parent / "s.yaml", "Done.")
    ended = agent("run", "-w", "-p", "x", "-m", model, "--json", cwd=root / "sub")
    assert ended.code == 0 and '/work/sub","model"' in ended.out


def test_a_session_goes_on_in_a_worktree_as_a_fork(root: Path) -> None:
    model = script(root.parent / "s.yaml", "Done.")
    assert agent("run", "-p", "one", "-m", model, cwd=root).code == 0
    ended = work(root, words=("-c",))
    assert ended.code == 0 and '"forked_from":"2' in ended.out


@pytest.mark.parametrize("state", ["no repository", "no commit"])
def test_where_there_is_no_commit_it_says_what_is_missing(tmp_path: Path, state: str) -> None:
    root = put(tmp_path / "bare", {"a.py": ""})
    if state == "no commit":
        git(root, "init", "-q")
    ended = work(root)
    assert ended.code == 2 and result(ended).hint in ("git init", "git commit")


def test_hooks_and_programs_of_the_repository_do_not_run(root: Path, home: Path) -> None:
    trap = root.parent / "ran"
    for name in ("clean", "smudge", "process"):
        git(root, "config", f"filter.f.{name}", f"touch {trap}; cat")
    git(root, "config", "core.fsmonitor", f"touch {trap}")
    put(root, {".gitattributes": "* filter=f\n"})
    git(root, "-c", "filter.f.process=", "-c", "filter.f.clean=cat", "add", ".gitattributes")
    git(root, "-c", "filter.f.process=", "-c", "filter.f.clean=cat", "commit", "-qm", "two")
    hooks = root.parent / "hooks-ran"
    for path in (trap, hooks):
        path.unlink(missing_ok=True)
    # nothing contains them here
    ended = work(
        root, {"write": {"path": "new.py", "content": "y = 1\n"}}, words=("--sandbox=off",)
    )
    assert ended.code == 3 and len(places(home)) == 1, ended.out
    assert not trap.exists() and not hooks.exists()
    work(root, {"read": {"path": "calc.py"}}, words=("--sandbox=off",))
    assert not trap.exists() and not hooks.exists()


@pytest.mark.parametrize("changes", [True, False])
def test_after_a_kill_the_next_start_sweeps_and_keeps_changes(
    root: Path, home: Path, changes: bool
) -> None:
    write = {"calls": [{"write": {"path": "new.py", "content": "y = 1\n"}}]}
    late = {"say": "late", "pause": 100}
    model = script(root.parent / "k.yaml", *([write] if changes else []), late)
    words = [str(AGENT), "run", "-w", "-p", "x", "-m", model, "--json"]
    process = subprocess.Popen(words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    awaited = b'"step":2' if changes else b'"step":1'
    assert any(b'"step_started"' in line and awaited in line for line in process.stdout)
    other = work(root)  # of a living one nothing is swept
    assert other.code == 0 and len(places(home)) == 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    model = script(root.parent / "s.yaml", "Done.")
    ended = agent("run", "-p", "x", "-m", model, cwd=root)
    assert ended.code == 0
    assert len(places(home)) == changes
    assert ("cut off left changes" in ended.err) is changes
    if changes:
        (hint,) = ended.hints
        git(root, *hint.split()[2:])
        assert (root / "new.py").read_text() == "y = 1\n"
        again = agent("run", "-p", "x", "-m", model, cwd=root)
        assert "cut off" not in again.err, "it is told once"
        git(root, "worktree", "remove", "--force", str(places(home)[0] / "work"))
        agent("run", "-p", "x", "-m", model, cwd=root)
        assert places(home) == [] and "wisp/" not in git(root, "for-each-ref")


def test_one_that_is_broken_is_told_of_and_left_alone(root: Path, home: Path) -> None:
    place = home / "state/wisp/worktrees" / workspace_key(root) / "20260101-000000-aaaaaa"
    put(place, {"base": "0" * 40, "work/mine.txt": "mine"})
    ended = agent("run", "-p", "x", "-m", script(root.parent / "s.yaml", "Done."), cwd=root)
    assert ended.code == 0 and f"the changes are in {place}/work" in ended.err
    assert picture(place) == {"base": b"0" * 40, "work/mine.txt": b"mine"}


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_leaves_nothing_without_changes(root: Path, home: Path) -> None:
    mine = config_of(root)
    model = script(root.parent / "k.yaml", {"say": "late", "pause": 0.2})
    words = [str(AGENT), "run", "-w", "-p", "x", "-m", model]
    for number in range(8):
        process = subprocess.Popen(
            words, cwd=root, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        place = home / "state/wisp/worktrees"
        deadline = time.monotonic() + 20
        while not list(place.glob("*/*.lock")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(number * 0.12)
        process.kill()
        process.communicate()
        model_of_next = script(root.parent / "s.yaml", "Done.")
        ended = agent("run", "-p", "x", "-m", model_of_next, cwd=root)
        assert ended.code == 0, ended.err
        assert places(home) == [], f"killed after {number * 0.12} s"
        assert "wisp/" not in git(root, "for-each-ref")
        assert len(git(root, "worktree", "list").splitlines()) == 1
    assert config_of(root) == mine


def test_a_lock_that_a_killed_git_left_on_the_branch_is_no_hindrance(
    root: Path, home: Path
) -> None:
    model = script(root.parent / "k.yaml", {"say": "late", "pause": 60})
    words = [str(AGENT), "run", "-w", "-p", "x", "-m", model]
    process = subprocess.Popen(words, cwd=root, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while "wisp/" not in git(root, "for-each-ref") and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    (branch,) = (root / ".git/refs/heads/wisp").glob("*")
    branch.with_name(f"{branch.name}.lock").touch()
    ended = agent("run", "-p", "x", "-m", script(root.parent / "s.yaml", "Done."), cwd=root)
    assert ended.code == 0, ended.err
    assert places(home) == []
    assert "wisp/" not in git(root, "for-each-ref")

"""The git tool over real repositories, hostile ones included."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.detect import open_sandbox
from tests.tools.bench import Bench
from tests.tools.running import git, put, refused, use
from tools.base import Effect
from tools.git import Git, GitArgs

GIT = Git()


@pytest.fixture
def repo(bench: Bench) -> Bench:
    """A repository with one commit, and an identity in its own configuration."""
    put(bench.root, {"a.txt": "one\ntwo\n", "sub/b.txt": "b\n", ".gitignore": "ignored\n"})
    git(bench.root, "init", "-q", "-b", "main")
    git(bench.root, "config", "user.name", "Ann")
    git(bench.root, "config", "user.email", "ann@example.org")
    git(bench.root, "add", "-A")
    git(bench.root, "commit", "-q", "-m", "first")
    return bench


async def test_status_names_the_branch_and_what_changed(repo: Bench) -> None:
    put(repo.root, {"a.txt": "one\nTWO\n", "new ä.txt": "", "ignored": ""})
    result = await use(GIT, repo, action="status")
    assert result.text.splitlines() == ["## main", " M a.txt", '?? "new ä.txt"']


async def test_diff_shows_staged_and_unstaged_changes_against_head(repo: Bench) -> None:
    put(repo.root, {"a.txt": "one\nTWO\n", "sub/b.txt": "B\n"})
    git(repo.root, "add", "a.txt")
    text = (await use(GIT, repo, action="diff")).text
    assert "-two\n+TWO" in text
    assert "-b\n+B" in text
    assert "+TWO" not in (await use(GIT, repo, action="diff", paths=["sub"])).text
    git(repo.root, "checkout", "-q", "HEAD", "--", ".")
    assert (await use(GIT, repo, action="diff")).text == "(nothing: git diff is empty)"


async def test_log_blame_and_show_tell_of_the_past(repo: Bench) -> None:
    put(repo.root, {"a.txt": "one\n2\n"})
    git(repo.root, "commit", "-q", "-am", "second")
    log = (await use(GIT, repo, action="log")).text.splitlines()
    assert [line.rpartition(": ")[2] for line in log] == ["second", "first"]
    assert len((await use(GIT, repo, action="log", n=1)).text.splitlines()) == 1
    assert "first" in (await use(GIT, repo, action="log", rev="HEAD~1")).text
    blame = (await use(GIT, repo, action="blame", paths=["a.txt"])).text.splitlines()
    assert [line.rpartition(") ")[2] for line in blame] == ["one", "2"]
    shown = (await use(GIT, repo, action="show", rev="HEAD")).text
    assert "second" in shown
    assert "-two\n+2" in shown


async def test_long_output_is_cut_and_says_so(repo: Bench) -> None:
    put(repo.root, {"a.txt": "line of text\n" * 5000})
    text = (await use(GIT, repo, action="diff")).text
    assert len(text) < 9_000
    assert "bytes left out" in text


async def test_a_commit_takes_everything_that_is_not_ignored(repo: Bench) -> None:
    put(repo.root, {"a.txt": "new\n", "added.txt": "x\n", "ignored": "x"})
    (repo.root / "sub" / "b.txt").unlink()
    result = await use(GIT, repo, action="commit", message="-m is text\n\n# so is this")
    assert result.ok
    assert git(repo.root, "log", "-1", "--format=%an %B").strip() == (
        "Ann -m is text\n\n# so is this"
    )
    named = git(repo.root, "show", "--name-status", "--format=").split()
    assert named == ["M", "a.txt", "A", "added.txt", "D", "sub/b.txt"]
    assert git(repo.root, "status", "--short") == ""


async def test_a_commit_of_some_files_leaves_the_others_as_they_are(repo: Bench) -> None:
    put(repo.root, {"a.txt": "new\n", "sub/b.txt": "new\n", "-odd*": "x\n"})
    git(repo.root, "add", "sub/b.txt")
    await use(GIT, repo, action="commit", message="some", paths=["a.txt", "-odd*"])
    assert git(repo.root, "show", "--name-only", "--format=").split() == ["-odd*", "a.txt"]
    assert git(repo.root, "status", "--short").strip() == "M  sub/b.txt"


async def test_the_first_commit_of_an_empty_repository_works(bench: Bench) -> None:
    git(bench.root, "init", "-q", "-b", "main")
    git(bench.root, "config", "user.name", "Ann")
    git(bench.root, "config", "user.email", "ann@example.org")
    for action in ("diff", "log", "show"):
        assert "no commits yet" in await refused(GIT, bench, action=action)
    assert "nothing to commit" in await refused(GIT, bench, action="commit", message="x")
    bench.file("a", "x")
    assert (await use(GIT, bench, action="status")).text.endswith("?? a")
    assert (await use(GIT, bench, action="commit", message="start")).ok
    assert git(bench.root, "log", "--format=%s").strip() == "start"


async def test_the_users_hooks_run_and_may_refuse_a_commit(repo: Bench) -> None:
    hook = repo.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho the hook says no\nexit 1\n")
    hook.chmod(0o755)
    put(repo.root, {"a.txt": "new\n"})
    result = await use(GIT, repo, action="commit", message="x")
    assert not result.ok
    assert "the hook says no" in result.text
    assert "not committed" in result.text
    hook.write_text("#!/bin/sh\necho the hook ran > hook.log\n")
    assert (await use(GIT, repo, action="commit", message="x")).ok
    assert (repo.root / "hook.log").exists()


async def test_what_git_cannot_do_here_is_said_clearly(repo: Bench) -> None:
    assert "needs a `message`" in await refused(GIT, repo, action="commit")
    assert "nothing to commit" in await refused(GIT, repo, action="commit", message="x")
    assert "blame needs one file" in await refused(GIT, repo, action="blame")
    assert "not a revision" in await refused(GIT, repo, action="log", rev="--output=x")
    assert "nonsense" in await refused(GIT, repo, action="show", rev="nonsense")
    assert "outside" in await refused(GIT, repo, action="diff", paths=["../x"])
    (repo.root / ".git" / "index.lock").touch()
    repo.file("a.txt", "x")
    assert "try again" in await refused(GIT, repo, action="commit", message="x")
    assert (repo.root / ".git" / "index.lock").exists()
    (repo.root / ".git" / "index.lock").unlink()
    git(repo.root, "checkout", "-q", "--detach")
    assert "on no branch" in await refused(GIT, repo, action="commit", message="x")
    assert "no branch" in (await use(GIT, repo, action="status")).text


async def test_a_folder_without_a_repository_is_told_from_a_bare_one(bench: Bench) -> None:
    for action in ("status", "diff", "log", "show", "commit"):
        said = await refused(GIT, bench, action=action, message="x")
        assert "no git repository" in said, action
    git(bench.root, "init", "-q", "--bare", ".")
    for action in ("status", "commit"):
        assert "bare" in await refused(GIT, bench, action=action, message="x"), action


async def test_an_unknown_user_is_told_what_to_type(
    repo: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git(repo.root, "config", "--unset", "user.email")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    repo.file("a.txt", "x")
    said = await refused(GIT, repo, action="commit", message="x")
    assert "git config --global user.email" in said


PLANTED = {
    "core.fsmonitor": "{plant}",
    "core.pager": "{plant}",
    "diff.external": "{plant}",
    "filter.a=b.clean": "{plant}",
    "filter.a=b.smudge": "{plant}",
    "filter.a=b.required": "true",
    "filter.p.process": "{plant}",
    "diff.d.command": "{plant}",
    "diff.d.textconv": "{plant}",
    "log.showSignature": "true",
    "gpg.program": "{plant}",
}


@pytest.mark.parametrize("action", ["status", "diff", "log", "blame", "show"])
async def test_reading_a_hostile_repository_runs_none_of_its_programs(
    repo: Bench, action: str
) -> None:
    put(repo.root, {"a.txt": "one\nchanged\n", "sub/b.txt": "changed\n"})
    git(repo.root, "commit", "-q", "-am", "second")
    plant = repo.file("plant", f"#!/bin/sh\necho fired >> {repo.root}/fired\ncat\n")
    plant.chmod(0o755)
    attributes = "a.txt filter=a=b diff=d\nsub/b.txt filter=p diff=d\n"
    put(repo.root, {".gitattributes": attributes, "a.txt": "three\n", "sub/b.txt": "three\n"})
    for name, value in PLANTED.items():
        git(repo.root, "config", name, value.format(plant=plant))
    hook = repo.root / ".git" / "hooks" / "post-index-change"
    hook.write_text(plant.read_text())
    hook.chmod(0o755)
    paths = ["a.txt"] if action == "blame" else []
    # without a sandbox: it would keep the plant from leaving its mark, were it run
    bare = Bench(repo.root, await open_sandbox(repo.context.workspace, "off"))
    assert (await use(GIT, bare, action=action, paths=paths)).ok
    assert not (repo.root / "fired").exists()
    git(repo.root, "--no-pager", "-c", "core.fsmonitor=", "diff", "--ext-diff")
    assert (repo.root / "fired").exists()  # the plant works


async def test_a_bare_repository_inside_is_not_taken_for_the_users(bench: Bench) -> None:
    git(bench.root, "init", "-q", "--bare", "sub")
    git(bench.root / "sub", "config", "core.fsmonitor", f"touch {bench.root}/fired")
    bare = Bench(bench.root, await open_sandbox(bench.context.workspace, "off"))
    await refused(GIT, bare, action="status")
    assert not (bench.root / "fired").exists()


async def test_only_a_commit_executes(repo: Bench) -> None:
    for action in ("status", "diff", "log", "blame", "show"):
        args = GitArgs.model_validate({"action": action})
        assert GIT.effects(args, repo.context) == {Effect.READ}
    commit = GitArgs(action="commit", message="why", paths=["a.txt"])
    assert GIT.effects(commit, repo.context) == {Effect.EXECUTE}
    preview = GIT.preview(commit, repo.context)
    assert (preview.title, preview.body) == ("git commit a.txt", "why")

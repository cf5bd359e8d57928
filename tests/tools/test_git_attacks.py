"""Repositories that would run a program when the git tool only looks at them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.detect import open_sandbox
from tests.tools.bench import Bench
from tests.tools.running import git, put, use
from tools.base import ToolError
from tools.git import Git

GIT = Git()
LOOKS = ("status", "diff", "log", "show", "blame")


def _submodule(root: Path, plant: Path) -> None:
    """A submodule whose own configuration has programs: git starts another git in it."""
    inner = root.parent / "inner"
    git(root.parent, "init", "-q", str(inner))
    put(inner, {"f": "1\n"})
    git(inner, "add", "-A")
    git(inner, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "inner")
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    git(root, "commit", "-qam", "with a submodule")
    for name in ("core.fsmonitor", "diff.external", "core.pager"):
        git(root / "sub", "config", name, str(plant))
    for name, value in (
        ("status.submoduleSummary", "true"),
        ("diff.submodule", "diff"),
        ("diff.ignoreSubmodules", "none"),
        ("submodule.recurse", "true"),
        ("submodule.sub.update", f"!{plant}"),
    ):
        git(root, "config", name, value)
    put(root, {"sub/f": "2\n"})


def _missing_objects(root: Path, plant: Path) -> None:
    """Objects that are said to be elsewhere: git fetches them when it needs one."""
    for name, value in (
        ("extensions.partialClone", "away"),
        ("core.repositoryFormatVersion", "1"),
        ("remote.away.url", f"ext::{plant}"),
        ("remote.away.promisor", "true"),
        ("remote.away.uploadpack", str(plant)),
        ("core.sshCommand", str(plant)),
        ("protocol.ext.allow", "always"),
    ):
        git(root, "config", name, value)
    blob = git(root, "rev-parse", "HEAD:a.txt").strip()
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()


def _included(root: Path, plant: Path) -> None:
    """Programs named by files that the configuration includes."""
    put(root, {"more.cfg": f"[core]\n fsmonitor = {plant}\n[diff]\n external = {plant}\n"})
    put(root, {"branch.cfg": f'[filter "f"]\n clean = {plant}\n[core]\n pager = {plant}\n'})
    put(root, {".gitattributes": "* filter=f diff=f\n"})
    git(root, "config", "include.path", "../more.cfg")
    git(root, "config", "includeIf.onbranch:main.path", "../branch.cfg")


def _drivers_of_odd_names(root: Path, plant: Path) -> None:
    """Drivers whose names would end a list that is read carelessly."""
    put(root, {".gitattributes": "a.txt filter=x diff=Y.z\n"})
    for name in ("filter.x.clean", "filter.x.process", "diff.Y.z.textconv", "diff.Y.z.command"):
        git(root, "config", name, str(plant))
    with (root / ".git/config").open("a") as file:
        file.write(f'[filter "new\\nline"]\n clean = {plant}\n[FILTER "x"]\n smudge = {plant}\n')


def _signatures(root: Path, plant: Path) -> None:
    """A signed commit, and signatures that are asked for wherever a commit is shown."""
    head, body = git(root, "cat-file", "commit", "HEAD").split("\n\n", 1)
    armor = "-----BEGIN PGP SIGNATURE-----\n \n abcd\n -----END PGP SIGNATURE-----"
    (root.parent / "signed").write_text(f"{head}\ngpgsig {armor}\n\n{body}")
    signed = git(root, "hash-object", "-t", "commit", "-w", str(root.parent / "signed")).strip()
    git(root, "update-ref", "refs/heads/main", signed)
    for name, value in (
        ("gpg.program", str(plant)),
        ("log.showSignature", "true"),
        ("format.pretty", "%G? %h"),
        ("core.alternateRefsCommand", str(plant)),
        ("trailer.x.command", str(plant)),
        ("alias.status", f"!{plant}"),
        ("alias.log", f"!{plant}"),
    ):
        git(root, "config", name, value)


def _second_configuration(root: Path, plant: Path) -> None:
    """A configuration of the worktree, and a common directory of the attacker's."""
    git(root, "config", "extensions.worktreeConfig", "true")
    (root / ".git/config.worktree").write_text(f"[core]\n fsmonitor = {plant}\n")


# how it is planted, and what a user would type for it to go off
PLANTS: dict[str, tuple[Callable[[Path, Path], None], tuple[str, ...]]] = {
    "a submodule": (_submodule, ("show", "HEAD")),
    "objects that are elsewhere": (_missing_objects, ("diff", "HEAD")),
    "included files": (_included, ("status",)),
    "drivers of odd names": (_drivers_of_odd_names, ("diff",)),
    "a second configuration": (_second_configuration, ("status",)),
    "signatures": (_signatures, ("log", "--show-signature")),
}


class Fired(AssertionError):
    """A program of the repository ran."""


@pytest.mark.parametrize("planted", PLANTS)
async def test_looking_runs_nothing_of_the_repository(bench: Bench, planted: str) -> None:
    root = bench.root
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Ann")
    git(root, "config", "user.email", "ann@example.org")
    put(root, {"a.txt": "one\n"})
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    fired = root.parent / "fired"
    plant = root.parent / "plant"
    plant.write_text(f'#!/bin/sh\necho "$0 $*" >> {fired}\n')
    plant.chmod(0o755)
    make, goes_off = PLANTS[planted]
    make(root, plant)
    put(root, {"a.txt": "changed\n"})
    # without a sandbox, which would keep the plant from leaving its mark
    bare = Bench(root, await open_sandbox(bench.context.workspace, "off"))
    for action in LOOKS:
        try:
            await use(GIT, bare, action=action, paths=["a.txt"] if action == "blame" else [])
        except ToolError:
            assert planted == "objects that are elsewhere", action  # what is missing stays so
        if fired.exists():
            raise Fired(f"{action}: {fired.read_text()}")
    command = ["git", "--no-pager", *goes_off]
    subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: ASYNC221 nothing else runs
    assert fired.exists(), "the plant does not work"

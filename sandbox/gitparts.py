"""Says what in a git directory would run a program, or lead git to another one.

That is asked about repositories that a command made or could change: cloning and `git init` are
work, a hook or a setting that starts something is a trap for whoever uses git there next.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MOST = 1 << 16  # bytes of one part that are still read
_SECTION = re.compile(r'\[\s*([A-Za-z0-9-]+)(?:\s+"([^"\\]*)")?\s*\]')
# a step of a rebase that runs something
_RUNS = re.compile(rb"^\s*(?:exec|x)\b.*", re.MULTILINE)
_REBASE = "rebase-merge"
_AS_GIT_WRITES = b"../..\n"  # the common directory of a worktree: the one that it lies in
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:=(.*))?")
# What `git init`, `git clone`, branches and submodules write, and what can start nothing. Whatever
# else a configuration says counts as a trap: git has far more settings that run what they name.
HARMLESS: Mapping[str, frozenset[str]] = {
    "core": frozenset(
        {
            *("repositoryformatversion", "filemode", "bare", "logallrefupdates", "ignorecase"),
            *("precomposeunicode", "symlinks", "autocrlf", "eol", "safecrlf", "quotepath"),
            *("sharedrepository", "abbrev", "untrackedcache", "compression", "longpaths"),
            *("sparsecheckout", "sparsecheckoutcone", "checkstat", "trustctime", "preloadindex"),
        }
    ),
    "extensions": frozenset({"objectformat", "refstorage", "partialclone", "worktreeconfig"}),
    "remote": frozenset(
        {"url", "pushurl", "fetch", "push", "tagopt", "prune", "promisor", "partialclonefilter"}
    ),
    "branch": frozenset({"remote", "merge", "rebase", "pushremote", "description"}),
    "submodule": frozenset({"url", "active", "branch"}),
    "user": frozenset({"name", "email"}),
    "init": frozenset({"defaultbranch"}),
    "pull": frozenset({"rebase", "ff"}),
    "push": frozenset({"default", "autosetupremote"}),
    "fetch": frozenset({"prune"}),
    "commit": frozenset({"gpgsign"}),
    "tag": frozenset({"gpgsign"}),
    "gc": frozenset({"auto"}),
    "lfs": frozenset({"repositoryformatversion"}),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a git directory: the traps in it, each as some text, and what it holds.

    `data` is None for what is no small regular file.
    """

    traps: frozenset[str]
    data: bytes | None
    mode: int


def parts(directory: Path, *, held: bool = False) -> dict[str, Part]:
    """Return the parts that could run something, by their relative names.

    Where the directory is `held`, only what no sandbox can hold is looked at.
    """
    found: dict[str, Part] = {}
    for name in _suspects(directory, held):
        try:
            status = (directory / name).lstat()
        except OSError:
            continue
        data = _read(directory / name) if stat.S_ISREG(status.st_mode) else None
        traps = _held_by(directory / name, data, status)
        found[name] = Part(traps, data, stat.S_IMODE(status.st_mode))
    return found


def _held_by(path: Path, data: bytes | None, status: os.stat_result) -> frozenset[str]:
    """Return the traps in one part."""
    if path.name == _REBASE and stat.S_ISDIR(status.st_mode):
        todo = _read(path / "git-rebase-todo") or b""
        return frozenset(os.fsdecode(line) for line in _RUNS.findall(todo))
    if data is None:  # a link, or too large: nobody knows what it says
        return frozenset({f"{status.st_ino} {status.st_ctime_ns}"})
    if path.name.startswith("config"):
        return frozenset(_traps(data))
    if path.parent.parent.name == "worktrees" and data == _AS_GIT_WRITES:
        return frozenset()
    return frozenset({os.fsdecode(data)})


def _suspects(directory: Path, held: bool) -> Iterator[str]:
    # a repository of its own has no other's; only a worktree's directory has, and no objects
    if (directory / "objects").exists():
        yield "commondir"
    if held:
        return
    yield from ("config", "config.worktree", _REBASE)
    for worktree in _names(directory / "worktrees"):
        yield f"worktrees/{worktree}/commondir"
        yield f"worktrees/{worktree}/config.worktree"
    hooks = directory / "hooks"
    if hooks.is_symlink():
        yield "hooks"
        return
    yield from (f"hooks/{name}" for name in _names(hooks) if not name.endswith(".sample"))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    """Return the content of a small file; no link is followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_MOST + 1)
    except OSError:
        return None
    return data if len(data) <= _MOST else None


def _traps(config: bytes) -> Iterator[str]:
    """Yield the lines of a configuration that are none of those that can start nothing."""
    section, allowed = "", frozenset[str]()
    for line in config.decode(errors="replace").splitlines():
        said = line.strip()
        if not said or said[0] in "#;":
            continue
        opened = _SECTION.fullmatch(said)
        setting = _SETTING.fullmatch(said)
        if opened:
            section, allowed = said, HARMLESS.get(opened[1].lower(), frozenset())
        elif (
            not setting
            or setting[1].lower() not in allowed
            or said.endswith("\\")  # the next line goes on with it
            or "ext::" in (setting[2] or "")  # an address that is a command line
        ):
            yield f"{section} {said}"

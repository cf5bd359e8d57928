"""Attacks on what runs code later, outside: git's directory, and what editors and agents obey."""

from __future__ import annotations

from dataclasses import replace

from tests.sandbox.attacks.case import (
    HELD,
    REFUSED,
    Case,
    lost,
    python,
    toothless,
)
from tests.sandbox.attacks.witness import put_back

_INSIDE = "rules of Landlock only add up: nothing inside a writable folder can be kept read-only"
_PARTS = ("work/.git/hooks", "work/.git/config", "work/.git/info", "work/.git/modules")
_FILLED = """
mkdir -p .git/objects .git/refs && echo "ref: refs/heads/m" > .git/HEAD
mkdir -p .git/info && : > .git/info/attributes
mkdir -p .git/modules/sub/hooks && echo "[core]" > .git/modules/sub/config
"""
_REPOSITORY = """
rm -rf .git && git init -q . && git config user.name n && git config user.email e@x
git commit -q --allow-empty -m first
"""
_EXCHANGE = """
import ctypes, os
os.makedirs("other/hooks")
open("other/hooks/pre-commit", "w").write("x")
ctypes.CDLL(None).renameat2(-100, b".git", -100, b"other", 2)
"""

# each is tried with `.git` read-only, and with the rest of it granted
_ON_GIT: dict[str, str] = {
    "a hook written": "echo x > .git/hooks/pre-commit",
    "a hook that is a link": "ln -s /bin/sh .git/hooks/pre-commit",
    "a hook moved into its folder": "echo x > .git/new; mv .git/new .git/hooks/pre-commit",
    "the git directory renamed and made anew": (
        "mv .git g; mkdir -p .git/hooks; echo x > .git/hooks/pre-commit"
    ),
    "the hooks renamed and made anew": (
        "mv .git/hooks .git/h; mkdir .git/hooks; echo x > .git/hooks/pre-commit"
    ),
    "the git directory removed and made anew": (
        "rm -rf .git; mkdir -p .git/hooks; echo x > .git/hooks/pre-commit"
    ),
    "the git directory exchanged for another": python(_EXCHANGE),
    "the configuration set by git": "git config core.fsmonitor x",
    "the configuration removed and made anew": "rm -f .git/config; echo x > .git/config",
    "the configuration replaced by a rename": "echo x > .git/c; mv -f .git/c .git/config",
    "the configuration replaced through a link": "ln -s .git l; echo x > l/config",
    "the attributes, with their folder moved": (
        "mv .git/info .git/i; mkdir .git/info; echo x > .git/info/attributes"
    ),
    "a submodule's configuration": "echo x > .git/modules/sub/config; rm -r .git/modules",
}

# in REDUCED nothing inside can be kept, but hooks are set aside when the command has ended
_SET_ASIDE = (
    "a hook written",
    "a hook that is a link",
    "a hook moved into its folder",
    "the hooks renamed and made anew",
    "a common directory that lies in the tree",
    "a second configuration where there was none",
    "another worktree's common directory",
    "a rebase that runs something when it goes on",
)

# the command changes it, and then it is as it was
_PUT_BACK = ("another worktree's common directory",)
# all of these need `.git` granted, which a commit by the git tool has at RUN
_EVIL = """
mkdir evil; cp -r .git/objects .git/refs .git/HEAD .git/config evil/
git config -f evil/config core.fsmonitor evil
"""
_GRANTED: dict[str, tuple[str, str, str]] = {  # name: prepare, attack, what is kept
    "a common directory that lies in the tree": (
        "",
        f"{_EVIL} echo ../evil > .git/commondir",
        "work/.git/commondir",
    ),
    "another worktree's common directory": (
        'git worktree add -q "$TOP/linked"',
        f"{_EVIL} echo ../../../evil > .git/worktrees/linked/commondir",
        "work/.git/worktrees/linked/commondir",
    ),
    "hooks where there was no folder for them": (
        "rm -rf .git/hooks",
        "mkdir .git/hooks; echo x > .git/hooks/pre-commit",
        "work/.git/hooks",
    ),
    "a second configuration where there was none": (
        "git config extensions.worktreeConfig true",
        'printf "[core]\\n fsmonitor = x\\n" > .git/config.worktree',
        "work/.git/config.worktree",
    ),
    "attributes where there were none": (
        "rm -rf .git/info",
        'mkdir .git/info; echo "* filter=x" > .git/info/attributes',
        "work/.git/info/attributes",
    ),
    "a rebase that runs something when it goes on": (
        "",
        "mkdir .git/rebase-merge; echo 'exec evil' > .git/rebase-merge/git-rebase-todo",
        "work/.git/rebase-merge",
    ),
}

_TABLE = (
    *(".wisp", ".vscode", ".idea", ".cursor", ".claude", ".codex", ".gemini", ".devcontainer"),
    *(".zed", ".windsurf", ".kiro", ".roo", ".qwen", ".opencode", ".vs", ".fleet", ".zencoder"),
)
_SWAP = """
import ctypes, os, time
os.makedirs({name!r} + "/.git/hooks")
os.symlink({target!r}, "link")
exchange = ctypes.CDLL(None).renameat2
end = time.monotonic() + 15
print("swapping", flush=True)
while time.monotonic() < end:
    exchange(-100, {swapped!r}.encode(), -100, b"link", 2)
    for _ in range(3000): pass
"""


def _on_git(name: str, attack: str) -> tuple[Case, Case]:
    reduced = HELD if name in _SET_ASIDE else lost(_INSIDE)
    plain = Case(name, f"{{ {attack}\n}} 2>/dev/null", _FILLED, _PARTS, reduced=reduced)
    return plain, replace(plain, name=f"{name}, with git granted", git=True)


def _named(names: tuple[str, ...]) -> str:
    return f"for name in {' '.join(names)}; do mkdir -p $name; echo x > $name/new; done"


CASES = (
    *(case for name, attack in _ON_GIT.items() for case in _on_git(name, attack)),
    *(
        Case(
            name,
            attack,
            _REPOSITORY + prepare,
            () if name in _PUT_BACK else (kept,),
            witness=put_back(kept) if name in _PUT_BACK else None,
            git=True,
            reduced=HELD if name in _SET_ASIDE else lost(_INSIDE),
            needs=("git",),
        )
        for name, (prepare, attack, kept) in _GRANTED.items()
    ),
    Case(
        "a git directory mounted over",
        'mount -t tmpfs none .git/hooks; umount .git; mount -o remount,rw "$WORK/.git";'
        " echo x > .git/hooks/pre-commit",
        plain=toothless("as root it would mount over folders of the host"),
    ),
    Case(
        "settings of editors and agents that exist",
        "for name in .[a-z]*; do [ $name = .git ] || { echo x > $name/new; mv $name old;"
        " mkdir $name; echo x > $name/new; rm -rf old; }; done 2>/dev/null",
        prepare=f"mkdir {' '.join(_TABLE)}",
        kept=tuple(f"work/{name}" for name in _TABLE),
        reduced=lost(_INSIDE),
    ),
    Case(
        "settings that are one file",
        "for f in .envrc .mcp.json .gitmodules; do echo x > $f; rm -f $f; echo y > $f; done",
        prepare="touch .envrc .mcp.json .gitmodules",
        kept=("work/.envrc", "work/.mcp.json", "work/.gitmodules"),
        reduced=lost(_INSIDE),
    ),
    Case(
        "settings of editors and agents that do not exist yet",
        _named(_TABLE),
        kept=tuple(f"work/{name}" for name in _TABLE),
    ),
    Case(
        "settings of one file that do not exist yet",
        "for f in .envrc .mcp.json; do echo x > $f; done",
        kept=("work/.envrc", "work/.mcp.json"),
    ),
    Case(
        "hooks in the tree that git's configuration names",
        "echo evil >> .githooks/pre-commit",
        prepare=f"{_REPOSITORY} git config core.hooksPath .githooks; mkdir .githooks;"
        " echo true > .githooks/pre-commit",
        kept=("work/.githooks",),
        needs=("git",),
        reduced=lost(_INSIDE),
    ),
    Case(
        "a file in the tree that git's configuration includes",
        'printf "[core]\\n fsmonitor = x\\n" > .gitconfig',
        prepare=f"{_REPOSITORY} git config include.path ../.gitconfig; : > .gitconfig",
        kept=("work/.gitconfig",),
        needs=("git",),
        reduced=lost(_INSIDE),
    ),
    Case(
        "a nested repository's configuration",
        "echo x >> sub/.git/config; echo x > sub/.git/hooks/pre-commit",
        prepare="mkdir -p sub/.git/hooks && : > sub/.git/config",
        kept=("work/sub/.git",),
        reduced=lost(_INSIDE),
    ),
    Case(
        "a nested repository moved away and made anew",
        "mv deep/sub deep/old; mkdir -p deep/sub/.git; echo x > deep/sub/.git/config",
        prepare="mkdir -p deep/sub/.git/hooks && : > deep/sub/.git/config",
        kept=("work/deep/sub/.git",),
        reduced=lost(_INSIDE),
    ),
    Case(
        "a submodule pointed elsewhere",
        "echo 'gitdir: ../evil' > sub/.git",
        prepare="mkdir sub && echo 'gitdir: ../.git/modules/sub' > sub/.git",
        kept=("work/sub/.git",),
        reduced=lost(_INSIDE),
    ),
    Case(
        "a worktree pointed elsewhere",
        "echo 'gitdir: ../evil' > .git; rm -f .git; mkdir -p .git/hooks",
        prepare='rm -rf .git && echo "gitdir: $OUTSIDE/none" > .git',
        reduced=lost(_INSIDE),
    ),
    Case(
        "a bare repository planted",
        "mkdir -p d/objects d/refs; echo 'ref: refs/heads/m' > d/HEAD;"
        " printf '[core]\\n bare = true\\n fsmonitor = x\\n' > d/config",
        kept=("work/d/config", "work/d/hooks"),
    ),
    Case(
        "a repository where there was none",
        "mkdir -p .git/hooks; echo x > .git/hooks/pre-commit; echo x > .git/config",
        prepare="rm -rf .git",
        kept=("work/.git/hooks/pre-commit", "work/.git/config"),
    ),
    Case(
        "the hooks of a repository that was granted as a folder",
        'echo x > "$OUTSIDE/repo/.git/hooks/pre-commit"; echo x > "$OUTSIDE/repo/.git/config"',
        prepare='mkdir -p "$OUTSIDE/repo/.git/hooks"; : > "$OUTSIDE/repo/.git/config"',
        writable=("outside/repo",),
        reduced=lost(_INSIDE),
    ),
    # a link in a protected place: the sandbox itself would mount where it points
    Case(
        "editor settings that are a link outside",
        "echo x > .vscode/new",
        prepare='ln -s "$OUTSIDE" .vscode',
        full=REFUSED,
    ),
    Case(
        "a git directory that is a link to where bubblewrap keeps the old root",
        "echo x > .git/new",
        prepare='rm -rf .git; ln -s "/oldroot$OUTSIDE/planted" .git',
        full=REFUSED,
        plain=toothless("there is no /oldroot outside of bubblewrap"),
    ),
    Case(
        "a git directory that is a link outside, with git granted",
        "echo x > .git/new",
        prepare="rm -rf .git; ln -s ../outside .git",
        git=True,
        full=REFUSED,
    ),
    Case(
        "hooks that are a link outside, with git granted",
        "echo x > .git/hooks/new",
        prepare='rm -rf .git/hooks; ln -s "$OUTSIDE" .git/hooks',
        git=True,
        full=REFUSED,
    ),
    Case(
        "a folder of git's that is a link outside, with git granted",
        "echo x > .git/info/new",
        prepare='mkdir "$OUTSIDE/info"; : > "$OUTSIDE/info/attributes"; ln -s "$OUTSIDE/info" .git',
        git=True,
        full=REFUSED,
    ),
    # bubblewrap may have made a mount point outside by then, an empty folder, before it is ended
    # a command in the background swaps a name between a folder and a link
    Case(
        "the keys, mounted over their mask by a race",
        "cat ~/.ssh/id",
        background=python(_SWAP.format(name="sub", swapped="sub/.git", target="../../home/.ssh")),
        kept=("outside", "home"),
        tries=25,
    ),
    Case(
        "a folder outside, mounted writable by a race",
        "echo x > sub/escaped; echo x > link/escaped; echo x > ../outside/escaped",
        background=python(_SWAP.format(name="sub", swapped="sub", target="../outside")),
        kept=("outside/file", "outside/escaped", "home"),
        tries=25,
    ),
    Case(
        "a folder outside, mounted writable by a race, with git granted",
        "echo x > .git/escaped; echo x > link/escaped; echo x > ../outside/escaped",
        prepare="rm -rf .git",
        background=python(_SWAP.format(name=".git", swapped=".git", target="../outside")),
        kept=("outside/file", "outside/escaped", "home"),
        tries=25,
        git=True,
    ),
)

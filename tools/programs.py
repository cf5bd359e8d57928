"""Tables of known programs: what each does when nothing contains it.

Only what is listed is known. An option in `worse` turns a harmless program into one that writes
or runs something; long options are matched by prefix, as GNU programs accept abbreviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.base import Effect

Effects = frozenset[Effect]

READ: Effects = frozenset({Effect.READ})
EDIT: Effects = frozenset({Effect.EDIT, Effect.EXECUTE})
EXECUTE: Effects = frozenset({Effect.EXECUTE})
NETWORK: Effects = frozenset({Effect.EXECUTE, Effect.NETWORK})
INSTALL: Effects = frozenset({Effect.EXECUTE, Effect.NETWORK, Effect.OUTSIDE})
DESTROY: Effects = frozenset({Effect.EXECUTE, Effect.DESTROY})
PUBLISH: Effects = frozenset({Effect.EXECUTE, Effect.NETWORK, Effect.DESTROY})
WORST: Effects = frozenset({Effect.EXECUTE, Effect.NETWORK, Effect.OUTSIDE, Effect.DESTROY})


@dataclass(frozen=True, slots=True)
class Program:
    """One known program.

    `verbs` maps its first word that is no option to effects; a verb that is not there has
    `effects`. `paths` says whether its words may name files. `operands` is how many words that are
    no options it may have, where one more would be written to.
    """

    effects: Effects
    worse: tuple[str, ...] = ()
    verbs: Mapping[str, Effects] = field(default_factory=dict)
    paths: bool = True
    operands: int | None = None


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program that runs the rest of its words; `operands` of its own come before them."""

    flags: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    operands: int = 0
    adds: Effects = frozenset()
    appends: bool = False  # whether words that nobody sees here are added at the end


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _verbs(effects: Effects, names: str) -> dict[str, Effects]:
    return dict.fromkeys(names.split(), effects)


_QUIET = "echo true false : seq sleep exit wait shift return break continue"
_READERS = (
    "cat head tail wc ls dir stat du df pwd basename dirname realpath readlink which type whoami "
    "id uname printenv ps uptime nproc free cut tr nl grep egrep fgrep column comm join paste "
    "fold fmt rev tac md5sum sha1sum sha256sum cksum cmp diff jq od strings cd groups tty"
)
_EXECUTORS = (
    "pytest py.test tox nox make gmake ninja ctest mypy pyright ruff flake8 pylint black isort "
    "tsc eslint prettier jest vitest mocha gcc g++ cc c++ clang clang++ rustc gofmt rustfmt "
    "pre-commit coverage unittest"
)
_EDITORS = "mkdir touch cp mv ln tee install patch chmod gzip gunzip zip unzip"
_DESTROYERS = (
    "rm rmdir unlink shred dd truncate mkfs wipefs chown chgrp kill pkill killall reboot "
    "shutdown halt poweroff"
)
_NETWORKERS = "curl wget ping dig nslookup host traceroute nc ncat netcat telnet whois ftp"
_REMOTES = "ssh scp sftp rsync docker podman kubectl helm aws gcloud az gh terraform"
_INSTALLERS = "apt apt-get dnf yum pacman apk brew snap gem pip pip3 pipx conda"

PROGRAMS: dict[str, Program] = {
    **{name: Program(READ, paths=False) for name in _QUIET.split()},
    **{name: Program(READ) for name in _READERS.split()},
    **{name: Program(EXECUTE) for name in _EXECUTORS.split()},
    **{name: Program(EDIT) for name in _EDITORS.split()},
    **{name: Program(DESTROY) for name in _DESTROYERS.split()},
    **{name: Program(NETWORK | {Effect.OUTSIDE}) for name in _NETWORKERS.split()},
    **{name: Program(WORST) for name in _REMOTES.split()},
    **{name: Program(INSTALL) for name in _INSTALLERS.split()},
    # options that name what is run, or a folder to clear
    **dict.fromkeys(
        ("make", "gmake"), Program(EXECUTE, worse=("--eval", "-f", "--file", "--makefile"))
    ),
    **dict.fromkeys(
        ("pytest", "py.test"),
        Program(EXECUTE, worse=("-c", "--config-file", "-o", "--override-ini", "--basetemp")),
    ),
    **dict.fromkeys(
        ("gcc", "g++", "cc", "c++", "clang", "clang++"),
        Program(EXECUTE, worse=("-fplugin", "-wrapper", "-specs", "--specs")),
    ),
    "jest": Program(EXECUTE, worse=("-c", "--config", "--globalSetup", "--transform")),
    "tox": Program(EXECUTE, worse=("-c", "--conf", "-x", "--override")),
    "nox": Program(EXECUTE, worse=("-f", "--noxfile")),
    "zip": Program(EDIT, worse=("-T", "--test", "-TT", "--unzip-command")),
    "printf": Program(READ, worse=("-v",), paths=False),
    # `-v` and its like evaluate a subscript
    "test": Program(READ, worse=("-v", "-R"), paths=False),
    "[": Program(READ, worse=("-v", "-R"), paths=False),
    "date": Program(READ, worse=("-s", "--set"), paths=False),
    "file": Program(READ, worse=("-C", "--compile")),
    "tree": Program(READ, worse=("-o",)),
    "base64": Program(READ, worse=("-o", "--output")),
    "sort": Program(READ, worse=("-o", "--output", "-T", "--temporary-directory", "--compress-")),
    "uniq": Program(READ, operands=1),
    "rg": Program(READ, worse=("--pre", "-z", "--search-zip", "--hostname-bin")),
    "find": Program(
        READ,
        worse=("-fprint", "-fprint0", "-fprintf", "-fls", "-ok", "-okdir", "-files0-from"),
    ),
    "cargo": Program(
        WORST,
        worse=("--config", "-Z", "--manifest-path"),
        verbs=_verbs(EXECUTE, "build b check c test t run r bench clippy fmt doc tree metadata")
        | _verbs(NETWORK, "fetch add update search vendor generate-lockfile")
        | _verbs(INSTALL, "install uninstall")
        | _verbs(PUBLISH, "publish yank login owner"),
    ),
    "go": Program(
        WORST,
        worse=("-exec", "--exec", "-toolexec", "--toolexec", "-vettool", "--vettool"),
        verbs=_verbs(EXECUTE, "build test vet run fmt list version env doc tool")
        | _verbs(NETWORK, "get mod work")
        | _verbs(INSTALL, "install"),
    ),
    "npm": Program(
        WORST,
        worse=("--script-shell", "--node-options", "--userconfig", "--globalconfig"),
        verbs=_verbs(EXECUTE, "test t tst run run-script start ls list explain")
        | _verbs(NETWORK, "install i add ci update outdated view info audit")
        | _verbs(PUBLISH, "publish unpublish deprecate"),
    ),
    "pnpm": Program(
        WORST,
        verbs=_verbs(EXECUTE, "test run start list") | _verbs(NETWORK, "install i add update"),
    ),
    "yarn": Program(
        WORST,
        verbs=_verbs(EXECUTE, "test run start build lint") | _verbs(NETWORK, "install add upgrade"),
    ),
    "uv": Program(
        WORST, verbs=_verbs(NETWORK, "sync lock add remove tree venv") | _verbs(INSTALL, "pip")
    ),
    "poetry": Program(
        WORST, verbs=_verbs(NETWORK, "install lock add remove update") | _verbs(EXECUTE, "check")
    ),
}

# modules that `python -m` may run
MODULES: dict[str, Effects] = {
    **_verbs(EXECUTE, "pytest unittest mypy ruff black isort flake8 pylint coverage compileall"),
    **_verbs(EXECUTE, "json.tool doctest tox nox build venv py_compile timeit"),
    **_verbs(INSTALL, "pip ensurepip pipx"),
}

# Verbs of git. Reading ones EXECUTE all the same: configuration and attributes can name programs.
GIT_READS = _names(
    "status diff log show blame annotate rev-parse ls-files ls-tree cat-file describe grep "
    "shortlog rev-list merge-base name-rev whatchanged diff-tree diff-files diff-index "
    "for-each-ref show-ref count-objects check-ignore check-attr version help var"
)
GIT_VERBS: dict[str, Effects] = {
    **dict.fromkeys(GIT_READS, READ | EXECUTE),
    **_verbs(EDIT, "add commit mv apply init"),
    **_verbs(NETWORK, "fetch clone ls-remote"),
    **_verbs(PUBLISH, "push pull"),
    **_verbs(
        DESTROY,
        "rm checkout switch restore reset clean stash rebase merge cherry-pick revert branch tag "
        "gc prune reflog update-ref filter-branch worktree remote notes am",
    ),
}
# options of git, or of its verbs, that run programs or write files
GIT_WORSE = (
    *("-c", "--config-env", "--exec-path", "--git-dir", "--work-tree", "--namespace"),
    *("--output", "--ext-diff", "--textconv", "-O", "--open-files-in-pager", "--upload-pack"),
    *("--receive-pack", "--exec", "--template"),
)
# verbs that only read when all their words are among these
GIT_LISTINGS: dict[str, frozenset[str]] = {
    "branch": _names("-a -r -v -vv --list --all --remotes --show-current"),
    "tag": _names("-l --list -n"),
    "remote": _names("-v show"),
    "stash": _names("list show -p"),
    "reflog": frozenset({"show"}),
    "worktree": frozenset({"list"}),
}

WRAPPERS: dict[str, Wrapper] = {
    "sudo": Wrapper(
        ("-n", "-E", "-H", "-i", "-S", "-k"), ("-u", "-g"), adds=EXECUTE | {Effect.OUTSIDE}
    ),
    "doas": Wrapper(("-n",), ("-u",), adds=EXECUTE | {Effect.OUTSIDE}),
    "env": Wrapper(("-i", "-", "--ignore-environment", "-v"), ("-u", "--unset")),
    "timeout": Wrapper(
        ("--preserve-status", "--foreground", "-v"), ("-s", "--signal", "-k", "--kill-after"), 1
    ),
    "nohup": Wrapper(),
    "setsid": Wrapper(("-f", "-w", "--fork", "--wait")),
    "nice": Wrapper((), ("-n", "--adjustment")),
    "ionice": Wrapper(("-t",), ("-c", "-n")),
    "stdbuf": Wrapper((), ("-i", "-o", "-e")),
    "time": Wrapper(("-p", "-v")),
    "command": Wrapper(("-p",)),
    "builtin": Wrapper(),
    "exec": Wrapper(("-c", "-l"), ("-a",)),
    "busybox": Wrapper(),
    "xargs": Wrapper(
        ("-0", "--null", "-r", "--no-run-if-empty", "-t", "-x"),
        ("-n", "-P", "-I", "-L", "-d", "-s", "-E", "-a", "--max-args", "--max-procs"),
        appends=True,
    ),
}

# what runs its words, its text or its file as commands, in ways that are not read here
RUNNERS = _names(
    "eval source . trap alias hash enable watch parallel chroot unshare nsenter setpriv runuser su "
    "script strace ltrace gdb flock taskset chrt numactl unbuffer expect entr systemd-run at batch "
    "crontab proot fakeroot dbus-run-session ld-linux-x86-64.so.2 ld-linux.so.2 pkexec toybox "
    "fish rbash csh tcsh pwsh"
)
# programs that run any other, written in their language; digits of a version come behind the name
INTERPRETERS = _names(
    "python pypy node deno bun perl ruby php lua luajit awk gawk mawk nawk Rscript tclsh osascript"
)
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
TRUSTED_FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin")

# variables that may be set for a command; any other may change what it runs
HARMLESS_VARIABLES = _names(
    "CI DEBUG NO_COLOR FORCE_COLOR TERM COLUMNS LANG LANGUAGE TZ NODE_ENV RUST_BACKTRACE RUST_LOG "
    "PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONHASHSEED PYTHONUTF8 VERBOSE"
)

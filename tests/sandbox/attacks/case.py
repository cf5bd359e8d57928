"""What an attack is, as data: the ground it finds, what it runs, what would tell that it worked.

An attack never judges itself. It is lost ground when something that was to be kept has changed on
the host, when a secret stands in what it printed, or when a witness on the host saw it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from tests.sandbox.ground import Ground

SECRET = "private key"  # what the ground's ~/.ssh/id holds
_LARGE = 1 << 20  # bytes of a file that are not compared
PARENT = "our launcher lets nobody but root look into it"
FIRST = "only root may look there, and what it sees depends on the machine"
GOT = "GOT"  # what an attack prints when the kernel gave it what it asked for


class Unavailable(Exception):
    """What the attack needs on the host cannot be had on this machine."""


class Outcome(StrEnum):
    """How an attack ended."""

    HELD = "held"  # it ran, and got nothing
    LOST = "not held"
    REFUSED = "refused"  # the sandbox would not start it
    NEVER = "not made"


@dataclass(frozen=True)
class Expected:
    """An outcome, and why it is not a better one. `HOLE:` begins what is to be mended."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True)
class ByUser:
    """What is expected where it matters who attacks."""

    root: Expected
    user: Expected


HELD = Expected(Outcome.HELD)
REFUSED = Expected(Outcome.REFUSED)
TEETH = Expected(Outcome.LOST, "nothing holds it")


def lost(why: str) -> Expected:
    """Not held, and documented so."""
    return Expected(Outcome.LOST, why)


def hole(why: str) -> Expected:
    """Not held, and it should be."""
    return Expected(Outcome.LOST, f"HOLE: {why}")


def toothless(why: str) -> Expected:
    """Not made where nothing holds it: why its teeth cannot be shown there."""
    return Expected(Outcome.NEVER, why)


class Witness(Protocol):
    """Something on the host that an attack may reach. Its `facts` become variables of the attack.

    With `during` it acts, in a thread, while the attack runs.
    """

    facts: Mapping[str, str]

    def saw(self) -> str:
        """Say what the attack did to it; an empty string when nothing."""
        ...


Expectation = Expected | ByUser


@dataclass(frozen=True)
class Case:
    """One attack. The scripts are of the shell; they find $WORK, $OUTSIDE, $TOP, $PYTHON, $TOKEN.

    `prepare` runs on the host, in the workspace. What lies below `kept` (from the top of the
    ground) may not change, and none of the `secrets` be printed. `background` runs in the sandbox
    beside the attack, which is then made `tries` times.
    """

    name: str
    attack: str
    prepare: str = ""
    kept: tuple[str, ...] = ("outside", "home", "work/.git")
    secrets: tuple[str, ...] = (SECRET, GOT)
    witness: Callable[[Ground], AbstractContextManager[Witness]] | None = None
    background: str = ""
    tries: int = 1
    git: bool = False
    network: bool = False
    read_only: bool = False
    pty: bool = False
    writable: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)  # of the agent; {top} is filled in
    limits: Mapping[str, Any] = field(default_factory=dict)
    full: Expectation = HELD
    reduced: Expectation = HELD
    plain: Expectation = TEETH
    only: str = ""  # "root" or "user", where the other one has nothing to attack with
    needs: tuple[str, ...] = ()  # programs; a path names a file
    absent: str = ""  # printed where this kernel has nothing to attack

    def expected(self, backend: str, user: str) -> Expected:
        """Return what should come of it."""
        found: Expectation = getattr(self, backend)
        return found if isinstance(found, Expected) else getattr(found, user)

    def __str__(self) -> str:
        return self.name


def who() -> str:
    """Return who attacks."""
    return "root" if os.geteuid() == 0 else "user"


def python(code: str) -> str:
    """Return a shell script that runs the code in the tests' interpreter, which is everywhere."""
    return f"\"$PYTHON\" -I -S - 2>&1 <<'ATTACK'\n{code.strip()}\nATTACK\n"


def picture(paths: list[Path]) -> dict[str, tuple[object, ...]]:
    """Return what there is below the paths: kinds, modes, contents; of files the time too.

    What is mounted there is not looked into: an attack may have mounted anything.
    """
    found: dict[str, tuple[object, ...]] = {}
    mounted = {place for path in paths for place in mounts_below(path.parent)}
    todo = list(paths)
    while todo:
        path = todo.pop()
        try:
            status = path.lstat()
            if path.is_symlink():
                found[str(path)] = (status.st_mode, str(path.readlink()))
            elif path.is_dir():
                found[str(path)] = (status.st_mode, str(path) in mounted)
                todo += () if str(path) in mounted else path.iterdir()
            elif path.is_file():
                marks = (status.st_mode, status.st_mtime_ns, status.st_nlink, xattrs(path))
                found[str(path)] = (*marks, status.st_size, _content(path, status.st_size))
            else:
                found[str(path)] = (status.st_mode,)
        except FileNotFoundError:
            continue
    return found


def _content(path: Path, size: int) -> bytes:
    return path.read_bytes() if size < _LARGE else b""


def xattrs(path: Path) -> tuple[str, ...]:
    """Return the names of the extended attributes, where the disk knows them."""
    try:
        return tuple(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return ()


def mounts_below(top: Path) -> list[str]:
    """Return what is mounted below a folder, the deepest first; a bind mount is found too."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    places = [line.split()[4] for line in lines]
    return sorted((each for each in places if each.startswith(f"{top}/")), reverse=True)

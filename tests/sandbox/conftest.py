"""A ground to try to break out of: a workspace, a home with secrets, and the land around them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.base import Command, CommandResult, Limits, Sandbox
from sandbox.bubblewrap import Bubblewrap
from sandbox.detect import _bubblewrap, _landlock, self_test
from sandbox.landlock import Landlock
from sandbox.plain import Plain
from sandbox.workspace import Workspace
from tests.sandbox.ground import START, Ground

PROJECT = Path(__file__).parents[2]
IDENTITY = "-c user.name=n -c user.email=e@x"


@dataclass
class Box:
    """A sandbox on a ground. `sh` fails the test when the command never started."""

    sandbox: Sandbox
    ground: Ground

    async def sh(self, script: str, *words: str, wall: float = 60, **more: Any) -> str:
        """Run a shell script and return what it printed, without the start marker."""
        return (await self.result(script, *words, wall=wall, **more))[1]

    async def result(
        self, script: str, *words: str, wall: float = 60, **more: Any
    ) -> tuple[CommandResult, str]:
        output = bytearray()
        more.setdefault("cwd", self.ground.root)
        more.setdefault("limits", Limits(wall_s=wall, kill_grace_s=0.3))
        command = Command(("/bin/sh", "-c", f"echo {START}\n{script}", "sh", *words), **more)
        result = await self.sandbox.run(command, output.extend)
        text = output.decode(errors="replace")
        assert text.startswith(f"{START}\n"), f"the command never started: {text!r} {result}"
        return result, text.removeprefix(f"{START}\n")


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    # not in /tmp, which a full sandbox hides anyway
    (PROJECT / ".cache").mkdir(exist_ok=True)
    top = Path(tempfile.mkdtemp(prefix="sandbox-", dir=PROJECT / ".cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(top / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(top / "state"))
    monkeypatch.setenv("WISP_TEST_API_KEY", "sk-very-secret")
    yield Ground(top)
    while top.exists():
        with contextlib.suppress(FileNotFoundError):  # what a test killed still tidies up here
            shutil.rmtree(top)


@pytest.fixture
def state(ground: Ground) -> Path:
    """Where the sandboxes on this ground set things aside."""
    return ground.top / "state/wisp/quarantine"


def aside(state: Path) -> list[str]:
    """Return the names of what was set aside."""
    return sorted(path.name for path in state.glob("*/*"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def git(folder: Path, *words: str) -> str:
    """Run git on the host, in a folder that is made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    line = ["git", *IDENTITY.split(), *words]
    return subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout


_why_not: dict[str, str] = {}


async def _need(name: str, make: Callable[..., Sandbox]) -> None:
    if name not in _why_not:
        _why_not[name] = await self_test(make)
    if _why_not[name]:
        pytest.skip(f"NOT TESTED, the {name} sandbox is not to be had: {_why_not[name]}")


@pytest.fixture
async def full(ground: Ground) -> Box:
    await _need("full", _bubblewrap)
    return Box(Bubblewrap(Workspace(ground.root), home=ground.home), ground)


@pytest.fixture
async def reduced(ground: Ground) -> Box:
    await _need("reduced", _landlock)
    return Box(Landlock(Workspace(ground.root), why_not="a test", home=ground.home), ground)


@pytest.fixture
def plain(ground: Ground) -> Box:
    return Box(Plain(why_not="a test", home=ground.home), ground)


FULL = pytest.param("full", marks=pytest.mark.full)


@pytest.fixture(params=[FULL, "reduced"])
def box(request: pytest.FixtureRequest) -> Box:
    """Each sandbox that contains."""
    found: Box = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[FULL, "reduced", "plain"])
def any_box(request: pytest.FixtureRequest) -> Box:
    """Each sandbox, also the one that does not."""
    found: Box = request.getfixturevalue(request.param)
    return found

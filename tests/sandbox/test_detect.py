"""Choosing a sandbox by trying it: what holds is taken, what only seems to is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.base import FEATURES, Containment, Sandbox, SandboxError
from sandbox.detect import CANARIES, SHOWN, _bubblewrap, open_sandbox, self_test
from sandbox.plain import Plain
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box, Ground

PROJECT = Path(__file__).parents[2]
# setpriv itself still has root's rights when it looks for the program; a shell has not
AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("/bin/sh", "-c", 'exec "$0" "$@"'),
)
DRIVER = """
import asyncio, json, sys
from pathlib import Path
from sandbox.base import Command
from sandbox.detect import _bubblewrap, _landlock, open_sandbox, self_test
from sandbox.workspace import Workspace

async def main():
    root, outside = Path(sys.argv[1]), Path(sys.argv[2])
    said = {"bubblewrap": await self_test(_bubblewrap), "landlock": await self_test(_landlock)}
    for mode in ("auto", "full", "reduced"):
        output = bytearray()
        try:
            box = await open_sandbox(Workspace(root), mode)
        except Exception as error:
            said[mode] = [str(error), ""]
            continue
        script = f'''echo start; id -u; cat ~/.ssh/id; echo x > {outside}/new; mv .git g
            echo x > .git/hooks/x; echo x > {mode}; sleep 60 & echo end'''
        await box.run(Command(("/bin/sh", "-c", script), root), output.extend)
        said[mode] = [box.containment.name, output.decode(), box.why_not]
    print(json.dumps(said))

asyncio.run(main())
"""


class Pretender(Plain):
    """Claims to contain and does not."""

    def __init__(self, containment: Containment, home: Path, environ: Mapping[str, str]) -> None:
        super().__init__(why_not="", home=home, environ=environ)
        self.containment = containment


@pytest.mark.parametrize("claim", list(CANARIES))
async def test_a_sandbox_that_does_not_hold_is_found_out(
    ground: Ground, claim: Containment
) -> None:
    def make(workspace: Workspace, home: Path, environ: Mapping[str, str]) -> Sandbox:
        return Pretender(claim, home, environ)

    why = await self_test(make)
    assert "does not hold" in why
    named = set(why.rpartition(": ")[2].split(", "))
    # an ordinary user has no capabilities to lose, and another process's environment is no secret
    always = CANARIES[claim] - {"inside", "temporary", "environment", "capabilities", "signals"}
    assert named >= always


async def test_a_sandbox_that_does_not_start_is_found_out() -> None:
    def make(workspace: Workspace, home: Path, environ: Mapping[str, str]) -> Sandbox:
        raise SandboxError("no such thing")

    assert await self_test(make) == "no such thing"


async def test_off_is_no_sandbox_and_says_so(ground: Ground) -> None:
    found = await open_sandbox(Workspace(ground.root), "off")
    assert (found.containment, found.backend) == (Containment.NONE, "none")
    assert "switched off" in found.why_not


async def test_a_home_directory_is_not_opened_to_commands(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(ground.home))
    for root in (ground.home, ground.top):
        found = await open_sandbox(Workspace(root), "auto")
        assert found.containment is Containment.NONE
        assert "home directory" in found.why_not
        with pytest.raises(SandboxError, match="home directory"):
            await open_sandbox(Workspace(root), "full")


@pytest.mark.full
async def test_the_full_sandbox_is_taken_where_it_holds(full: Box) -> None:
    found = await open_sandbox(Workspace(full.ground.root), "auto")
    assert (found.containment, found.why_not) == (Containment.FULL, "")
    assert found.features >= {*FEATURES} - {"processes-limited"}  # for root that needs a cgroup
    assert (await open_sandbox(Workspace(full.ground.root), "off")).features == frozenset()


async def test_the_reduced_sandbox_claims_no_more_than_it_holds(reduced: Box) -> None:
    found = await open_sandbox(Workspace(reduced.ground.root), "reduced")
    assert found.features - {"processes-limited"} == {
        "writes-held", "network-off", "secrets-hidden", "environment-scrubbed", "unprivileged",
    }  # fmt: skip


def test_every_feature_has_its_words_and_its_canaries() -> None:
    assert {*SHOWN} == {*FEATURES}


async def test_where_namespaces_are_forbidden_the_reduced_one_is_taken(reduced: Box) -> None:
    # within one such sandbox the kernel refuses what bubblewrap needs, as many containers do
    ground = reduced.ground
    said = json.loads(
        await reduced.sh(
            f'cd "$PROJECT" && {sys.executable} -c "$1" "$2" {ground.outside}',
            DRIVER,
            str(ground.root),
            env={"PROJECT": str(PROJECT), "HOME": str(ground.home)},
        )
    )
    assert said["bubblewrap"]
    assert said["landlock"] == ""
    assert said["auto"][0] == said["reduced"][0] == "REDUCED"
    assert "apt-get install bubblewrap" in said["auto"][2]
    assert "apt-get install bubblewrap" in said["full"][0]
    assert ground.unharmed()


def _interpreter_for_others() -> str:
    """Return a Python that an ordinary user can run with our dependencies, or skip."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("NOT TESTED as another user: that needs root and setpriv")
    for found in (sys.executable, "/usr/bin/python3"):
        version = ["-c", "import platformdirs, sys; assert sys.version_info >= (3, 11)"]
        environ = {"PYTHONPATH": sysconfig.get_path("purelib")}
        tried = subprocess.run([*AS_NOBODY, found, *version], env=environ, capture_output=True)
        if tried.returncode == 0:
            return found
    pytest.skip("NOT TESTED as another user: no Python that another user can run")


def test_an_ordinary_user_has_the_same_sandboxes(ground: Ground) -> None:
    interpreter = _interpreter_for_others()
    for path in (ground.top, *ground.top.rglob("*")):
        os.chown(path, 65534, 65534)
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(ground.home),
        "XDG_CACHE_HOME": str(ground.top / "cache"),
        "PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}",
    }
    done = subprocess.run(
        [*AS_NOBODY, interpreter, "-c", DRIVER, str(ground.root), str(ground.outside)],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["landlock"] == ""
    if said["bubblewrap"]:
        pytest.skip(f"NOT TESTED as another user, beyond the reduced one: {said['bubblewrap']}")
    assert said["auto"][0] == said["full"][0] == "FULL"
    for mode in ("auto", "full", "reduced"):
        assert said[mode][1].startswith("start\n65534\n")
        assert said[mode][1].endswith("end\n")
        assert "private key" not in said[mode][1]
        assert (ground.root / mode).exists()
    assert ground.unharmed()


@pytest.mark.full
async def test_the_self_test_leaves_nothing_behind(full: Box) -> None:
    await self_test(_bubblewrap)
    assert not [*(full.ground.top / "cache").glob("wisp-canaries*")]

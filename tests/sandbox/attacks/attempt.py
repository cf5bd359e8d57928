"""Makes one attack in one sandbox and tells, from outside, how it ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Command, Limits, Sandbox, SandboxError
from sandbox.bubblewrap import Bubblewrap
from sandbox.landlock import Landlock
from sandbox.plain import Plain
from sandbox.workspace import Workspace
from tests.sandbox.attacks.case import Case, Expected, Outcome, Witness, mounts_below, picture
from tests.sandbox.ground import START, Ground

BACKENDS = ("full", "reduced", "plain")


class GotThrough(AssertionError):
    """The attack worked where it should not have."""


class NeverRan(Exception):
    """The attack printed no start marker, so it proves nothing."""


@dataclass(frozen=True)
class Verdict:
    """How it ended, what was lost, and what the attack said."""

    outcome: Outcome
    loss: str
    said: str

    def check(self, expected: Expected) -> None:
        """Raise GotThrough when it was lost; AssertionError when anything else is unexpected."""
        if self.outcome is Outcome.LOST:
            raise GotThrough(f"{self.loss}\n{self.said}")
        wanted = (Outcome.HELD, Outcome.REFUSED) if expected.outcome is Outcome.LOST else ()
        assert self.outcome in (wanted or (expected.outcome,)), f"{self.outcome}: {self.said}"


def open_backend(backend: str, ground: Ground, environ: dict[str, str]) -> Sandbox:
    """Return a sandbox of the ground, as an agent in this environment would have it."""
    workspace = Workspace(ground.root)
    if backend == "full":
        return Bubblewrap(workspace, home=ground.home, environ=environ)
    if backend == "reduced":
        return Landlock(workspace, why_not="a test", home=ground.home, environ=environ)
    return Plain(why_not="a test", home=ground.home, environ=environ)


def missing(case: Case) -> str:
    """Return which program the attack needs and has not."""
    absent = [name for name in case.needs if not shutil.which(name) and not Path(name).exists()]
    return ", ".join(absent)


async def attempt(case: Case, backend: str, ground: Ground) -> Verdict:
    """Make the attack. Raises NeverRan when it did not start and nobody refused it."""
    facts = {
        "WORK": str(ground.root),
        "OUTSIDE": str(ground.outside),
        "TOP": str(ground.top),
        "PYTHON": sys.executable,
        "TOKEN": ground.top.name,
        # a git that finds no repository on the ground is not to find the one around it
        "GIT_CEILING_DIRECTORIES": str(ground.top),
    }
    if case.prepare:
        script = ["/bin/sh", "-euc", case.prepare]
        own = {**os.environ, **facts, "HOME": str(ground.home)}
        subprocess.run(script, cwd=ground.root, env=own, check=True, capture_output=True)  # noqa: ASYNC221 nothing else runs
    environ = {**os.environ, **{n: v.format(top=ground.top) for n, v in case.environ.items()}}
    kept = [ground.top / name for name in case.kept]
    with ExitStack() as stack:
        stack.callback(_unmount, ground.top)
        witness = stack.enter_context(case.witness(ground)) if case.witness else None
        facts |= witness.facts if witness else {}
        before = picture(kept)
        sandbox = open_backend(backend, ground, environ)
        beside = None
        if case.background:
            script = f"echo {START}\n{case.background}"
            command = Command(("/bin/sh", "-c", script), ground.root, env=facts)
            beside = await sandbox.spawn(command)
            await beside.read()
        try:
            outcome = Outcome.REFUSED  # of several tries, some may be refused
            for _ in range(case.tries):
                ended, said = await _once(case, sandbox, ground, facts)
                outcome = Outcome.HELD if Outcome.HELD in (ended, outcome) else ended
                if loss := _loss(case, before, kept, said, witness):
                    return Verdict(Outcome.LOST, loss, said)
        finally:
            if beside is not None:
                await beside.stop()
    return Verdict(outcome, "", said)


def _unmount(top: Path) -> None:
    """Take away what an attack mounted, so that removing the ground removes nothing else."""
    for place in mounts_below(top):
        subprocess.run(["umount", "-l", place], check=True)


async def _once(
    case: Case, sandbox: Sandbox, ground: Ground, facts: dict[str, str]
) -> tuple[Outcome, str]:
    output = bytearray()
    command = Command(
        ("/bin/sh", "-c", f"echo {START}\n{case.attack}"),
        ground.root,
        env=facts,
        git=case.git,
        network=case.network,
        read_only=case.read_only,
        writable=tuple(ground.top / name for name in case.writable),
        limits=Limits(**{"wall_s": 20, "kill_grace_s": 0.3, **case.limits}),
    )
    try:
        if case.pty:
            process = await sandbox.spawn(command, pty=True)
            while data := await process.read():
                output += data
            await process.wait()
        else:
            await sandbox.run(command, output.extend)
    except SandboxError as error:
        ran = START.encode() in output
        return (Outcome.HELD if ran else Outcome.REFUSED), f"{output.decode()}{error}"
    said = output.decode(errors="replace").replace("\r\n", "\n")
    if not said.startswith(f"{START}\n"):
        raise NeverRan(said)
    return Outcome.HELD, said.removeprefix(f"{START}\n")


def _loss(
    case: Case,
    before: dict[str, tuple[object, ...]],
    kept: list[Path],
    said: str,
    witness: Witness | None,
) -> str:
    """Say what was lost, as seen from outside."""
    after = picture(kept)
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    if changed:
        return f"changed: {', '.join(sorted(changed))}"
    leaked = [secret for secret in case.secrets if secret in said]
    if leaked:
        return f"it printed: {', '.join(leaked)}"
    return witness.saw() if witness else ""

"""Negative controls: a defence taken out of a copy of the sandbox lets a named attack through."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.detect import _bubblewrap, _landlock, self_test
from tests.sandbox.attacks.case import Outcome, who
from tests.sandbox.attacks.mutations import MUTATIONS, Mutation
from tests.sandbox.attacks.suite import CASES

if TYPE_CHECKING:
    from tests.sandbox.ground import Ground

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")


def copy_of_the_project(place: Path) -> None:
    # with its bytecode, which does not count for a file that is changed later; what another
    # process is writing of it may be gone before it is copied
    leave = shutil.ignore_patterns("*.pyc.*")
    for name in ("sandbox", "tests/sandbox"):
        shutil.copytree(PROJECT / name, place / name, ignore=leave)


def outcome(place: Path, mutation: Mutation, grounds: Path) -> tuple[str, str]:
    """Make the one attack with the copy; return how it ended and what it said."""
    program = [sys.executable, "-m", "tests.sandbox.attacks.run", str(grounds)]
    done = subprocess.run(
        [*program, mutation.backend, "--only", mutation.red],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    return line["outcome"], line["loss"] + line["said"]


_why_not: dict[str, str] = {}


async def need(backend: str) -> None:
    if backend not in _why_not:
        make = {"full": _bubblewrap, "reduced": _landlock}[backend]
        _why_not[backend] = await self_test(make)
    if _why_not[backend]:
        pytest.skip(f"NOT TESTED, no {backend} sandbox is to be had: {_why_not[backend]}")


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(each, id=str(each), marks=[pytest.mark.full] if each.backend == "full" else [])
        for each in MUTATIONS
        if each.only in ("", who())
    ],
)
async def test_without_a_defence_an_attack_gets_through(mutation: Mutation, ground: Ground) -> None:
    await need(mutation.backend)
    assert CASES[mutation.red].expected(mutation.backend, who()).outcome is not Outcome.LOST
    place = ground.top / "mutant"
    copy_of_the_project(place)
    for name, old, new in mutation.changes:
        text = (place / "sandbox" / name).read_text()
        assert text.count(old) == 1, f"sandbox/{name} no longer has, once: {old}"
        (place / "sandbox" / name).write_text(text.replace(old, new))
    assert outcome(place, mutation, ground.top)[0] == Outcome.LOST


async def test_a_faithful_copy_holds(ground: Ground) -> None:
    await need("reduced")
    place = ground.top / "copy"
    copy_of_the_project(place)
    whole = Mutation("nothing is taken out", (), "reduced", "a new file outside")
    assert outcome(place, whole, ground.top)[0] == Outcome.HELD


def test_there_are_enough_controls() -> None:
    assert len({each.name for each in MUTATIONS}) == len(MUTATIONS) >= 20

"""A project whose bug lies in two files, and `agent fix` on it with a model that is elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grammar import holds
from sessions import Ran, carried, prepare
from support import UNITTEST, Ended, agent, picture, result, script

from agent.events import AttemptFinished, Base, parse
from agent.models.scripted import Script
from agent.repair.fix import repair

CALC = "from units import factor\n\n\ndef metres(amount, unit):\n    return amount - factor(unit)\n"
UNITS = 'FACTORS = {"m": 1, "km": 100}\n\n\ndef factor(unit):\n    return FACTORS[unit]\n'
TESTS = """import unittest
from calc import metres

class T(unittest.TestCase):
    def test_km(self):
        self.assertEqual(metres(2, "km"), 2000)
    def test_type(self):
        self.assertIsInstance(metres(1, "m"), int)
"""
PROJECT: dict[str, str | bytes] = {"calc.py": CALC, "units.py": UNITS, "test_calc.py": TESTS}
GOOD = {"calc.py": CALC.replace("-", "*"), "units.py": UNITS.replace("100", "1000")}
TIMES = {"edit": {"path": "calc.py", "old": "amount - factor", "new": "amount * factor"}}
KILO = {"shell": {"command": "sed -i s/100}/1000}/ units.py"}}
CHECK = {"check": {"targets": ["test_calc.T.test_km"]}}
READ = {"read": {"path": "calc.py"}}
REPAIR = {"calls": [READ, TIMES, KILO, CHECK]}
NO = "I do not know."
FAR = {"remote": "api.far.test"}
PROJECT_BYTES = {path: str(text).encode() for path, text in PROJECT.items()}


def fix(root: Path, *replies: Any, words: tuple[str, ...] = (), check: str = UNITTEST) -> Ended:
    """Run `agent fix` with a scripted model that stands for a remote one."""
    model = script(root.parent / f"{secrets.token_hex(4)}.yaml", FAR, *replies)
    options = ("-m", model, "--json", "--check", check, "--effort", "1")
    ended = agent("fix", "metres(2, 'km') is wrong", *options, *words, cwd=root, patience=100)
    holds(events(ended))
    return ended


def events(ended: Ended) -> list[Any]:
    """Return what was printed, parsed."""
    return [parse(line) for line in ended.out.splitlines()]


def of(ended: Ended, kind: type[Base]) -> list[Any]:
    """Return the events of one kind."""
    return [each for each in events(ended) if isinstance(each, kind)]


def verdicts(ended: Ended) -> list[str]:
    """Return how the attempts ended."""
    return [each.verdict for each in of(ended, AttemptFinished)]


def unchanged(ended: Ended, root: Path, code: int = 1) -> None:
    """Assert that it ended so, and that the project is as it was."""
    assert ended.code == code, (result(ended).error, of(ended, AttemptFinished))
    assert picture(root) == PROJECT_BYTES


async def worked(
    root: Path,
    *replies: Any,
    effort: int = 1,
    at: Callable[[Base], None] | None = None,
    **more: Any,
) -> Ran:
    """Carry `fix` in process, the model being one that is elsewhere."""
    items = [{"say": each} if isinstance(each, str) else dict(each) for each in replies]
    model = Script.of(items)
    model.local, model.host = False, "api.far.test"
    readers = (at,) if at else ()
    ran = await prepare(root, [], model=model, check=UNITTEST, readers=readers, **more)
    ran.turn.effort = effort
    await carried(ran, "metres(2, 'km') is wrong", repair)
    holds(ran.events)
    return ran

"""No test fails: write one from the description, and see it fail for the right reason.

It stays in the change, and a repair that only it proves is never called verified: whoever writes
both the question and the answer proves nothing.
"""

from __future__ import annotations

import ast
import re

from agent.bench import Bench
from agent.context.sources import Sources
from agent.errors import Failed
from agent.events import PhaseStarted
from agent.repair import prompts
from agent.repair.asking import Asking, Question
from agent.repair.localise import Suspect, suspects
from agent.repair.reproduce import Reproduction
from agent.turn import Turn
from tools.report import Failure

TRIES = (0.0, 0.6, 0.9)  # temperatures
TEST_TOKENS = 300
# a test that fails by one of these is wrong itself
OWN_FAULTS = re.compile(
    r"\b(ImportError|ModuleNotFoundError|SyntaxError|IndentationError|NameError|fixture)\b"
)
_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```|\Z)", re.S | re.M)


async def write_test(
    turn: Turn, bench: Bench, sources: Sources, bug: str, asking: Asking
) -> Reproduction:
    """Return a reproduction by a test of our own; raises Failed when none fails rightly."""
    turn.emit(PhaseStarted(phase="reproduce", detail="no test fails; writing one"))
    if bench.runner.name not in ("pytest", "unittest"):
        raise Failed("every test passes, so there is nothing to reproduce", "add a test that fails")
    found = suspects(sources, (), (), bug)
    if not found:
        raise Failed(
            "no test fails, and the description names no function of this project",
            "name the function in the bug, or add a test that fails",
        )
    path = _free_name(turn)
    for temperature in TRIES:
        text = await _written(found[0], bug, asking, temperature)
        if not text:
            continue
        extra: dict[str, bytes | None] = {path: text.encode()}
        before = await bench.check(extra)
        ours = tuple(test for test in before.failed if test.startswith(path))
        failures = [each for each in before.failures if each.test in ours]
        if ours and failures and not any(_own_fault(each) for each in failures):
            return Reproduction(before, ours, "self-written", extra)
    raise Failed(
        "no test fails, and none could be written that fails because of this bug",
        "add a test that fails, or say more exactly what goes wrong",
    )


async def _written(suspect: Suspect, bug: str, asking: Asking, temperature: float) -> str:
    module = _module(suspect.path)
    name = suspect.symbol.name.partition(".")[0]
    listing = f"Import it with: from {module} import {name}"
    messages = prompts.prompt_for_test(bug, listing, suspect.source, suspect.path)
    start = f"```python\nfrom {module} import {name}\n"
    question = Question(messages, start, TEST_TOKENS)
    (reply,) = await asking.answers(question, temperature=temperature)
    blocks = _FENCE.findall(reply)
    code = (blocks[-1] if blocks else reply).rstrip() + "\n"
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    tests = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    return code if any(each.name.startswith("test") for each in tests) else ""


def _own_fault(failure: Failure) -> bool:
    last = failure.trace.strip().splitlines()[-1:] or [failure.message]
    return bool(OWN_FAULTS.search(f"{failure.message}\n{last[0]}"))


def _module(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    if parts[0] == "src":
        parts = parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _free_name(turn: Turn) -> str:
    files = turn.context.workspace
    folder = "tests/" if files.kind("tests") == "directory" else ""
    number = 1
    while files.kind(f"{folder}test_repair_{number}.py") != "missing":
        number += 1
    return f"{folder}test_repair_{number}.py"

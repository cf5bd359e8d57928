"""`agent fix` with a model elsewhere: its native calls work in a copy, through litellm."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fault_server import Call, serving
from remote import ANTHROPIC, KEY, OPENAI, Dialect
from support import UNITTEST, agent, lines, put, result

pytestmark = pytest.mark.full

AWAY = "api.far.test"  # no such host: the way there is a proxy
FILES = {
    "calc.py": "from units import KILO\n\n\ndef metres(km):\n    return km - KILO\n",
    "units.py": "KILO = 100\n",
    "test_calc.py": "import unittest\nfrom calc import metres\n\nclass T(unittest.TestCase):\n"
    "    def test_km(self):\n        self.assertEqual(metres(2), 2000)\n",
}


def call(name: str, number: int, **arguments: Any) -> Call:
    return Call(name, (json.dumps(arguments),), f"call_{number}")


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
async def test_a_repair_of_two_files_by_native_calls(tmp_path: Path, dialect: Dialect) -> None:
    root = put(tmp_path / "work", FILES)
    first = [call("edit", 1, path="calc.py", old="km - KILO", new="km * KILO")]
    then = [
        call("shell", 2, command="echo 'KILO = 1000' > units.py"),
        call("check", 3, targets=["test_calc.T.test_km"]),
    ]
    async with serving(
        dialect.answer("I see.", calls=first),
        dialect.answer("It adds no more."),
        dialect.answer("The number too.", calls=then),
        dialect.answer("The sign and the number were wrong."),
    ) as server:
        ended = await asyncio.to_thread(
            agent,
            *("fix", "metres is wrong", "--check", UNITTEST, "--json"),
            *("-m", dialect.name, "--api-base", f"http://{AWAY}{dialect.base}"),
            cwd=root,
            patience=110,
            env={
                **{"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY},
                **{"HTTP_PROXY": server.url, "http_proxy": server.url},
            },
        )
    told = result(ended)
    assert (ended.code, told.outcome, told.steps) == (0, "done", 4), told.error
    assert (told.attempts, told.files_changed) == (2, ("calc.py", "units.py"))
    assert (root / "units.py").read_text() == "KILO = 1000\n"
    assert told.bytes_left == {AWAY: sum(len(each.raw) for each in server.requests)}
    assert told.usage.input >= 400
    assert len(server.requests) == 4
    # one conversation: each request begins with the messages of the one before
    asked = [[_bare(each) for each in one.body["messages"]] for one in server.requests]
    for before, after in pairwise(asked):
        assert after[: len(before)] == before
    opening = json.dumps(server.requests[0].body)
    assert "test_calc.T.test_km" in opening and "metres is wrong" in opening
    assert len(opening) // 4 < 2500, "tools and all"
    assert "That is no repair yet" in json.dumps(asked[2]) and "1 passed" in json.dumps(asked[3])
    verdicts = [each["verdict"] for each in lines(ended.out) if each["type"] == "attempt_finished"]
    assert verdicts == ["failed", "verified"]


def _bare(message: Any) -> Any:
    """Return a message without the marks of a prompt cache, which move."""
    if isinstance(message, dict):
        return {key: _bare(value) for key, value in message.items() if key != "cache_control"}
    return [_bare(each) for each in message] if isinstance(message, list) else message

"""A strong model that is remote: nothing is sent before that was accepted; what was is counted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fault_server import Answer, FaultServer, serving
from remote import KEY, OPENAI
from support import UNITTEST, Ended, agent, lines, picture, put, result, script

from agent.config import config_path

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("written")]

STRONG = "openai/gpt-4o"
AWAY = "api.strong.test"  # no such host: the way there is a proxy
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "import unittest\nfrom calc import add\n\nclass T(unittest.TestCase):\n"
    "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n",
}
WRONG = "def add(a, b):\n    return a * b\n"
GOOD = OPENAI.answer("```python\ndef add(a, b):\n    return a + b\n```")
BAD = OPENAI.answer("```python\ndef add(a, b):\n    return a / b\n```")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small = script(tmp_path / "small.yaml", *[{"samples": [WRONG]}] * 30)
    models = {"small": small, "strong": STRONG, "strong_api_base": f"http://{AWAY}/v1"}
    rows = "".join(f"{name} = {json.dumps(value)}\n" for name, value in models.items())
    put(config_path().parent, {"config.toml": f"[models]\n{rows}"})
    return put(tmp_path / "work", FILES)


async def fix(server: FaultServer, root: Path, *words: str) -> Ended:
    return await asyncio.to_thread(
        agent,
        *("fix", "--check", UNITTEST, "--json", *(words or ("--effort", "0"))),
        cwd=root,
        env={"OPENAI_API_KEY": KEY, "HTTP_PROXY": server.url, "http_proxy": server.url},
    )


def one(ended: Ended, kind: str) -> dict[str, Any]:
    (found,) = [event for event in lines(ended.out) if event["type"] == kind]
    return found


async def test_without_consent_nothing_is_sent_and_it_is_said_what_would_have_been(
    root: Path,
) -> None:
    before = picture(root)
    async with serving(GOOD) as server:
        ended = await fix(server, root)
    told = result(ended)
    assert (ended.code, told.outcome, server.requests) == (1, "failed", [])
    assert told.error == "no repair found in 1 attempts" and picture(root) == before
    assert (told.bytes_left, told.escalated, told.permission_denials) == ({}, "", ())
    asked, notice = one(ended, "approval_asked"), one(ended, "notice")
    assert asked["effects"] == ["NETWORK"]
    body = asked["preview"]["body"].splitlines()
    assert body[:4] == [
        "because: no repair found in 1 attempts",
        f"model: {STRONG}, at {AWAY}",
        "budget: $1",
        "what would leave this machine:",
    ]
    assert body[4].startswith("  calc.py: add, 31 bytes")
    assert any(line.startswith("  test_calc.py: the failing test, ") for line in body)
    assert f"{STRONG} did not take over: level RUN asks before NETWORK" in notice["text"]
    assert notice["hint"] == "--escalate 1"


async def test_the_flag_is_the_consent_and_what_was_sent_is_in_the_ledger(root: Path) -> None:
    async with serving(BAD, GOOD) as server:
        ended = await fix(server, root, "--effort", "1", "--escalate", "0.5")
    told = result(ended)
    assert (ended.code, told.outcome, told.escalated) == (0, "done", STRONG), told.error
    sizes = [len(each.raw) for each in server.requests]
    assert len(sizes) == 2 and told.bytes_left == {AWAY: sum(sizes)}
    assert told.usage.bytes_out == sum(sizes) and told.usage.cost > 0
    decided = [
        event
        for event in lines(ended.out)
        if event["type"] == "call_decided" and event["effects"] == ["NETWORK"]
    ]
    assert [(each["verdict"], each["reason"]) for each in decided] == [
        ("allow", "you allowed `escalate`")
    ]
    assert f"takes over at {AWAY}, for at most $0.5" in one(ended, "notice")["text"]
    # what was said would leave is what left
    told_of = max(len(json.dumps(each.body["messages"])) for each in server.requests)
    assert told_of < 3000 and all("calc.py" in each.raw.decode() for each in server.requests)
    kinds = [event["type"] for event in lines(ended.out)]
    assert kinds.index("call_decided") < kinds.index("bytes_left")


async def test_a_setting_is_only_the_budget(root: Path) -> None:
    file = config_path()
    file.write_text(f"escalate = 0.25\n{file.read_text()}")
    async with serving(GOOD) as server:
        ended = await fix(server, root)
    assert (ended.code, server.requests) == (1, [])
    assert "budget: $0.25" in one(ended, "approval_asked")["preview"]["body"]


async def test_the_budget_holds_to_within_one_request(root: Path) -> None:
    # 100 tokens read and 20 written cost more than this at any price of this model
    async with serving(BAD) as server:
        ended = await fix(server, root, "--effort", "1", "--escalate", "0.00001")
    told = result(ended)
    assert (ended.code, told.outcome) == (5, "limit")
    assert told.error == "the limit of $1e-05 was reached" and len(server.requests) == 1
    assert told.bytes_left == {AWAY: len(server.requests[0].raw)}


async def test_the_table_alone_lets_it_take_over_at_its_last_row(root: Path) -> None:
    async with serving(GOOD) as server:
        ended = await fix(server, root, "--effort", "0", "--autonomy", "full")
    assert (ended.code, len(server.requests)) == (0, 1)


async def test_a_provider_that_fails_is_told_as_its_failure(root: Path) -> None:
    async with serving(Answer(b'{"error": {"message": "no"}}', 401)) as server:
        ended = await fix(server, root, "--effort", "0", "--escalate", "1")
    told = result(ended)
    assert (ended.code, told.outcome) == (2, "failed")
    assert "the key from OPENAI_API_KEY was refused (401: no)" in told.error
    assert told.hint == (
        "set another OPENAI_API_KEY, or: unset OPENAI_API_KEY; agent keys set openai"
    )
    assert told.bytes_left == {AWAY: len(server.requests[0].raw)}

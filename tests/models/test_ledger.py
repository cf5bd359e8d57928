"""What left this machine, and to whom: over a real proxy to a provider that does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fault_server import FaultServer, error, refused, serving
from remote import KEY, OPENAI, Talk, talking
from support import UNITTEST, Ended, agent, lines, put, result

from agent.errors import ProviderFailed
from agent.events import BytesLeft, CallDecided, ToolRequested, ToolStarted
from agent.ledger import Ledger, told
from agent.models._route import Route, destination
from agent.models.base import ReplyChunk, SentChunk, SpentChunk
from agent.policy import Verdict
from sandbox.base import Containment
from tools.base import Effect, ToolCall

AWAY = "api.provider.test"  # no such host: whoever is to reach it needs the proxy


async def run(server: FaultServer, folder: Path, *words: str, kind: str = "run") -> Ended:
    return await asyncio.to_thread(
        agent,
        *(kind, "-m", "openai/gpt-4o", "--api-base", f"http://{AWAY}/v1", *words),
        cwd=folder,
        env={"OPENAI_API_KEY": KEY, "HTTP_PROXY": server.url, "http_proxy": server.url},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "project", {"a.py": "x = 41 + 1\n"})


async def test_each_request_that_left_is_told_once_also_one_that_failed(folder: Path) -> None:
    async with serving(error(503, "down", retry_after="0"), OPENAI.answer("x is 42.")) as server:
        ended = await run(server, folder, "--json", "-p", "What is x?")
    said = result(ended)
    assert (ended.code, said.text) == (0, "x is 42.")
    assert all(each.path == f"http://{AWAY}/v1/chat/completions" for each in server.requests)
    sizes = [len(each.raw) for each in server.requests]
    left = [event for event in lines(ended.out) if event["type"] == "bytes_left"]
    assert [(event["to"], event["count"]) for event in left] == [(AWAY, size) for size in sizes]
    assert said.bytes_left == {AWAY: sum(sizes)} and said.usage.bytes_out == sum(sizes) > 1000
    kinds = [event["type"] for event in lines(ended.out)]
    assert kinds.index("bytes_left") < kinds.index("model_retried")


async def test_the_text_face_says_how_much_and_to_whom(folder: Path) -> None:
    async with serving(OPENAI.answer("x is 42.")) as server:
        ended = await run(server, folder, "-p", "What is x?")
    count = len(server.requests[0].raw)
    assert f", {count:,} bytes left this machine, to {AWAY}, " in ended.err


@pytest.mark.full
async def test_a_repair_has_the_same_ledger_and_counts_what_failed(tmp_path: Path) -> None:
    root = put(
        tmp_path / "work",
        {
            "calc.py": "def add(a, b):\n    return a - b\n",
            "test_calc.py": "import unittest\nfrom calc import add\n\nclass T(unittest.TestCase):\n"
            "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n",
        },
    )
    good = "```python\ndef add(a, b):\n    return a + b\n```"
    async with serving(error(503, "down", retry_after="0"), OPENAI.answer(good)) as server:
        ended = await run(server, root, "--json", "--effort", "0", "--check", UNITTEST, kind="fix")
    said = result(ended)
    assert (ended.code, said.outcome) == (0, "done"), said.error
    sizes = [len(each.raw) for each in server.requests]
    assert len(sizes) == 2 and said.bytes_left == {AWAY: sum(sizes)}
    assert said.usage.bytes_out == sum(sizes) and said.usage.output == 20
    kinds = [event["type"] for event in lines(ended.out)]
    assert kinds.count("model_retried") == 1 and "text_delta" not in kinds


# -- the child


@pytest_asyncio.fixture
async def away(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    """A model that its proxy leads to the server."""
    async with serving() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("http_proxy", server.url)
        async with talking(OPENAI, host=AWAY, port=80) as talk:
            talk.server = server
            yield talk


async def test_what_a_proxy_on_this_machine_passes_on_has_left_it(away: Talk) -> None:
    assert (away.model.local, away.model.host) == (False, AWAY)
    for _ in range(2):  # the second goes over the same connection
        said = await away.ask(error(429, "wait"), away.answer())
        sent = [chunk for chunk in said.chunks if isinstance(chunk, SentChunk)]
        assert sent == [SentChunk(AWAY, len(each.raw)) for each in said.asked]
        (wasted,) = [chunk.usage for chunk in said.chunks if isinstance(chunk, SpentChunk)]
        assert wasted.bytes_out == sent[0].count and wasted.total == 0
        assert isinstance(said.chunks[-1], ReplyChunk)
        assert said.chunks[-1].usage.bytes_out == sent[1].count


async def test_what_was_never_sent_has_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"http://127.0.0.1:{refused()}"
    monkeypatch.setenv("HTTP_PROXY", nowhere)
    monkeypatch.setenv("http_proxy", nowhere)
    async with talking(OPENAI, host=AWAY, port=80) as talk:
        said = await talk.ask(talk.answer())
    assert isinstance(said.error, ProviderFailed)
    assert not any(isinstance(chunk, SentChunk) for chunk in said.chunks)


async def test_what_is_for_this_machine_goes_by_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"http://127.0.0.1:{refused()}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere)
    async with talking(OPENAI) as talk:
        said = await talk.ask(talk.answer())
    assert said.reply.usage.bytes_out == 0 and len(said.asked) == 1
    assert (talk.model.local, talk.model.host) == (True, "")
    assert not any(isinstance(chunk, SentChunk) for chunk in said.chunks)


# -- the rules


@pytest.mark.parametrize(
    ("host", "route", "to"),
    [
        ("api.x.test", Route("api.x.test", "203.0.113.9"), "api.x.test"),
        ("api.x.test", Route("127.0.0.1", "127.0.0.1"), "api.x.test"),
        ("api.x.test", Route("proxy.test", "10.0.0.1"), "api.x.test"),
        ("box.test", Route("box.test", "127.0.1.1"), ""),
        ("localhost", Route("localhost", "::1"), ""),
        ("127.0.0.1", Route("127.0.0.1", "127.0.0.1"), ""),
        ("127.0.0.1", Route("proxy.test", "10.0.0.1"), "proxy.test"),
        ("localhost", Route("proxy.test", "127.0.0.1"), ""),
        ("localhost", Route("localhost", "10.0.0.1"), "localhost"),
        ("localhost", None, ""),
        ("api.x.test", None, "api.x.test"),
        ("192.0.2.2", Route("192.0.2.2", "192.0.2.2"), "192.0.2.2"),
    ],
)
def test_it_is_the_host_that_is_connected_to_that_counts(
    host: str, route: Route | None, to: str
) -> None:
    assert destination(host, route) == to


def test_the_ledger_adds_up_by_host_and_names_calls_with_the_network() -> None:
    def decided(call_id: str, *effects: Effect) -> CallDecided:
        return CallDecided(
            call_id=call_id,
            effects=effects,
            verdict=Verdict.ALLOW,
            reason="",
            containment=Containment.FULL,
        )

    ledger = Ledger()
    for event in (
        BytesLeft(to="a.test", count=10_000),
        BytesLeft(to="b.test", count=5),
        BytesLeft(to="a.test", count=2_340),
        decided("c1", Effect.EXECUTE, Effect.NETWORK),
        ToolStarted(call_id="c1"),
        decided("c2", Effect.EXECUTE),
        ToolStarted(call_id="c2"),
        decided("c3", Effect.NETWORK),
        ToolRequested(call=ToolCall(id="c4", name="shell")),
    ):
        ledger.read(event)
    assert (ledger.left, ledger.online) == ({"a.test": 12_340, "b.test": 5}, 1)
    assert told(ledger.left) == "12,345 bytes left this machine, to a.test and b.test"
    assert told({"c": 1, "b": 1, "a": 2}) == "4 bytes left this machine, to a, b and c"
    assert told({"a": 1}) == "1 byte left this machine, to a"
    assert told({}) == told({"a": 0}) == "nothing left this machine"
    assert told({}, 1).endswith(", not counting one call that used the network")
    assert told({}, 2).endswith(", not counting 2 calls that used the network")

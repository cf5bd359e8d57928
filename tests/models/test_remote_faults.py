"""A remote model over real sockets and a real child: what each fault of a server comes to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import fault_server
import pytest
from fault_server import Answer, error
from remote import ARGUMENTS, ASK, KEY, OPENAI, Talk, calls, children, halves, talking

from agent.errors import ContextOverflow, ModelUnusable, ProviderFailed
from agent.models.base import ModelRequest, NoticeChunk, SpentChunk, TextChunk
from agent.models.retrying import Pace

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- faults that pass


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_asked_again(talk: Talk, status: int) -> None:
    said = await talk.ask(error(status, "come again"), talk.answer())
    assert said.reply.message.text == said.shown == "All done."
    assert len(said.retries) == 1 and said.retries[0].startswith(f"{status} ")
    assert "come again" in said.retries[0]
    (spent,) = [chunk.usage for chunk in said.chunks if isinstance(chunk, SpentChunk)]
    assert spent.bytes_out == 0 and spent.total == 0


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(("end", "whole"), [("close", True), ("close", False), ("reset", True)])
async def test_a_cut_stream_is_begun_anew_without_doubled_text(
    talk: Talk, part: float, end: fault_server.End, whole: bool
) -> None:
    reply = talk.reply("Hello, ", "you.", calls=calls(ARGUMENTS, '{"path": "b.py"}'))
    places = [at for at in halves(reply) if reply[:at].count(b"stop_reason") == 0]
    finish = reply.find(b'"finish_reason": "tool_calls"')
    places = [0, *(at for at in places if finish < 0 or at < finish)]
    at = places[int(part * len(places))]
    said = await talk.ask(Answer(reply[:at], end=end, whole=whole), Answer(reply))
    assert said.shown == said.reply.message.text == "Hello, you."
    assert said.arguments == [{"path": "a.py"}, {"path": "b.py"}]
    assert len(said.retries) == 1 and len(said.asked) == 2


async def test_a_reply_that_was_whole_is_never_asked_for_again(talk: Talk) -> None:
    """What is cut behind the reason to finish has lost its usage, and nothing else."""
    reply = talk.reply("Hello.", calls=calls(ARGUMENTS))
    mark = b'"tool_calls"}' if talk.dialect is OPENAI else b'"tool_use", "stop_sequence"'
    at = reply.index(b"\n\n", reply.index(mark)) + 2
    for end in ("close", "reset"):
        said = await talk.ask(Answer(reply[:at], end=end, whole=False))
        assert said.arguments == [{"path": "a.py"}]
        assert said.retries == [] and len(said.asked) == 1
        assert said.reply.usage.input > 0 and said.reply.usage.output > 0


async def test_a_connection_reset_before_any_answer_is_tried_again(talk: Talk) -> None:
    said = await talk.ask(Answer(silent=True, end="reset"), talk.answer())
    assert said.reply.message.text == "All done."
    assert said.retries[0].startswith("no connection")


async def test_an_error_within_a_stream_is_tried_again(talk: Talk) -> None:
    begun = talk.reply("Hello.", calls=calls(ARGUMENTS))
    begun = begun[: list(halves(begun))[3]]
    told = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    if talk.dialect is OPENAI:
        last = b"data: " + json.dumps(told).encode() + b"\n\n"
    else:
        last = b"event: error\ndata: " + json.dumps({"type": "error", **told}).encode() + b"\n\n"
    said = await talk.ask(Answer(begun + last), talk.answer())
    assert said.shown == "All done." and "Overloaded" in said.retries[0]


async def test_silence_is_borne_only_so_long(talk: Talk) -> None:
    begun = talk.reply("Hello, ", "you.")
    late = list(halves(begun))[3]
    for first in (
        Answer(silent=True, end="stall"),
        Answer(end="stall"),
        Answer(begun[:late], end="stall"),
        Answer(end="pings"),
        Answer(begun[:late], end="pings"),
    ):
        talk.server.left.clear()
        started = time.monotonic()
        said = await talk.ask(first, talk.answer())
        assert said.shown == "All done."
        assert 0.5 < time.monotonic() - started < 4
        words = "signs of life" if first.end == "pings" else "no byte for"
        assert words in said.retries[0]
        await asyncio.wait_for(talk.server.left.wait(), 1)


async def test_what_does_not_pass_ends_with_what_it_was(talk: Talk) -> None:
    said = await talk.ask(error(503, "down for repairs"))
    assert isinstance(said.error, ProviderFailed) and said.error.exit_code == 75
    assert len(said.asked) == 3 and len(said.retries) == 2
    assert "503 unavailable: down for repairs; 3 attempts failed" in said.error.message


async def test_a_wait_that_is_asked_for_is_kept_and_a_long_one_told(talk: Talk) -> None:
    started = time.monotonic()
    said = await talk.ask(error(429, "slow", retry_after="0.4"), talk.answer())
    assert said.shown == "All done." and time.monotonic() - started >= 0.4
    said = await talk.ask(error(429, "slow", retry_after="3600"))
    assert isinstance(said.error, ProviderFailed) and len(said.asked) == 1
    assert "it asks to wait until 20" in said.error.message


async def test_a_child_that_dies_is_started_again() -> None:
    before = children()
    async with talking(OPENAI, pace=Pace(base=0.01)) as talk:
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        said = await talk.ask(talk.answer())
        assert said.shown == "All done." and "killed by SIGKILL" in said.retries[0]


# -- faults that stay


@pytest.mark.parametrize(
    ("status", "words", "hint"),
    [
        (400, "the request was refused (400: tools.0: bad)", "--model"),
        (401, "the key from a test was refused (401: tools.0: bad)", "agent keys set "),
        (402, "a test has no credit (402: tools.0: bad)", "agent keys set "),
        (403, "the key from a test was refused (403: tools.0: bad)", "agent keys set "),
        (404, "no such model at http://127.0.0.1", "check --api-base http://127.0.0.1"),
        (422, "the request was refused (422: tools.0: bad)", "--model"),
        (307, "the request was refused (307", "--model"),
    ],
)
async def test_what_stays_is_told_at_once(talk: Talk, status: int, words: str, hint: str) -> None:
    said = await talk.ask(error(status, "tools.0: bad", location="http://127.0.0.1:9/"))
    assert isinstance(said.error, ModelUnusable) and said.error.exit_code == 2
    assert said.error.message.startswith(f"{talk.dialect.name}: ")
    assert words in said.error.message and hint in said.error.hint
    assert (len(said.asked), said.retries) == (1, [])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "Requested tokens (9000) exceed context window of 8192"),
        (400, "the request exceeds the available context size. try increasing it"),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed"),
        (400, "Input is too long for requested model."),
        (400, "Please reduce the length of the messages or completion."),
        (400, "This model's maximum prompt length is 131072 but the request contains 150000"),
        (400, "The number of tokens to keep from the prompt is greater than the context length."),
        (413, "Request exceeds the maximum size"),
        (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000"),
    ],
)
async def test_a_request_that_does_not_fit_is_told_apart(
    talk: Talk, status: int, words: str
) -> None:
    said = await talk.ask(error(status, words))
    assert isinstance(said.error, ContextOverflow)
    assert (len(said.asked), said.retries) == (1, [])


async def test_a_filter_is_neither_tried_again_nor_the_users_fault(openai: Talk) -> None:
    said = await openai.ask(error(400, "blocked: content_filter"))
    assert said.error is not None and said.error.exit_code == 1
    assert "the provider's filter stopped it" in said.error.message
    said = await openai.ask(Answer(openai.reply("I can", finish="content_filter")))
    assert said.error is not None and said.error.exit_code == 1 and len(said.asked) == 1


async def test_a_key_that_a_server_repeats_is_not_shown(talk: Talk) -> None:
    said = await talk.ask(error(401, f"bad key {KEY}"))
    assert said.error is not None and KEY not in said.error.message
    assert "bad key [key]" in said.error.message
    sent = said.asked[0].headers
    assert KEY in sent.get("authorization", sent.get("x-api-key", ""))


# -- leaving


async def test_a_request_is_left_within_a_second(talk: Talk) -> None:
    begun = talk.reply("Hello, ", "you.")
    for first in (Answer(silent=True, end="stall"), Answer(begun[:500], end="stall")):
        talk.server.left.clear()
        asking = asyncio.create_task(talk.ask(first))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert time.monotonic() - started < 1
        await asyncio.wait_for(talk.server.left.wait(), 1)
        assert (await talk.ask(talk.answer())).shown == "All done."


async def test_a_wait_is_left_at_once(openai: Talk) -> None:
    asking = asyncio.create_task(openai.ask(error(429, "slow", retry_after="4")))
    await asyncio.sleep(0.3)
    started = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - started < 0.5


async def test_a_reader_that_stops_early_ends_the_request(talk: Talk) -> None:
    talk.server.left.clear()
    talk.server.answers = [Answer(talk.reply("Hello, ", "you.")[:900], end="stall")]
    talk.server.requests = []
    stream = talk.model.stream(ModelRequest(ASK))
    async for chunk in stream:
        if isinstance(chunk, TextChunk):
            break
    await stream.aclose()
    await asyncio.wait_for(talk.server.left.wait(), 1)


# -- elsewhere than on this machine: an address that leads here and is not called loopback


async def test_what_a_remote_model_costs_is_counted_and_bounded() -> None:
    async with talking(OPENAI, host="0.0.0.0", max_cost=0.0002) as talk:
        assert not talk.model.local
        said = await talk.ask(talk.answer())
        assert said.reply.usage.cost == pytest.approx(100 * 2.5e-6 + 20 * 1e-5)
        said = await talk.ask(talk.answer())
        assert said.error is not None and said.error.exit_code == 5
        assert (said.asked, said.error.message) == ([], "the limit of $0.0002 was reached")
        assert talk.model.context_window == 128_000


async def test_a_cut_reply_is_paid_for_and_a_limit_then_is_a_failure() -> None:
    async with talking(OPENAI, host="0.0.0.0", max_cost=1e-6) as talk:
        reply = talk.reply("Hello, ", "you.")
        said = await talk.ask(Answer(reply[:-400], end="reset"))
        (spent,) = [chunk.usage for chunk in said.chunks if isinstance(chunk, SpentChunk)]
        assert spent.cost > 1e-6 and spent.input > 10 and spent.output > 2
        assert isinstance(said.error, ProviderFailed) and len(said.asked) == 1
        assert "the limit of $1e-06 was reached while it was asked again" in said.error.message


async def test_a_price_that_is_not_known_is_told_once() -> None:
    async with talking(OPENAI, host="0.0.0.0", name="openai/of-our-own") as talk:
        told = [
            [
                chunk.text
                for chunk in (await talk.ask(talk.answer())).chunks
                if isinstance(chunk, NoticeChunk)
            ]
            for _ in range(2)
        ]
        assert [len(each) for each in told] == [1, 0]
        assert "the price of openai/of-our-own is not known" in told[0][0]
    with pytest.raises(ModelUnusable, match="not known, so no limit on its cost can hold"):
        async with talking(OPENAI, host="0.0.0.0", name="openai/of-our-own", max_cost=1.0):
            pass


async def test_a_server_that_is_not_there_is_told_as_such() -> None:
    async with talking(OPENAI, port=fault_server.refused()) as talk:
        said = await talk.ask(talk.answer())
        assert isinstance(said.error, ProviderFailed) and said.asked == []
        assert len(said.retries) == 2 and "no connection: " in said.error.message

"""A remote model that is not scripted: llama.cpp's own server with the real 0.5B model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import llama_server
import pytest
import pytest_asyncio
from remote import READ

from agent.errors import ProviderFailed
from agent.messages import SystemMessage, UserMessage
from agent.models.base import ModelRequest, ReplyChunk, TextChunk
from agent.models.litellm import LiteLlm
from agent.models.rendering import counted
from agent.models.retrying import Pace
from agent.models.truncation import least

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]
WINDOW = 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(small_model: Path) -> AsyncIterator[LiteLlm]:
    with llama_server.serving(small_model, WINDOW) as url:
        pace = Pace(base=0.01, tries=2)
        remote = LiteLlm("openai/local", api_base=url, key_for=lambda provider: None, pace=pace)
        try:
            await remote.start()
            yield remote
        finally:
            await remote.close()


async def test_a_real_server_answers_in_pieces_and_tells_what_it_used(model: LiteLlm) -> None:
    talk = (SystemMessage(text="Be brief."), UserMessage(text="Say hello in five words."))
    chunks = [chunk async for chunk in model.stream(ModelRequest(talk, max_tokens=16))]
    reply = chunks[-1]
    assert isinstance(reply, ReplyChunk)
    text = [chunk.text for chunk in chunks if isinstance(chunk, TextChunk)]
    assert len(text) > 1 and "".join(text).strip() == reply.message.text != ""
    assert 0 < reply.usage.output <= 17 and reply.usage.input > 10
    assert model.local and reply.usage.bytes_out == 0


async def test_a_real_server_is_told_of_tools(model: LiteLlm) -> None:
    talk = (
        SystemMessage(text="Call a tool first: one JSON object with its name and arguments."),
        UserMessage(text='Show a.py. Answer {"name": "read", "arguments": {"path": "a.py"}}'),
    )
    chunks = [chunk async for chunk in model.stream(ModelRequest(talk, (READ,), max_tokens=40))]
    reply = chunks[-1]
    assert isinstance(reply, ReplyChunk)
    assert [call.arguments for call in reply.message.calls] == [{"path": "a.py"}], reply


async def test_a_real_servers_own_count_is_within_what_can_be_certain(model: LiteLlm) -> None:
    for text in (
        "The quick brown fox jumps over the lazy dog. " * 8,
        "internationalization responsibility characteristics implementation " * 16,
        "def total(amount: int) -> int:\n        return amount - amount * 7 / 100\n" * 6,
        "программирование исправление ошибка функция возвращает " * 8,
        "我们需要修改函数以便返回正确的结果。" * 16,
        "\n".join(map(str, range(90))) + "=" * 200 + " " * 200,
    ):
        talk = (UserMessage(text=text),)
        chunks = [chunk async for chunk in model.stream(ModelRequest(talk, max_tokens=1))]
        reply = chunks[-1]
        assert isinstance(reply, ReplyChunk)
        assert 20 < least(counted(talk, ())) <= reply.usage.input <= model.count(talk, ()), text


async def test_a_real_server_that_is_full_says_nothing_and_we_guess(model: LiteLlm) -> None:
    long = UserMessage(text="word " * 3 * WINDOW)
    # this server closes the connection, and whether that is read as a cut or an end is a race
    with pytest.raises(ProviderFailed, match=r"ended without a reply|reset by peer") as caught:
        async for _ in model.stream(ModelRequest((long,), max_tokens=8)):
            pass
    assert "2 attempts" in caught.value.message
    assert ("WISP_CONTEXT" in caught.value.hint) == ("without a reply" in caught.value.message)

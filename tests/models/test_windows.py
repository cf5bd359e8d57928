"""The window of a remote model: asked of its server, and found out where it said too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import told
from fault_server import Answer, Call, ollama, serving
from hypothesis import given
from hypothesis import strategies as st
from remote import ASK, KEY, OPENAI, QUICK, Talk, talking
from support import agent, lines, put, result

from agent.errors import ContextOverflow
from agent.messages import AssistantMessage, Message, UserMessage
from agent.models.base import NoticeChunk, SpentChunk, ThinkingChunk
from agent.models.litellm import LiteLlm
from agent.models.truncation import Reading, least

PROSE = "the quick brown fox jumps over the lazy dog and then it sleeps "


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[Talk]:
    async with talking(OPENAI, name="llama_server/-", about=told.llama_server(2048)) as talk:
        yield talk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unknown() -> AsyncIterator[Talk]:
    async with talking(OPENAI, name="openai/of-our-own") as talk:
        yield talk


@pytest.mark.asyncio(loop_scope="module")
async def test_a_server_is_asked_for_its_model_and_window(small: Talk) -> None:
    model = small.model
    assert (model.name, model.context_window) == ("llama_server/small-q4", 2048)
    said = await small.ask(small.answer())
    assert said.asked[0].body["model"] == "small-q4"
    assert said.asked[0].path == "/v1/chat/completions"
    # the key is for this address, and it went nowhere else
    asked = {each.headers.get("authorization") for each in small.server.questions}
    assert asked == {f"Bearer {KEY}"}


@pytest.mark.asyncio(loop_scope="module")
async def test_what_does_not_fit_is_not_sent(small: Talk) -> None:
    said = await small.ask(small.answer(), messages=(UserMessage(text=PROSE * 400),))
    assert isinstance(said.error, ContextOverflow) and said.asked == []
    assert "the window has 2,048" in said.error.message
    assert (await small.ask(small.answer())).shown == "All done."


@pytest.mark.asyncio(loop_scope="module")
async def test_a_model_that_is_loaded_by_its_first_request_is_asked_after_it(small: Talk) -> None:
    small.server.about = told.lm_studio(loaded=None)
    model = LiteLlm(
        "lm_studio/qwen3-8b",
        api_base=f"{small.server.url}/v1",
        key_for=lambda provider: None,
        pace=QUICK,
    )
    talk = Talk(OPENAI, small.server, model)
    try:
        await talk.ask(talk.answer())
        assert model.context_window == 1 << 20
        small.server.about = told.lm_studio(loaded=8192)
        await talk.ask(talk.answer())
        assert model.context_window == 8192
    finally:
        await model.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_prompt_that_was_cut_without_a_word_is_told(unknown: Talk) -> None:
    assert unknown.model.context_window == 1 << 20
    long = (UserMessage(text=PROSE * 400),)
    whole = await unknown.ask(Answer(unknown.reply("Yes.", prompt=5300)), messages=long)
    more = (*long, whole.reply.message, UserMessage(text="And now?"))
    said = await unknown.ask(Answer(unknown.reply("Hm.", prompt=2048)), messages=more)
    assert isinstance(said.error, ContextOverflow)
    (notice,) = [chunk.text for chunk in said.chunks if isinstance(chunk, NoticeChunk)]
    assert "the server read 2,048 of about 5,3" in notice and notice == said.error.message
    (spent,) = [chunk.usage for chunk in said.chunks if isinstance(chunk, SpentChunk)]
    assert (spent.input, spent.output) == (2048, 20)
    assert unknown.model.context_window == 2048
    assert (await unknown.ask(unknown.answer())).shown == "All done."


async def test_ollama_is_told_the_window_and_how_much_to_think() -> None:
    async with talking(OPENAI, name="ollama/qwen3:8b", about=told.ollama("qwen3:8b")) as talk:
        assert talk.model.context_window == 16384
        said = await talk.ask(Answer(ollama(["Yes."], ["Hm."])), effort=0)
        assert (said.reply.message.text, said.reply.message.thinking) == ("Yes.", "Hm.")
        body = said.asked[0].body
        assert (said.asked[0].path, body["model"]) == ("/api/chat", "qwen3:8b")
        assert (body["options"]["num_ctx"], body["think"]) == (16384, False)
        body = (await talk.ask(Answer(ollama(["Yes."])))).asked[0].body
        assert "think" not in body
        long = ollama([], ["Let me see. " * 40] * 10)
        said = await talk.ask(Answer(long), Answer(ollama(["Yes."])), effort=1)
        assert said.reply.message.text == "Yes."
        assert any(isinstance(chunk, ThinkingChunk) for chunk in said.chunks)
        assert [each.body.get("think") for each in said.asked] == [None, False]


async def test_a_run_makes_room_when_the_server_cut_its_prompt(tmp_path: Path) -> None:
    names = [f"{number}.md" for number in range(6)]
    folder = put(tmp_path / "project", {name: (PROSE + "\n") * 120 for name in names})
    look = [Call("read", (f'{{"path": "{name}"}}',), f"call_{name[0]}") for name in names]
    cut = Answer(OPENAI.reply(("I saw half.",), prompt=5800))
    async with serving(
        Answer(OPENAI.reply(("I look.",), look, prompt=600)),
        cut,
        Answer(OPENAI.reply(("A fox jumps.",), prompt=4500)),
    ) as server:
        words = ("run", "-m", "openai/x", "--api-base", f"{server.url}/v1", "--json", "-p", "Fox?")
        ended = await asyncio.to_thread(agent, *words, cwd=folder, env={"OPENAI_API_KEY": KEY})
    told_ = result(ended)
    assert (told_.text, ended.code) == ("A fox jumps.", 0), told_.error
    events = lines(ended.out)
    compacted = [each for each in events if each["type"] == "history_compacted"]
    assert len(compacted) == 1 and len(compacted[0]["masked"]) == 4
    notices = [each["text"] for each in events if each["type"] == "notice"]
    assert any("the server read 5,800 of about" in each for each in notices)
    shown = [
        each["content"] for each in server.requests[2].body["messages"] if each["role"] == "tool"
    ]
    assert [text.startswith("[left out") for text in shown] == [True] * 4 + [False] * 2
    assert told_.usage.input == 600 + 5800 + 4500


async def test_a_run_refuses_by_itself_what_a_small_server_cannot_hold(tmp_path: Path) -> None:
    async with serving(OPENAI.answer()) as server:
        server.about = told.llama_server(2048)
        base = ("--api-base", f"{server.url}/v1")
        words = ("run", "-m", "llama_server/", *base, "--json", "-p", PROSE * 300)
        ended = await asyncio.to_thread(agent, *words, cwd=tmp_path)
        assert server.requests == []
        assert (ended.code, result(ended).model) == (5, "llama_server/small-q4")
        assert "the window has 2,048" in result(ended).error
        # what the user says counts for more
        ended = await asyncio.to_thread(agent, *words, cwd=tmp_path, env={"WISP_CONTEXT": "32768"})
        assert (ended.code, len(server.requests)) == (0, 1)


# -- what can be certain


def conversation(*texts: str) -> list[Message]:
    return [
        AssistantMessage(text=text) if number % 2 else UserMessage(text=text)
        for number, text in enumerate(texts)
    ]


def test_a_longer_prompt_that_counts_less_was_cut() -> None:
    reading = Reading()
    first = conversation(PROSE * 300)
    assert not reading.is_cut(first, 4500)
    longer = conversation(PROSE * 300, "Yes.", "Go on. " + PROSE)
    assert not reading.is_cut(longer, 4540)
    assert reading.is_cut(longer, 4096)
    # after a compaction nothing is known of what is new
    assert not reading.is_cut(conversation("Short."), 1200)


def test_a_first_prompt_that_counts_less_than_its_words_can_be_was_cut() -> None:
    assert Reading().is_cut(conversation(PROSE * 400), 2048)
    assert not Reading().is_cut(conversation(PROSE * 400), 4900)


def test_a_server_that_counts_only_what_is_new_raises_no_alarm() -> None:
    reading = Reading()
    assert not reading.is_cut(conversation(PROSE * 300), 4500)
    assert not reading.is_cut(conversation(PROSE * 300, "Yes.", "And now?"), 40)
    assert not reading.is_cut(conversation(PROSE * 300, "Yes.", "And now?", "No.", "Why?"), 1100)
    # as with one that had read all of it in a session before
    assert not Reading().is_cut(conversation(PROSE * 400), 300)


def test_thinking_that_is_not_sent_again_raises_no_alarm() -> None:
    reading = Reading()
    thought = AssistantMessage(text="Yes.", thinking="Let me see. " * 500)
    assert not reading.is_cut([*ASK, thought, UserMessage(text="Go on.")], 4000)
    more = [*ASK, thought, UserMessage(text="Go on."), thought, UserMessage(text="And?")]
    assert not reading.is_cut(more, 1300)


@given(st.text(max_size=400))
def test_no_text_is_said_to_be_more_tokens_than_it_has_words_and_letters(text: str) -> None:
    # a tokeniser has at most one token a byte, and hardly ever one for eight letters
    assert least([{"text": text}]) <= max(len(text.split()), len(text) / 8)

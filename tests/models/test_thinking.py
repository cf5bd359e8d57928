"""How much a model may think: each provider's knob, and the cap of one on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import told
from fault_server import Answer
from remote import ANTHROPIC, OPENAI, Dialect, Talk, talking

from agent.messages import AssistantMessage, Message, SystemMessage, UserMessage
from agent.models.base import (
    Chunk,
    ModelRequest,
    NoticeChunk,
    ReplyChunk,
    SampleRequest,
    SpentChunk,
    TextChunk,
    ThinkingChunk,
)
from agent.models.llamacpp import LlamaCpp
from agent.models.thinking import CAPS, here, knob

REASONS = {"reasons": True, "efforts": [], "default_effort": None}
CLAUDE = "anthropic/claude-sonnet-4-5"


# -- the tables


@pytest.mark.parametrize(
    ("about", "name", "levels"),
    [
        ({"reasons": None}, "openai/gpt-4o", [None] * 5),
        (REASONS, "openai/o3", ["low", "low", None, "high", "high"]),
        (
            REASONS | {"efforts": ["minimal"]},
            "openai/gpt-5",
            ["minimal", "low", None, "high", "high"],
        ),
        (
            REASONS | {"efforts": ["none", "xhigh"], "default_effort": "none"},
            "openai/gpt-5.2",
            [None, None, None, "high", "xhigh"],
        ),
        (REASONS, CLAUDE, [None, None, None, "high", "max"]),
        (
            REASONS | {"efforts": ["xhigh", "max"]},
            "anthropic/claude-opus-4-7",
            [None, None, None, "high", "max"],
        ),
    ],
)
def test_effort_is_each_providers_own_level(
    about: dict[str, Any], name: str, levels: list[str | None]
) -> None:
    found = [knob(effort, about, name, 32_000).get("reasoning_effort") for effort in range(5)]
    assert found == levels


def test_a_budget_of_thinking_stays_below_the_limit_of_the_reply() -> None:
    found = [knob(4, REASONS, CLAUDE, most) for most in (16_385, 16_384, 4096, 1024, None)]
    assert [each.get("reasoning_effort") for each in found] == ["max", "high", "low", None, None]


def test_each_server_is_told_in_its_own_words() -> None:
    kwargs = {"enable_thinking": False, "thinking": False}
    assert here(0, "llama_server", "llama_server/qwen3") == {
        "extra_body": {"chat_template_kwargs": kwargs}
    }
    assert here(0, "ollama", "ollama/qwen3") == {"think": False}
    assert here(0, "", "openai/x") == here(2, "vllm", "vllm/x") == here(4, "vllm", "vllm/x") == {}
    assert here(3, "ollama", "ollama/gpt-oss:20b") == {"think": "high"}
    assert here(1, "vllm", "vllm/openai/gpt-oss-20b")["extra_body"]["reasoning_effort"] == "low"
    assert here(2, "vllm", "vllm/openai/gpt-oss-20b") == {}
    assert list(CAPS) == sorted(CAPS) and CAPS[0] == 0


# -- what arrives at a provider, in both dialects


async def sent(talk: Talk, **more: Any) -> dict[str, Any]:
    said = await talk.ask(talk.answer(), **more)
    assert said.shown == "All done."
    return said.asked[0].body


@pytest.mark.remote
async def test_a_level_arrives_as_openai_has_it() -> None:
    dialect = Dialect("openai/gpt-5-mini", OPENAI.base, OPENAI.write, OPENAI.thinking)
    async with talking(dialect, host="0.0.0.0") as talk:
        bodies = [await sent(talk, effort=effort, temperature=0.5) for effort in range(5)]
    levels = [body.get("reasoning_effort") for body in bodies]
    assert levels == ["minimal", "low", None, "high", "high"]
    assert not any("temperature" in body for body in bodies if body.get("reasoning_effort"))


@pytest.mark.remote
async def test_a_budget_arrives_as_anthropic_has_it() -> None:
    dialect = Dialect(CLAUDE, ANTHROPIC.base, ANTHROPIC.write, ANTHROPIC.thinking)
    async with talking(dialect, host="0.0.0.0") as talk:
        bodies = [await sent(talk, effort=effort, temperature=0.5) for effort in (1, 2, 3, 4)]
        short = await sent(talk, effort=4, max_tokens=2000)
    assert [body.get("thinking") for body in bodies] == [
        *(None, None),
        {"type": "enabled", "budget_tokens": 4096},
        {"type": "enabled", "budget_tokens": 16384},
    ]
    assert [body.get("temperature") for body in bodies] == [0.5, 0.5, None, None]
    assert all(body["max_tokens"] == 32_000 for body in bodies)
    assert (short["thinking"]["budget_tokens"], short["max_tokens"]) == (1024, 2000)


# -- the cap, with a server on this machine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here_() -> AsyncIterator[Talk]:
    async with talking(OPENAI, name="llama_server/-", about=told.llama_server(32768)) as talk:
        yield talk


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("marked", [False, True])
async def test_a_server_that_thinks_for_too_long_is_asked_again_without(
    here_: Talk, marked: bool
) -> None:
    thoughts = ("Let me see. " * 40,) * 10  # 1,200 tokens
    # some leave the marks in the text
    in_text, apart = ("<think>", *thoughts) if marked else (), () if marked else thoughts
    endless = here_.reply(*in_text, thinking=apart)
    cut = endless[: endless.index(b'"finish_reason": "stop"') - 200]
    said = await here_.ask(Answer(cut, end="stall"), here_.answer("Yes."), effort=1)
    assert said.reply.message == AssistantMessage(text="Yes.")
    (notice,) = [chunk for chunk in said.chunks if isinstance(chunk, NoticeChunk)]
    assert "thought for more than 512 tokens, so it is asked again without" in notice.text
    assert notice.hint == "--effort 3 lets it think for longer"
    (spent,) = [chunk.usage for chunk in said.chunks if isinstance(chunk, SpentChunk)]
    assert spent.output > 500
    first, second = (each.body for each in said.asked)
    assert "chat_template_kwargs" not in first
    assert second["chat_template_kwargs"]["enable_thinking"] is False
    assert first["messages"] == second["messages"]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_thinks_within_its_cap_is_let_be(here_: Talk) -> None:
    answer = here_.answer("Yes.", thinking=("Let me see. " * 40,) * 10)
    said = await here_.ask(answer, effort=2)
    assert said.reply.message.text == "Yes." and len(said.asked) == 1
    # told not to from the start, it cannot be told once more
    said = await here_.ask(answer, effort=0)
    assert said.reply.message.text == "Yes." and len(said.asked) == 1
    assert said.asked[0].body["chat_template_kwargs"]["enable_thinking"] is False


# -- the cap, in our own engine


@pytest.fixture(scope="module")
def thinking_file(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The real 0.5B model, with a template that opens a thought as those of thinkers do."""
    data = bytearray(small_model.read_bytes())
    start = data.index(b"{%- if tools %}")
    end = data.index(b"{%- endif %}\n", data.index(b"add_generation_prompt", start)) + 13
    source = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}{# #}"
    )
    room = end - start - len(source)
    data[start:end] = source.replace("{# #}", f"{{#{' ' * (room + 1)}#}}").encode()
    path = tmp_path_factory.mktemp("gguf") / "thinker.gguf"
    path.write_bytes(data)
    del data
    yield path
    path.unlink()  # half a gigabyte


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def thinker(thinking_file: Path) -> AsyncIterator[LlamaCpp]:
    model = LlamaCpp(thinking_file, window=2048)
    yield model
    await model.close()


async def chunks(model: LlamaCpp, *messages: Message, **more: Any) -> list[Chunk]:
    async with aclosing(model.stream(ModelRequest(messages, **more))) as stream:
        return [chunk async for chunk in stream]


def reply_of(found: list[Chunk]) -> ReplyChunk:
    last = found[-1]
    assert isinstance(last, ReplyChunk)
    return last


STORY = UserMessage(text="Tell a long story about a lighthouse keeper and his cat.")


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_a_thought_that_the_prompt_opened_is_ended_and_answered(thinker: LlamaCpp) -> None:
    found = await chunks(thinker, STORY, max_tokens=48, effort=1)
    message = reply_of(found).message
    thought = "".join(chunk.text for chunk in found if isinstance(chunk, ThinkingChunk))
    text = "".join(chunk.text for chunk in found if isinstance(chunk, TextChunk))
    assert thought.strip() == message.thinking != ""
    assert text.strip() == message.text and "think>" not in text + thought
    # the model, which is none that thinks, may open thoughts again
    assert message.thinking.startswith(message.raw.partition("</think>")[0].strip())
    assert "</think>" in message.raw
    notices = [chunk.text for chunk in found if isinstance(chunk, NoticeChunk)]
    assert notices == ["the model had thought for 24 tokens and was told to answer"]
    # what was written for it stays, token for token
    more = await chunks(thinker, STORY, message, UserMessage(text="Go on."), max_tokens=2)
    used = reply_of(more).usage
    assert used.cached >= reply_of(found).usage.input + len(message.tokens) - 1


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_without_effort_there_is_no_thought(thinker: LlamaCpp) -> None:
    found = await chunks(thinker, STORY, max_tokens=8, effort=0)
    message = reply_of(found).message
    assert message.thinking == "" != message.text and "think" not in message.raw
    assert not any(isinstance(chunk, ThinkingChunk | NoticeChunk) for chunk in found)
    asked = (UserMessage(text="Say yes."),)
    samples = await thinker.sample(SampleRequest(asked, prefill="Yes", max_tokens=4))
    assert "think" not in samples[0].text


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_a_thought_that_the_model_opened_is_ended_too(small_model: Path) -> None:
    model = LlamaCpp(small_model, window=2048)
    # shown once how, it does so again
    talk: tuple[Message, ...] = (
        SystemMessage(text="You think first. Every reply begins with <think>."),
        UserMessage(text="What is 2+2?"),
        AssistantMessage(text="<think>\nThe user asks for a sum. 2+2 is 4.\n</think>\n4"),
        UserMessage(text="What is 3+4?"),
    )
    try:
        free = reply_of(await chunks(model, *talk, max_tokens=40, effort=4)).message
        ended = reply_of(await chunks(model, *talk, max_tokens=40, effort=0)).message
    finally:
        await model.close()
    assert "sum" in free.thinking and free.text != ""
    assert ended.raw.startswith("<think>\n\n</think>\n\n")
    assert ended.thinking == "" != ended.text

"""What was read once is not read again: to and fro in one process, and in the next one."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from agent.messages import Message, SystemMessage, UserMessage
from agent.models.base import ModelRequest, ReplyChunk, SampleRequest
from agent.models.llamacpp import LlamaCpp

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

SYSTEM = SystemMessage(text="You help with sums. " + " ".join(f"Rule {n}." for n in range(20)))
BRANCH = 64  # tokens after which two prompts may count as the same: a template's, and the grain
KEPT = 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaCpp]:
    local = LlamaCpp(small_model)
    yield local
    await local.close()


def about(number: int, more: str = "") -> tuple[Message, ...]:
    """Return a long prompt that differs from others after the system message."""
    words = " ".join(str(number * 1000 + each) for each in range(20))
    return SYSTEM, UserMessage(text=f"Numbers: {words}\n{more}")


async def sampled(model: LlamaCpp, messages: tuple[Message, ...]) -> tuple[str, int, int]:
    """Return a greedy answer, the tokens of its prompt, and how many of them were cached."""
    before = model.used
    (sample,) = await model.sample(SampleRequest(messages, max_tokens=6))
    after = model.used
    return sample.text, after.input - before.input, after.cached - before.cached


async def replied(model: LlamaCpp, *messages: Message) -> ReplyChunk:
    async with aclosing(model.stream(ModelRequest(messages, max_tokens=6))) as stream:
        last = [chunk async for chunk in stream][-1]
    assert isinstance(last, ReplyChunk)
    return last


async def test_going_to_and_fro_between_prompts_reads_each_once(model: LlamaCpp) -> None:
    first = [await sampled(model, about(number)) for number in range(3)]
    assert all(cached >= KEPT for _, _, cached in first[1:])  # the system message
    for number in (0, 2, 1, 0):
        _, size, cached = await sampled(model, about(number))
        assert cached == size - 1
        _, size, cached = await sampled(model, about(number, "What is the first of them?"))
        assert cached >= size - BRANCH


async def test_what_is_put_back_says_what_it_said(small_model: Path) -> None:
    """Up to rounding, which depends on what else was in a batch: far less than another prompt."""
    rng = random.Random(3)
    model = LlamaCpp(small_model)

    async def numbers(told: int, asked: int) -> float:
        right = " ".join(str(asked * 1000 + each) for each in range(6))
        (score,) = await model.score(about(told), "Numbers: ", [right])
        return score

    own = {}
    for told in range(3):
        own[told] = await numbers(told, told)
        await model.close()  # the next one finds nothing
    for told in [rng.randrange(3) for _ in range(8)]:
        assert await numbers(told, told) == pytest.approx(own[told], abs=1.0)
    assert await numbers(1, 2) < own[2] - 3
    await model.close()


async def test_the_next_process_begins_where_the_last_one_did(
    small_model: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kv"
    first = LlamaCpp(small_model, kept=kept)
    opening = (SYSTEM, UserMessage(text="How much is 2 + 2?"))
    told = await replied(first, *opening)
    assert told.usage.cached == 0
    await first.close()

    other = LlamaCpp(small_model, kept=kept)
    fresh = await replied(other, SYSTEM, UserMessage(text="And what is 7 - 5?"))
    assert fresh.usage.cached >= fresh.usage.input - KEPT
    await other.close()

    third = LlamaCpp(small_model, kept=kept)
    resumed = await replied(third, *opening, told.message, UserMessage(text="Sure?"))
    assert resumed.usage.cached >= told.usage.input + told.usage.output - 1
    await third.close()


async def test_cells_of_a_file_that_is_torn_are_read_anew(
    small_model: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kv"
    opening = (SYSTEM, UserMessage(text="How much is 2 + 2?"))
    first = LlamaCpp(small_model, kept=kept)
    told = await replied(first, *opening)
    await first.close()
    files = list(kept.glob("*/*.kv"))
    assert files
    for file in files:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    second = LlamaCpp(small_model, kept=kept)
    again = await replied(second, *opening)
    await second.close()
    assert (again.usage.cached, again.message.text) == (0, told.message.text)

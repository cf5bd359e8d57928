"""Answers in a form from the real 0.5B model: what the grammar holds, and what it cannot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from remote import READ

from agent.errors import ModelUnusable
from agent.form import Amiss, Form
from agent.messages import Image, Message, SystemMessage, UserMessage
from agent.models.base import (
    Chunk,
    ModelRequest,
    NoticeChunk,
    PrefillChunk,
    ReplyChunk,
    RetryChunk,
    TextChunk,
)
from agent.models.llamacpp import LlamaCpp

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

TASK = (
    SystemMessage(text="You are a chatty assistant. Always begin with: Sure, of course!"),
    UserMessage(text="Say in plain words, in many sentences, how you are today."),
)
NESTED = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["turquoise", "vermilion"]},
        "places": {
            "type": "array",
            "items": {"$ref": "#/$defs/place"},
            "minItems": 2,
            "maxItems": 3,
        },
        "count": {"type": "integer"},
    },
    "required": ["colour", "places", "count"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 12}, "far": {"type": "boolean"}},
            "required": ["name", "far"],
            "additionalProperties": False,
        }
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaCpp]:
    local = LlamaCpp(small_model)
    yield local
    await local.close()


async def chunks(
    model: LlamaCpp,
    schema: Mapping[str, Any] | None,
    messages: tuple[Message, ...] = TASK,
    **more: Any,
) -> list[Chunk]:
    request = ModelRequest(messages, schema=schema, **{"max_tokens": 160, **more})
    async with aclosing(model.stream(request)) as stream:
        return [chunk async for chunk in stream]


async def reply(model: LlamaCpp, schema: Mapping[str, Any], **more: Any) -> ReplyChunk:
    last = (await chunks(model, schema, **more))[-1]
    assert isinstance(last, ReplyChunk)
    return last


@pytest.mark.parametrize("seed", range(2))
async def test_however_warm_only_the_form_comes_out(model: LlamaCpp, seed: int) -> None:
    done = await reply(model, NESTED, temperature=1.5, seed=seed)
    assert done.stop == "end"
    value = Form(NESTED).read(done.message.text, alone=True).value
    assert value["colour"] in ("turquoise", "vermilion")
    assert 2 <= len(value["places"]) <= 3
    assert done.message.calls == () and done.problem == ""


async def test_free_text_comes_without_a_form_and_cannot_with_one(model: LlamaCpp) -> None:
    free = (await chunks(model, None))[-1]
    assert isinstance(free, ReplyChunk)
    with pytest.raises(Amiss):
        Form({}).read(free.message.text)
    for schema in ({"enum": ["yes", "no"]}, {"type": "integer"}, {"type": "null"}):
        done = await reply(model, schema)
        assert Form(schema).read(done.message.text, alone=True)


async def test_the_text_is_streamed_and_its_tokens_are_kept(model: LlamaCpp) -> None:
    got = await chunks(model, NESTED)
    done = got[-1]
    assert isinstance(done, ReplyChunk)
    texts = [chunk.text for chunk in got if isinstance(chunk, TextChunk)]
    assert "".join(texts) == done.message.text and len(texts) > 5
    assert len(done.message.tokens) == done.usage.output


async def test_an_answer_that_looks_like_a_call_is_none(model: LlamaCpp) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"const": "read"},
            "arguments": {
                "type": "object",
                "properties": {"path": {"enum": ["a.py", "b.py"]}},
                "required": ["path"],
                "additionalProperties": False,
            },
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
    done = await reply(model, schema, tools=(READ,))
    assert done.message.calls == () and done.problem == ""
    assert json.loads(done.message.text)["name"] == "read"


async def test_the_prompt_before_it_is_not_read_again(model: LlamaCpp) -> None:
    request = ModelRequest(TASK, (READ,), max_tokens=8)
    async with aclosing(model.stream(request)) as stream:
        first = [chunk async for chunk in stream][-1]
    assert isinstance(first, ReplyChunk)
    more = (*TASK, first.message, UserMessage(text="Now as JSON.", by="harness"))
    done = await reply(model, {"type": "boolean"}, messages=more, tools=(READ,))
    assert done.usage.cached >= first.usage.input + len(first.message.tokens) - 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": ["a"], "properties": {"a": {"not": {"type": "null"}}}},
        {"oneOf": [{"type": "boolean"}, {"enum": ["maybe"]}]},
        {"type": "array", "maxItems": 2, "items": {"type": "boolean"}, "uniqueItems": True},
    ],
)
async def test_a_keyword_without_a_grammar_leaves_the_rest_of_it(
    model: LlamaCpp, schema: dict[str, Any]
) -> None:
    got = await chunks(model, schema, max_tokens=60)
    assert not any(isinstance(chunk, NoticeChunk) for chunk in got)
    done = got[-1]
    assert isinstance(done, ReplyChunk) and done.message.text
    assert done.message.text.startswith(("{", "[", "true", "false", '"maybe'))


async def test_a_schema_that_is_no_grammar_is_said_once_and_left_to_the_check(
    small_model: Path,
) -> None:
    local = LlamaCpp(small_model)
    schema = {"type": "string", "pattern": "^(?=a)a+$"}
    try:
        first, second = [await chunks(local, schema, max_tokens=8) for _ in range(2)]
    finally:
        await local.close()
    (notice,) = [chunk for chunk in first if isinstance(chunk, NoticeChunk)]
    assert "look-ahead" in notice.text or "regex" in notice.text
    assert "\n" not in notice.text
    assert not any(isinstance(chunk, NoticeChunk) for chunk in second)
    for got in (first, second):
        assert isinstance(got[-1], ReplyChunk) and got[-1].message.text


async def test_a_grammar_that_breaks_off_on_the_way_is_left_and_its_words_are_void(
    small_model: Path,
) -> None:
    local = LlamaCpp(small_model)
    schema = {
        "type": "object",
        "properties": {
            "a": {"enum": ["one two three", "four five six"]},
            "b": {"type": "array", "minItems": 100_000, "items": {"enum": ["x"]}},
        },
        "required": ["a", "b"],
    }
    try:
        got = await chunks(local, schema, max_tokens=30)
        again = await chunks(local, {}, messages=(UserMessage(text="Hi."),), max_tokens=4)
    finally:
        await local.close()
    void = max(place for place, chunk in enumerate(got) if isinstance(chunk, RetryChunk))
    before = "".join(chunk.text for chunk in got[:void] if isinstance(chunk, TextChunk))
    after = "".join(chunk.text for chunk in got[void:] if isinstance(chunk, TextChunk))
    assert before.startswith('{"a')
    assert isinstance(got[-1], ReplyChunk) and got[-1].message.text == after
    (notice,) = [chunk for chunk in got if isinstance(chunk, NoticeChunk)]
    assert "Too many items" in notice.text and "state" not in notice.text
    assert isinstance(again[-1], ReplyChunk)


async def test_pictures_are_refused_before_anything_is_read(model: LlamaCpp) -> None:
    picture = UserMessage(text="What is it?", images=(Image(media_type="image/png", data="AA=="),))
    got: list[Chunk] = []
    with pytest.raises(ModelUnusable, match="does not see images") as caught:
        async with aclosing(model.stream(ModelRequest((picture,)))) as stream:
            async for chunk in stream:
                got.append(chunk)
    assert not any(isinstance(chunk, PrefillChunk) for chunk in got)
    assert "--image" in caught.value.hint

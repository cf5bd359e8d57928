"""Answers in a form, and pictures, over real sockets: what reaches a provider in its dialect."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fault_server import Answer, Call, error, serving
from remote import ARGUMENTS, ASK, KEY, OPENAI, Talk, calls, talking
from support import agent, put, result

from agent.errors import ModelUnusable
from agent.messages import AssistantMessage, Image, ToolMessage, UserMessage
from agent.models.base import NoticeChunk
from tools.base import ToolCall

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
SENT = {name: value for name, value in SCHEMA.items() if name != "$schema"}
VALUE = '{"a": 1, "b": ["x"]}'
LOOKED = (
    *ASK,
    AssistantMessage(calls=(ToolCall(id="c1", name="read", arguments={"path": "a.py"}),)),
    ToolMessage(call_id="c1", name="read", text="x = 1"),
    AssistantMessage(text="It is 1."),
    UserMessage(text="Now as JSON.", by="harness"),
)
PIXELS = bytes(range(256)) * 20
PNG = b"\x89PNG\r\n\x1a\n" + PIXELS
PICTURE = Image(media_type="image/png", data=base64.b64encode(PNG).decode())


# -- answers in a form


async def test_openai_is_told_the_form_and_offered_no_tool(openai: Talk) -> None:
    said = await openai.ask(openai.answer(VALUE), messages=LOOKED, schema=SCHEMA)
    assert said.reply.message.text == VALUE
    (asked,) = said.asked
    assert asked.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SENT, "strict": True},
    }
    assert "tools" not in asked.body and "tool_choice" not in asked.body


@pytest.mark.parametrize(
    "change",
    [
        {"additionalProperties": True},
        {"required": ["a"]},
        {"minProperties": 1},
        {"properties": {"a": {"type": "object"}, "b": {}}},
    ],
)
async def test_what_openai_would_refuse_to_hold_strictly_is_held_loosely(
    openai: Talk, change: dict[str, Any]
) -> None:
    said = await openai.ask(openai.answer(VALUE), schema={**SCHEMA, **change})
    assert said.asked[0].body["response_format"]["json_schema"]["strict"] is False


async def test_anthropic_is_told_the_form_as_a_tool_whose_call_is_the_answer(
    anthropic: Talk,
) -> None:
    body = anthropic.reply(calls=[Call("json_tool_call", (VALUE[:7], VALUE[7:]), "toolu_1")])
    said = await anthropic.ask(Answer(body), messages=LOOKED, schema=SCHEMA)
    assert json.loads(said.reply.message.text) == json.loads(VALUE)
    assert said.reply.message.calls == () and said.reply.problem == ""
    asked = said.asked[0].body
    (tool,) = [each for each in asked["tools"] if each["name"] == "json_tool_call"]
    assert tool["input_schema"]["properties"] == SENT["properties"]
    assert asked["tool_choice"] == {"type": "tool", "name": "json_tool_call"}
    kinds = [[part["type"] for part in each["content"]] for each in asked["messages"]]
    assert kinds == [["text"], ["tool_use"], ["tool_result"], ["text"], ["text"]]


async def test_a_form_that_is_no_object_is_left_to_the_prompt(talk: Talk) -> None:
    said = await talk.ask(talk.answer("[1]"), messages=LOOKED, schema={"type": "array"})
    body = said.asked[0].body
    assert said.reply.message.text == "[1]"
    assert "response_format" not in body
    assert [json.dumps(each).count('"read"') for each in body["tools"]] == [1]
    assert body["tool_choice"] in ("none", {"type": "none"})


async def test_what_looks_like_a_call_in_an_answer_is_none(talk: Talk) -> None:
    text = '{"name": "read", "arguments": {"path": "a.py"}}'
    said = await talk.ask(talk.answer(text), schema={"enum": []})
    assert said.reply.message == AssistantMessage(text=text)
    assert said.reply.problem == ""


async def test_a_form_that_the_provider_refuses_is_left_to_the_prompt() -> None:
    async with talking(OPENAI) as own:
        await own.ask(own.answer())  # the first takes longer
        refusal = error(400, "Invalid schema for response_format 'answer'")
        said = await own.ask(refusal, own.answer(VALUE), schema=SCHEMA)
        assert said.reply.message.text == VALUE
        assert ["response_format" in each.body for each in said.asked] == [True, False]
        (notice,) = [chunk for chunk in said.chunks if isinstance(chunk, NoticeChunk)]
        assert "did not take the schema: 400: Invalid schema" in notice.text
        again = await own.ask(own.answer(VALUE), schema=SCHEMA)
        assert ["response_format" in each.body for each in again.asked] == [False]
        # and what is refused without a form is refused
        failed = await own.ask(refusal, schema=SCHEMA)
        assert isinstance(failed.error, ModelUnusable) and len(failed.asked) == 1


# -- pictures


async def test_the_very_bytes_of_a_picture_arrive_before_the_words(talk: Talk) -> None:
    jpeg = Image(media_type="image/jpeg", data=base64.b64encode(b"\xff\xd8\xff" + PIXELS).decode())
    shown = UserMessage(text="What is it?", images=(PICTURE, jpeg))
    said = await talk.ask(talk.answer(), messages=(ASK[0], shown))
    content = said.asked[0].body["messages"][-1]["content"]
    assert [part["type"] for part in content][2:] == ["text"]
    assert content[2]["text"] == "What is it?"
    if talk.dialect is OPENAI:
        heads, data = zip(
            *(part["image_url"]["url"].split(",") for part in content[:2]), strict=True
        )
        assert heads == ("data:image/png;base64", "data:image/jpeg;base64")
    else:
        sources = [part["source"] for part in content[:2]]
        assert [each["type"] for each in sources] == ["base64"] * 2
        assert [each["media_type"] for each in sources] == ["image/png", "image/jpeg"]
        data = tuple(each["data"] for each in sources)
        assert content[2]["cache_control"] == {"type": "ephemeral"}
    assert list(map(base64.b64decode, data)) == [PNG, b"\xff\xd8\xff" + PIXELS]


async def test_a_picture_is_counted_before_it_is_sent(openai: Talk) -> None:
    plain, shown = UserMessage(text="What?"), UserMessage(text="What?", images=(PICTURE,) * 2)
    more = openai.model.count((shown,), ()) - openai.model.count((plain,), ())
    assert more == 3200


async def test_a_model_that_is_known_not_to_see_is_not_asked() -> None:
    async with talking(OPENAI, name="openai/o3-mini") as own:
        shown = UserMessage(text="What is it?", images=(PICTURE,))
        said = await own.ask(own.answer(), messages=(shown,))
        assert isinstance(said.error, ModelUnusable)
        assert said.error.message == "openai/o3-mini does not see images"
        assert "--image" in said.error.hint and said.error.exit_code == 2
        assert said.asked == []
        assert (await own.ask(own.answer())).reply.message.text == "All done."


# -- by the command line


async def test_a_run_with_a_picture_and_a_form(tmp_path: Path, home: Path) -> None:
    folder = put(tmp_path / "project", {"a.py": "x = 1\n"})
    put(tmp_path / "other", {"shot.png": PNG})
    look = calls(ARGUMENTS)
    async with serving(
        Answer(OPENAI.reply(calls=look)),
        OPENAI.answer("It is one."),
        OPENAI.answer(f"```json\n{VALUE}\n```"),
    ) as server:
        ended = await asyncio.to_thread(
            agent,
            *("run", "-m", "openai/gpt-4o", "--api-base", f"{server.url}/v1", "--json"),
            *("-i", tmp_path / "other/shot.png", "--json-schema", json.dumps(SCHEMA), "What?"),
            cwd=folder,
            env={"OPENAI_API_KEY": KEY},
        )
    told = result(ended)
    assert (ended.code, told.structured) == (0, json.loads(VALUE))
    bodies = [each.body for each in server.requests]
    assert len(bodies) == 3
    assert bodies[2]["messages"][: len(bodies[1]["messages"])] == bodies[1]["messages"]
    url = bodies[2]["messages"][1]["content"][0]["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == PNG
    assert ["response_format" in each for each in bodies] == [False, False, True]

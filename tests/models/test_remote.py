"""A remote model over real sockets and a real child: what each reply comes to."""

from __future__ import annotations

import json

import fault_server
import pytest
from fault_server import Answer, Call
from remote import (
    ARGUMENTS,
    ASK,
    OPENAI,
    Talk,
    calls,
)

from agent.messages import AssistantMessage, ToolMessage, UserMessage
from agent.models.base import TextChunk, ThinkingChunk
from tools.base import ToolCall

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- replies


async def test_text_is_streamed_and_used_tokens_are_told(talk: Talk) -> None:
    said = await talk.ask(talk.answer("Hello, ", "you.", cached=40))
    assert [chunk.text for chunk in said.chunks if isinstance(chunk, TextChunk)] == [
        "Hello, ",
        "you.",
    ]
    assert said.reply.message == AssistantMessage(text="Hello, you.")
    used = said.reply.usage
    assert (used.input, used.cached, used.output, used.cost) == (100, 40, 20, 0)
    assert used.bytes_out == 0, "what goes to loopback stays here"
    assert talk.model.count(ASK, ()) < 200


async def test_calls_in_fragments_and_beside_each_other_are_put_together(talk: Talk) -> None:
    said = await talk.ask(
        Answer(talk.reply("I look.", calls=calls(ARGUMENTS, '{"path": "ü\\n.py"}', "")))
    )
    assert said.reply.message.text == "I look."
    assert said.arguments == [{"path": "a.py"}, {"path": "ü\n.py"}, {}]
    assert [call.id for call in said.reply.message.calls] == ["call_0", "call_1", "call_2"]


async def test_reasoning_is_shown_apart_from_the_answer(talk: Talk) -> None:
    said = await talk.ask(talk.answer("Yes.", thinking=("Let me ", "see.")))
    thought = [chunk.text for chunk in said.chunks if isinstance(chunk, ThinkingChunk)]
    assert "".join(thought) == said.reply.message.thinking == "Let me see."
    assert said.reply.message.text == said.shown == "Yes."


async def test_a_conversation_is_put_as_the_provider_has_it(talk: Talk) -> None:
    first = await talk.ask(Answer(talk.reply("I look.", calls=calls(ARGUMENTS, '{"path": "b"}'))))
    message = first.reply.message
    results = [
        ToolMessage(call_id=call.id, name="read", text=f"of {call.arguments['path']}")
        for call in message.calls
    ]
    more = (*ASK, message, *results, AssistantMessage(), UserMessage(text="And now? \udc80"))
    said = await talk.ask(talk.answer(), messages=more)
    told = said.asked[0].body["messages"]
    assert said.reply.message.text == "All done."
    if talk.dialect is OPENAI:
        assert [each["role"] for each in told] == [
            *("system", "user", "assistant", "tool", "tool", "user")
        ]
        made = [each["function"] for each in told[2]["tool_calls"]]
        assert [json.loads(each["arguments"]) for each in made] == first.arguments
        assert [each["tool_call_id"] for each in told[3:5]] == ["call_0", "call_1"]
        assert told[5]["content"] == "And now? ?"
    else:
        kinds = [[part["type"] for part in each["content"]] for each in told]
        assert kinds == [["text"], ["text", "tool_use", "tool_use"], ["tool_result"] * 2 + ["text"]]


async def test_signed_thinking_goes_back_as_it_came(anthropic: Talk) -> None:
    reply = anthropic.reply(calls=calls(ARGUMENTS), thinking=("Let me ", "see."))
    message = (await anthropic.ask(Answer(reply))).reply.message
    result = ToolMessage(call_id=message.calls[0].id, name="read", text="")
    said = await anthropic.ask(anthropic.answer(), messages=(*ASK, message, result))
    put = said.asked[0].body["messages"][1]["content"]
    assert put[0] == {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}
    assert put[1]["input"] == {"path": "a.py"}


async def test_a_prompt_is_marked_where_anthropic_shall_keep_it(anthropic: Talk) -> None:
    call = ToolCall(id="c1", name="read", arguments={"path": "a.py"})
    talk = (
        *ASK,
        AssistantMessage(calls=(call,)),
        ToolMessage(call_id="c1", name="read", text="x = 1"),
        AssistantMessage(text="It is x."),
        UserMessage(text="And y?"),
    )
    body = (await anthropic.ask(anthropic.answer(), messages=talk)).asked[0].body
    mark = {"type": "ephemeral"}
    assert body["system"][-1]["cache_control"] == mark
    marked = [
        (number, part["type"])
        for number, each in enumerate(body["messages"])
        for part in each["content"]
        if part.get("cache_control") == mark
    ]
    assert marked == [(2, "tool_result"), (4, "text")]
    assert body["max_tokens"] == 32_000


async def test_calls_in_the_text_count_where_there_are_no_native_ones(openai: Talk) -> None:
    text = '```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```'
    said = await openai.ask(openai.answer("I look.\n", text))
    assert said.arguments == [{"path": "a.py"}]
    assert "read" not in said.reply.message.text
    said = await openai.ask(Answer(openai.reply(text, calls=calls('{"path": "b.py"}'))))
    assert said.arguments == [{"path": "b.py"}]
    assert said.reply.message.text == text


async def test_an_empty_reply_is_a_reply(talk: Talk) -> None:
    said = await talk.ask(Answer(talk.reply()))
    assert (said.reply.message, said.reply.problem) == (AssistantMessage(), "")
    assert said.retries == []


# -- calls that are not as they should be


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (ARGUMENTS * 2, {"path": "a.py"}),
        ("{}" + ARGUMENTS, {"path": "a.py"}),
        (json.dumps(ARGUMENTS), {"path": "a.py"}),
        ("null", {}),
        ("[]", {}),
        ("{'path': 'a.py', 'all': True,}", {"path": "a.py", "all": True}),
    ],
)
async def test_what_is_certain_is_repaired(talk: Talk, written: str, meant: object) -> None:
    said = await talk.ask(Answer(talk.reply(calls=calls(written))))
    assert (said.arguments, said.reply.problem) == ([meant], "")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('{"path": ', "not valid JSON"),
        ('{"path": "a.py"', "not valid JSON"),
        ('{"path": NaN}', "not valid JSON"),
        ("[1, 2]", "no JSON object"),
        ("7", "no JSON object"),
        (ARGUMENTS + '{"path": "b.py"}', "2 JSON objects"),
        ('{"path": "' + "x" * (5 << 20) + '"}', "5.2 MB of arguments"),
        ("[" * 5000, "deeply nested|not valid JSON"),
    ],
    ids=range(8),
)
async def test_what_is_not_certain_is_told_to_the_model(
    talk: Talk, written: str, problem: str
) -> None:
    bad = Call("read", fault_server.cut(written, 1 << 16), "call_bad")
    said = await talk.ask(Answer(talk.reply(calls=[*calls(ARGUMENTS), bad])))
    assert said.arguments == [{"path": "a.py"}]
    assert any(words in said.reply.problem for words in problem.split("|"))
    assert len(said.reply.problem) < 300 and len(said.asked) == 1


async def test_an_unknown_tool_is_left_to_the_loop_and_a_nameless_one_told(openai: Talk) -> None:
    said = await openai.ask(Answer(openai.reply(calls=calls("{}", name="fly"))))
    assert [call.name for call in said.reply.message.calls] == ["fly"]
    said = await openai.ask(Answer(openai.reply(calls=calls("{}", name="to fly"))))
    assert said.arguments == [] and "no tool's name" in said.reply.problem


async def test_every_call_has_an_id_that_no_other_has(openai: Talk) -> None:
    same = [Call("read", (f'{{"path": "{each}"}}',), "call_0") for each in "abc"]
    said = await openai.ask(Answer(openai.reply(calls=same)))
    message = said.reply.message
    ids = [call.id for call in message.calls]
    assert [each["path"] for each in said.arguments] == ["a", "b", "c"]
    assert ids[0] == "call_0" and len(set(ids)) == 3
    results = [ToolMessage(call_id=each, name="read", text="") for each in ids]
    none = [Call("read", ('{"path": "d"}',), None), Call("read", (), "call_0")]
    said = await openai.ask(Answer(openai.reply(calls=none)), messages=(*ASK, message, *results))
    later = [call.id for call in said.reply.message.calls]
    assert all(later) and not set(later) & set(ids) and len(set(later)) == 2


async def test_a_call_cut_by_the_limit_of_tokens_is_not_made(talk: Talk) -> None:
    stop = {"finish": "length"} if talk.dialect is OPENAI else {"stop": "max_tokens"}
    for begun in ("", '{"path": "a'):
        made = [*calls('{"path": "b.py"}'), Call("read", (begun,) if begun else (), "call_cut")]
        said = await talk.ask(Answer(talk.reply(calls=made, **stop)))
        assert said.arguments == [{"path": "b.py"}]
        assert said.reply.stop == "length" and "cut off" in said.reply.problem

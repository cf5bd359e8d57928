from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support import script

from agent.errors import ModelUnusable, ProviderFailed
from agent.messages import AssistantMessage, UserMessage
from agent.models.base import (
    Chunk,
    LocalModel,
    ModelRequest,
    ReplyChunk,
    SampleRequest,
    TextChunk,
    ThinkingChunk,
)
from agent.models.choose import open_model
from agent.models.scripted import ScriptedModel, load
from tools.base import ToolCall

PROMPT = (UserMessage(text="x" * 400),)


async def ask(model: ScriptedModel) -> list[Chunk]:
    return [chunk async for chunk in model.stream(ModelRequest(messages=PROMPT))]


def refused(items: object) -> str:
    with pytest.raises(ModelUnusable) as caught:
        ScriptedModel.of(items, name="s.yml")
    return caught.value.message


async def test_replies_come_in_order_with_their_calls(tmp_path: Path) -> None:
    name = script(
        tmp_path / "s.yml",
        {
            "say": "I will\nlook.",
            "think": "hm",
            "calls": [{"read": {"path": "a"}}, {"check": None}],
        },
        "Done.",
    )
    model = open_model(name)
    assert isinstance(model, ScriptedModel)
    *chunks, last = await ask(model)
    assert chunks == [ThinkingChunk("hm"), TextChunk("I will\n"), TextChunk("look.")]
    assert isinstance(last, ReplyChunk)
    calls = (
        ToolCall(id="c1", name="read", arguments={"path": "a"}),
        ToolCall(id="c2", name="check", arguments={}),
    )
    assert last.message == AssistantMessage(text="I will\nlook.", thinking="hm", calls=calls)
    assert last.usage.input == model.count(PROMPT, ()) > 90
    assert last.usage.output > 0
    (_, done) = await ask(model)
    assert isinstance(done, ReplyChunk)
    assert done.message.text == "Done."


async def test_when_the_replies_run_out_it_says_after_how_many() -> None:
    model = ScriptedModel.of([{"say": "only"}], name="s.yml")
    await ask(model)
    with pytest.raises(ModelUnusable, match=r"s\.yml has no reply left after 1"):
        await ask(model)


async def test_a_problem_with_a_call_is_told_beside_the_reply() -> None:
    model = ScriptedModel.of([{"say": "x", "problem": "no such tool"}])
    last = (await ask(model))[-1]
    assert isinstance(last, ReplyChunk)
    assert last.problem == "no such tool"


async def test_it_samples_and_scores_as_a_local_model_does() -> None:
    model = ScriptedModel.of([{"samples": ["a", "b", "c"]}, {"scores": [-1.5, -0.5]}])
    assert isinstance(model, LocalModel)
    samples = await model.sample(SampleRequest(messages=PROMPT, n=2))
    assert [each.text for each in samples] == ["a", "b"]
    assert await model.score(PROMPT, "", ["x", "y"]) == [-1.5, -0.5]


async def test_a_reply_of_another_kind_than_asked_for_is_named() -> None:
    model = ScriptedModel.of([{"say": "hello"}], name="s.yml")
    with pytest.raises(ModelUnusable, match=r"s\.yml, reply 1: samples asked for"):
        await model.sample(SampleRequest(messages=PROMPT))
    model = ScriptedModel.of([{"samples": ["x"]}], name="s.yml")
    with pytest.raises(ModelUnusable, match=r"s\.yml, reply 1: a reply asked for"):
        await ask(model)


async def test_scores_must_be_as_many_as_asked_for() -> None:
    model = ScriptedModel.of([{"scores": [-1.0]}], name="s.yml")
    with pytest.raises(ModelUnusable, match="2 scores were asked for"):
        await model.score(PROMPT, "", ["x", "y"])


async def test_a_pause_can_be_cancelled_at_once() -> None:
    model = ScriptedModel.of([{"say": "late", "pause": 3600}])
    task = asyncio.create_task(ask(model))
    finished, _ = await asyncio.wait([task], timeout=0.01)
    assert not finished
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ({"say": "x"}, "s.yml is not a list of replies"),
        ("hello", "s.yml is not a list of replies"),
        ([{"say": "x"}, {"sya": "x"}], "s.yml, reply 2, sya: Extra inputs are not permitted"),
        (["hello"], "s.yml, reply 1, item: "),
        ([{"calls": {"read": {}}}], "s.yml, reply 1, calls: `calls` is a list of"),
        ([{"calls": ["read"]}], "s.yml, reply 1, calls: each call is one `tool: {arguments}`"),
        ([{"calls": [{"read": {}, "edit": {}}]}], "s.yml, reply 1, calls: each call is one"),
        ([{"calls": [{"read": "a.py"}]}], "s.yml, reply 1, calls.0.1: "),
        ([{"pause": -1}], "s.yml, reply 1, pause: "),
        ([{"samples": "x"}], "s.yml, reply 1, samples: "),
    ],
)
def test_a_bad_item_is_named_by_its_number_and_place(items: Any, said: str) -> None:
    assert refused(items).startswith(said)


@pytest.mark.parametrize("data", [b"- say: [", b"\xff\xfe\xff", b"- !!python/object:os.x {}"])
def test_a_file_that_is_not_yaml_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "s.yml"
    path.write_bytes(data)
    with pytest.raises(ModelUnusable) as caught:
        load(str(path))
    assert caught.value.message.startswith(f"{path} is not YAML: ")


@pytest.mark.parametrize("text", ['[{"say": "a", "pause": 0}]', "[{say: a}]", "- say: a"])
async def test_a_script_may_be_json_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "s").write_text(text)
    model = open_model(f"scripted:{tmp_path / 's'}")
    assert (await ask(load(str(tmp_path / "s"))))[0] == TextChunk("a")
    assert model.name == f"scripted:{tmp_path / 's'}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yml", tmp_path):
        with pytest.raises(ModelUnusable, match=f"cannot read the script {path}: "):
            load(str(path))


async def test_an_empty_file_is_a_script_without_replies(tmp_path: Path) -> None:
    (tmp_path / "s.yml").touch()
    model = load(str(tmp_path / "s.yml"))
    with pytest.raises(ModelUnusable, match="has no reply left after 0"):
        await ask(model)


PARTS = [
    {"session": {"id": "20260101"}},
    {"turn": 1, "window": 4096, "small": True},
    {"say": "one"},
    {"turn": 1, "by": "strong", "remote": "api.test"},
    {"say": "strong"},
    {"turn": 2, "served": True},
    {"say": "two"},
]


async def said(name: str) -> str:
    reply = (await ask(open_model(name)))[-1]
    assert isinstance(reply, ReplyChunk)
    return reply.message.text


async def test_a_file_may_hold_several_turns_and_two_models(tmp_path: Path) -> None:
    name = script(tmp_path / "s#2", *PARTS)
    first = open_model(name)
    assert isinstance(first, LocalModel) and first.small and first.context_window == 4096
    assert open_model(name, 2048).context_window == 2048, "who asks counts more"
    assert [(await ask(first))[-1].message.text for _ in range(2)] == ["one", "two"]
    assert await said(f"{name}#1") == "one" and await said(f"{name}#2") == "two"
    assert not isinstance(open_model(f"{name}#2"), LocalModel) and open_model(f"{name}#2").local
    strong = open_model(f"{name}#strong")
    assert (strong.local, strong.host) == (False, "api.test")
    assert await said(f"{name}#1.strong") == await said(f"{name}#strong") == "strong"
    for part in ("#3", "#2.strong"):
        with pytest.raises(ModelUnusable, match="has no such part"):
            open_model(name + part)
    with pytest.raises(ModelUnusable, match="cannot read"):
        open_model(f"{name}#weak")


async def test_a_model_that_fails_does_so_for_any_request() -> None:
    model = ScriptedModel.of([{"fails": "503"}, {"fails": "again"}])
    with pytest.raises(ProviderFailed, match="503"):
        await ask(model)
    with pytest.raises(ProviderFailed, match="again"):
        await model.sample(SampleRequest(messages=PROMPT))

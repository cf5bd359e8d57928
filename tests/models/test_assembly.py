"""A reply from its fragments: a stream cut at any byte runs no half call and loses no whole one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.assembly import Assembly, Reply, arguments
from tools.base import ToolSchema

READ = ToolSchema(name="read", description="Show a file.", parameters={"type": "object"})


def put(*deltas: dict[str, Any], finish: str | None = "stop", **more: Any) -> Reply | None:
    assembly = Assembly((READ,), **more)
    for delta in deltas:
        list(assembly.feed(delta))
    return assembly.finish(finish)


def fragment(text: str = "", **more: Any) -> dict[str, Any]:
    return {"calls": [{"index": 0, "arguments": text, **more}]}


def made(reply: Reply | None) -> list[dict[str, Any]]:
    assert reply is not None
    return [call.arguments for call in reply.message.calls]


def test_without_a_word_of_the_end_there_is_no_reply() -> None:
    assert put({"text": "Hello."}, fragment("{}", name="read", id="a"), finish=None) is None


def test_calls_that_share_an_index_are_told_apart() -> None:
    by_id = [fragment('{"a": 1}', name="read", id=each) for each in "xyz"]
    assert made(put(*by_id)) == [{"a": 1}] * 3
    without = [fragment(f'{{"a": {each}}}', name="read") for each in "123"]
    assert made(put(*without)) == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_a_name_in_pieces_or_repeated_is_one_name() -> None:
    for names in (("re", "ad"), ("read", "read"), ("re", "read")):
        reply = put(*[fragment(name=each, id="a") for each in names], fragment("{}"))
        assert reply is not None and [call.name for call in reply.message.calls] == ["read"]


def test_our_ids_are_such_as_every_provider_takes() -> None:
    reply = put(fragment("{}", name="read", id="call00002"), taken=["call00002", "c1"])
    assert reply is not None
    (call,) = reply.message.calls
    assert call.id not in ("call00002", "c1") and len(call.id) == 9 and call.id.isalnum()


def test_what_a_provider_gave_with_a_call_is_kept_for_it() -> None:
    reply = put(fragment("{}", name="read", id="a", fields={"sig": "x"}), provider="gemini")
    assert reply is not None
    assert reply.message.replay == {"provider": "gemini", "calls": {"a": {"sig": "x"}}}


def test_unsigned_thinking_is_not_sent_back() -> None:
    reply = put({"blocks": [{"type": "thinking", "thinking": "Hm"}]}, {"text": "Yes."})
    assert reply is not None and reply.message.replay == {}


@given(st.text(max_size=60))
def test_whatever_stands_for_arguments_is_an_object_or_a_problem(text: str) -> None:
    read = arguments(text, "read")
    if isinstance(read, dict):
        json.dumps(read, allow_nan=False)
    else:
        assert read.startswith("Your call of `read`")


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.booleans(), max_size=4),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_arguments_survive_any_fragmentation(value: dict[str, Any], places: list[int]) -> None:
    text = json.dumps(value)
    cuts = sorted({0, len(text), *(min(each, len(text)) for each in places)})
    pieces = [text[a:b] for a, b in itertools.pairwise(cuts)]
    reply = put(fragment(name="read", id="a"), *map(fragment, pieces))
    assert made(reply) == [value]


STREAM: list[dict[str, Any]] = [
    {"text": "I "},
    {"text": "look."},
    fragment(name="read", id="a"),
    *[fragment(each) for each in '{"path": "a.py"}'],
    {"calls": [{"index": 1, "name": "read", "id": "b", "arguments": ""}]},
    *[{"calls": [{"index": 1, "arguments": each}]} for each in '{"path": "b.py"}'],
]
RECORDED = b"".join(json.dumps(each).encode() + b"\n" for each in STREAM)


@pytest.mark.parametrize("finish", [None, "length", "stop"])
def test_cut_at_every_byte_no_half_call_is_made_and_no_whole_one_lost(finish: str | None) -> None:
    for at in range(len(RECORDED) + 1):
        whole = RECORDED[:at].split(b"\n")[:-1]
        reply = put(*map(json.loads, whole), finish=finish)
        if finish is None:
            assert reply is None
            continue
        # the deltas that complete the two calls
        ends = (19, len(STREAM))
        complete = sum(len(whole) >= each for each in ends)
        expected: list[dict[str, Any]] = [{"path": "a.py"}, {"path": "b.py"}][:complete]
        if finish == "stop":  # a provider that calls this whole means a call without arguments
            bare = len(whole) == 3 or len(whole) == 20
            assert made(reply) == [*expected, *([{}] if bare else [])]
        else:
            assert made(reply) == expected
        assert reply is not None
        assert reply.message.text == "I look."[: {0: 0, 1: 2}.get(len(whole), 7)].strip()

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.reading import Reading
from agent.models.toolcalls import parse, render, render_call
from tools.base import ToolCall, ToolSchema

NAMES = ["read", "edit", "write"]
READ = {"path": "a.py"}
EDIT = {"path": "a.py", "old": "x = 1", "new": 'print("hi")\n'}


def one(reply: str) -> tuple[str, dict[str, Any]]:
    found = parse(reply, NAMES)
    assert found.problem == ""
    assert len(found.calls) == 1
    return found.calls[0].name, found.calls[0].arguments


@pytest.mark.parametrize(
    "reply",
    [
        '<tool_call>\n{"name": "read", "arguments": {"path": "a.py"}}\n</tool_call>',
        '<tool_call>{"name": "read", "arguments": {"path": "a.py"}}',
        '```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```',
        '```\n{"name": "read", "arguments": {"path": "a.py"}}\n```',
        '{"name": "read", "arguments": {"path": "a.py"}}',
        'I will look.\n{"name": "read", "parameters": {"path": "a.py"}}',
        '{"name": "read", "arguments": "{\\"path\\": \\"a.py\\"}"}',
        '{"name": "read", "path": "a.py"}',
        '{"tool": "read", "args": {"path": "a.py"}}',
        '{"type": "x", "function": {"name": "read", "arguments": {"path": "a.py"}}}',
        "{'name': 'read', 'arguments': {'path': 'a.py'}}",
        '{"name": "read", "arguments": {"path": "a.py",},}',
        '{"name": "read", "arguments": {"path": "a.py"}',
        '```json\n{"name": "read", "arguments": {"path": "a.py"\n```',
        '<think>Where is it?</think>{"name": "read", "arguments": {"path": "a.py"}}',
    ],
)
def test_one_call_is_read_in_each_form_that_models_write(reply: str) -> None:
    assert one(reply) == ("read", READ)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a\nb"', "a\nb"),
        ('"""a\nb"""', "a\nb"),
        ('"""\n      def f():\n          return "x"\n      """', 'def f():\n    return "x"\n'),
        (r'"^(\d+)$"', r"^(\d+)$"),
        ('"a, ]"', "a, ]"),
        ('"True, None"', "True, None"),
        ('"</tool_call> and ```"', "</tool_call> and ```"),
    ],
)
def test_a_string_is_what_the_model_meant(written: str, meant: str) -> None:
    # the trailing comma keeps plain JSON from reading it
    reply = f'{{"name": "write", "arguments": {{"path": "a", "content": {written},}}}}'
    assert one(reply) == ("write", {"path": "a", "content": meant})


def test_several_calls_and_the_words_between_them_are_kept_apart() -> None:
    reply = (
        "First I look.\n"
        '```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```\n'
        "Then I change it.\n"
        '<tool_call>{"name": "edit", "arguments": {"path": "a.py", "all": true}}</tool_call>'
    )
    found = parse(reply, NAMES, first=4)
    assert found.text == "First I look.\nThen I change it."
    assert [(call.id, call.name) for call in found.calls] == [("c4", "read"), ("c5", "edit")]
    assert found.calls[1].arguments == {"path": "a.py", "all": True}


def test_json_that_is_no_call_stays_text() -> None:
    reply = 'The file is:\n```json\n{"name": "my-package", "version": "1.0"}\n```'
    found = parse(reply, NAMES)
    assert (found.text, found.calls, found.problem) == (reply, (), "")


def test_an_unknown_tool_in_a_tag_is_still_a_call() -> None:
    found = parse('<tool_call>{"name": "fly", "arguments": {}}</tool_call>', NAMES)
    assert [call.name for call in found.calls] == ["fly"]


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n{"name": "write", "arguments": {"path": "a", "content": "x',
        '<tool_call>{"name": "read" "arguments" {"path"}}</tool_call>',
        '{"name": "read", "arguments": 7}',
    ],
)
def test_what_cannot_be_read_is_a_problem_that_shows_the_shape(reply: str) -> None:
    found = parse(reply, NAMES)
    assert found.calls == ()
    assert '{"name": <tool-name>, "arguments": <args-json-object>}' in found.problem


def test_a_call_that_was_cut_off_is_not_completed() -> None:
    reply = '{"name": "read", "arguments": {"path": "a.py", "end": 10'
    assert parse(reply, NAMES).calls
    found = parse(reply, NAMES, cut=True)
    assert found.calls == ()
    assert "Write it again" in found.problem


def test_without_tools_nothing_is_a_call() -> None:
    reply = '{"name": "read", "arguments": {"path": "a.py"}}'
    assert parse(reply, []).text == reply


words = st.text(alphabet="ab \"\\\n{}[],:'`<>/é", max_size=30)
values = st.recursive(
    words | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.dictionaries(words, values, max_size=4))))
def test_every_call_that_is_written_as_shown_is_read_back(
    calls: list[tuple[str, dict[str, Any]]],
) -> None:
    meant = [
        ToolCall(id=f"c{index}", name=name, arguments=arguments)
        for index, (name, arguments) in enumerate(calls, 1)
    ]
    found = parse("\n".join(map(render_call, meant)), NAMES)
    assert list(found.calls) == meant
    assert found.text == ""


@given(words, st.sampled_from(['{"name": "read"', "<tool_call>", "```json\n{", ""]), words)
def test_no_text_at_all_breaks_the_reader(before: str, start: str, after: str) -> None:
    found = parse(before + start + after, NAMES)
    assert not (found.calls and found.problem)


PIECES = [
    "Hello ", "world.\n", "<think>", "</think>", "`x`", "```", "json\n", '{"name": "read",',
    ' "arguments": {"path": "a.py"}}', "<tool_", "call>", "\n", "{", "a < b",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_what_is_shown_on_the_way_is_the_text_of_the_reply(pieces: list[str]) -> None:
    reading = Reading(NAMES)
    shown = [pair for piece in pieces for pair in reading.feed(piece)]
    reply = parse("".join(pieces), NAMES)
    shown += reading.finish(reply)
    assert "".join(text for thinking, text in shown if not thinking) == reply.text


def test_a_call_is_never_shown_as_text() -> None:
    reading = Reading(NAMES)
    reply = 'I look.\n```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```'
    shown = [pair for letter in reply for pair in reading.feed(letter)]
    shown += reading.finish(parse(reply, NAMES))
    assert "".join(text for _, text in shown) == "I look."


def test_tools_are_shown_as_signatures() -> None:
    edits = {"type": "array", "items": {"type": "object", "properties": {"old": {}, "new": {}}}}
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "start": {"type": "integer"},
            "state": {"enum": ["todo", "done"]},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "edits": edits,
        },
        "required": ["path"],
    }
    shown = render([ToolSchema(name="t", description="Does it.", parameters=schema)])
    assert shown.splitlines()[1] == (
        "t(path, start?: int, state?: todo|done, limit?: int, edits?: [{old?, new?}]) Does it."
    )
    assert json.loads(shown.split("```json\n")[1].split("\n```")[0].replace("<", '"').replace(
        ">", '"'
    )) == {"name": "tool-name", "arguments": "args-json-object"}  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n{"name": "read", "arguments": {"path": "a.py"}}}\n```',
        '```json\n{\n  "name": "read",\n  "arguments": {"path": "a.py"}\n}"""\n```',
        '{"name": "read", "arguments": {"path": "a.py"}}}',
        '<tool_call>{"name": "read", "arguments": {"path": "a.py"}}}\n</tool_call>',
    ],
)
def test_what_is_closed_once_too_often_is_no_text(reply: str) -> None:
    found = parse(reply, NAMES)
    assert (found.text, [each.arguments for each in found.calls]) == ("", [READ])


def test_words_behind_a_call_stay() -> None:
    found = parse('```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```\n(so)', NAMES)
    assert found.text == "(so)"

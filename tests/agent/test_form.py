"""The form of an answer: which schemas are refused, and which texts hold an answer."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.form import Amiss, Form

OBJECT = Form({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
ANY = Form({})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def amiss(form: Form, text: str, *, alone: bool = False) -> str:
    with pytest.raises(Amiss) as caught:
        form.read(text, alone=alone)
    return str(caught.value)


# -- schemas


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"type": "strng"}', "the schema, at $.type: 'strng' is not"),
        (
            '{"properties": {"a": {"items": {"required": "x"}}}}',
            "the schema, at $.properties.a.items.required: 'x' is not of type 'array'",
        ),
        ('{"pattern": "("}', "the schema, at $.pattern: '(' is not a 'regex'"),
        ('{"a": ', "the schema is not JSON: line 1, column 7: "),
        ('{\n "type": x}', "the schema is not JSON: line 2, column 10: "),
        ('{"a": ' * 100_000, "the schema is not JSON: "),
        ('{"$ref": "#/$defs/a"}', "the reference /$defs/a leads nowhere inside of it"),
        ('{"items": {"$ref": "#b"}}', "leads nowhere inside of it"),
        ('{"$ref": "http://127.0.0.1:9/x"}', "the reference http://127.0.0.1:9/x leads nowhere"),
        ('{"$ref": "file:///etc/passwd"}', "the reference file:///etc/passwd leads nowhere"),
        ('{"$ref": "other.json"}', "the reference other.json leads nowhere"),
        ('{"$ref": "#"}', "refers to itself without end"),
        ('{"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#"}}}', "without end"),
        ('{"$schema": "http://evil.test/s"}', "at $.$schema: no known draft: 'http://evil.test/s'"),
        ('{"$schema": [1]}', "at $.$schema: no known draft: [1]"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_its_place(given: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Form.load(given)
    assert said in caught.value.message
    assert "\n" not in caught.value.message and caught.value.hint


def test_a_schema_is_read_from_a_file_or_a_pipe_or_the_text(tmp_path: Path) -> None:
    schema = {"type": "object", "title": "ü"}
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema, ensure_ascii=False), encoding="utf-8-sig")
    assert Form.load(str(file)).schema == schema
    assert Form.load("  " + json.dumps(schema)).schema == schema
    read, write = os.pipe()
    writer = threading.Thread(
        target=lambda: os.write(write, b'{"type": "null"}') and os.close(write)
    )
    writer.start()
    assert Form.load(f"/proc/self/fd/{read}").schema == {"type": "null"}
    writer.join()
    os.close(read)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]", "is not a JSON schema: it is no object"),
        (b"true", "is not a JSON schema"),
        (b"", "is not JSON: line 1, column 1"),
        (b"\xff\xfe{}", "is not JSON: "),
        (b"{" + b" " * (1 << 20) + b"}", "is over 1 MB"),
    ],
)
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.json") as caught:
        Form.load(str(file))
    assert said in caught.value.message
    for name in (str(tmp_path), str(tmp_path / "none"), "a\0b", "~nobody-of-that-name/x"):
        with pytest.raises(UsageError, match="cannot read the schema"):
            Form.load(name)


def test_a_draft_that_the_schema_names_counts() -> None:
    old = {"type": "integer", "maximum": 4, "exclusiveMaximum": True}
    with pytest.raises(UsageError, match="exclusiveMaximum"):
        Form(old)
    form = Form({**old, "$schema": "http://json-schema.org/draft-04/schema#"})
    assert form.read("3").value == 3
    assert "at $: 4 is" in amiss(form, "4")


def test_references_inside_of_the_schema_are_followed() -> None:
    tree = Form(
        {
            "$ref": "#node",
            "$defs": {
                "node": {
                    "$anchor": "node",
                    "type": "object",
                    "properties": {"kids": {"type": "array", "items": {"$ref": "#node"}}},
                    "additionalProperties": False,
                }
            },
        }
    )
    assert tree.read('{"kids": [{"kids": []}]}').value == {"kids": [{"kids": []}]}
    assert "at $.kids[0]: " in amiss(tree, '{"kids": [{"other": 1}]}')


def test_formats_are_not_checked() -> None:
    assert Form({"format": "email"}).read('"no address"').value == "no address"


# -- answers


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '\n {"a":\n1} \n',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}```',
        '```JSON\n{"a": 1}\n```\n',
    ],
)
def test_an_answer_alone_is_read_with_or_without_a_fence(text: str) -> None:
    assert OBJECT.read(text, alone=True).value == OBJECT.read(text).value == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        'Sure, here it is: {"a": 1}',
        'Sure.\n\n{"a": 1}\n',
        'Here:\n```json\n{"a": 1}\n```\nI hope it helps.',
    ],
)
def test_words_around_are_forgiven_but_not_where_nothing_was_asked_for_yet(text: str) -> None:
    assert OBJECT.read(text).value == {"a": 1}
    amiss(OBJECT, text, alone=True)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "I cannot.", '{"a": 1} {"a": 2}', '{"a": 1}, as you asked', '{"a": 1',
        'Either [1] or {"a": 1}', 'Not {"a": 2} but\n{"a": 1}', "{'a': 1}", '{"a": 1,}',
        '```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', '{"a": NaN}', '{"a": 1e999}',
        "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "The answer is 5",
    ],
)  # fmt: skip
def test_what_is_not_certainly_one_value_is_no_answer(text: str) -> None:
    said = amiss(ANY, text)
    assert said and "\n" not in said


def test_each_mistake_is_told_with_its_place_and_short() -> None:
    form = Form(
        {
            "type": "object",
            "properties": {
                "kind": {"enum": ["bug", "wish"]},
                "lines": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["kind", "lines", "title"],
        }
    )
    said = amiss(form, '{"kind": "joke", "lines": [1, "two"]}').splitlines()
    assert "at $: 'title' is a required property" in said
    assert "at $.kind: 'joke' is not one of ['bug', 'wish']" in said
    assert "at $.lines[1]: 'two' is not of type 'integer'" in said
    long = amiss(form, json.dumps({"kind": "x" * 9000, "lines": ["y" * 9000], "title": 1}))
    assert all(len(line) < 300 for line in long.splitlines())
    assert "is not one of ['bug', 'wish']" in long


def test_a_choice_tells_of_the_choice_that_was_nearest() -> None:
    form = Form({"anyOf": [{"type": "object", "required": ["x"]}, {"type": "null"}]})
    assert amiss(form, "{}") == "at $: 'x' is a required property"


def test_a_number_beyond_arithmetic_is_a_mistake_and_no_crash() -> None:
    assert "out of range" in amiss(Form({"multipleOf": 0.5}), "1" + "0" * 400)


@given(JSON)
def test_every_value_is_read_back_as_it_was(value: Any) -> None:
    answer = ANY.read(json.dumps(value))
    assert answer.value == value
    assert json.loads(answer.text) == value
    assert "\n" not in answer.text
    assert ANY.read(f"```json\n{json.dumps(value, indent=2)}\n```", alone=True).value == value


def test_half_of_a_pair_can_still_be_written() -> None:
    answer = ANY.read('"\\ud83d and é"')
    assert answer.text.encode() and json.loads(answer.text) == "\ud83d and é"
    assert ANY.read('"é"').text == '"é"'

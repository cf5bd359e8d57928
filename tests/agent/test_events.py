from __future__ import annotations

import json
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from agent import events
from agent.events import (
    SCHEMA,
    Base,
    CallDecided,
    Ending,
    MessageFinished,
    Notice,
    Result,
    SessionStarted,
    ToolFinished,
    as_line,
    parse,
)
from agent.policy import Grant
from sandbox.base import Containment

UNION: tuple[type[Base], ...] = get_args(get_args(events.Event)[0])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: json_values,
    Grant: st.builds(Grant, tool=st.text(max_size=5)),  # its examples must fit the rest of it
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return values(inner[0])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of([values(each) for each in inner])
    if origin is tuple and inner[-1] is not Ellipsis:
        return st.tuples(*map(values, inner))
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert issubclass(kind, BaseModel), kind
    kind.model_rebuild()
    fields = {name: values(field.annotation) for name, field in kind.model_fields.items()}
    return st.builds(kind, **fields)


def leaves(kind: type[Base]) -> set[type[Base]]:
    below = {each for child in kind.__subclasses__() for each in leaves(child)}
    return below or {kind}


@pytest.mark.parametrize("kind", UNION, ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_every_event_comes_back_from_its_line(kind: type[Base], data: st.DataObject) -> None:
    event = data.draw(values(kind))
    line = as_line(event)
    assert "\n" not in line
    back = parse(line)
    assert type(back) is kind
    assert back == event


def test_every_kind_of_event_is_in_the_union_and_its_type_is_its_name() -> None:
    assert set(UNION) == leaves(Base)
    for kind in UNION:
        name = "".join("_" + c.lower() if c.isupper() else c for c in kind.__name__).lstrip("_")
        assert kind.model_fields["type"].default == name


def test_events_are_data_only_and_never_change() -> None:
    for kind in UNION:
        assert kind.model_config["frozen"] is True
        assert kind.model_config["extra"] == "forbid"
    notice = Notice(text="a")
    with pytest.raises(ValidationError):
        notice.text = "b"  # type: ignore[misc]  # that is what is tried


def test_a_line_of_the_log_says_its_schema() -> None:
    started = SessionStarted(
        id="s", cwd="/w", model="m", autonomy=3, effort=2, containment=Containment.FULL
    )
    told = json.loads(as_line(started))
    assert (told["type"], told["schema_version"]) == ("session_started", SCHEMA)


def test_the_result_and_the_end_of_a_turn_say_the_same_things() -> None:
    shared = set(Ending.model_fields) - set(Base.model_fields)
    assert shared == {
        "outcome", "exit_code", "text", "structured", "error", "hint", "verification", "usage",
        "steps",
    }  # fmt: skip
    assert {"permission_denials", "files_changed", "session", "containment"} <= set(
        Result.model_fields
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        b'{"type": "unheard_of"}',
        b'{"type": "notice"}',
        b'{"type": "notice", "text": "a", "more": 1}',
        b'{"type": "notice", "text": "\xff"}',
        b"\x00" * 100,
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(ValidationError):
        parse(line)


def test_names_that_utf8_cannot_carry_stand_in_their_shown_form() -> None:
    finished = ToolFinished.model_validate(
        {"call_id": "c1", "result": {"text": "caf\udce9 \ud800 é", "changed": ("a\udcff",)}}
    )
    back = parse(as_line(finished))
    assert isinstance(back, ToolFinished)
    assert back.result.text == "caf\\xe9 ? é"
    assert back.result.changed == ("a\\xff",)


def test_what_a_decision_was_is_told_in_words_of_the_table() -> None:
    line = (
        b'{"type": "call_decided", "call_id": "c1", "effects": ["READ", "EXECUTE"],'
        b' "verdict": "ask", "reason": "r", "containment": 2}'
    )
    decided = parse(line)
    assert isinstance(decided, CallDecided)
    assert json.loads(as_line(decided))["effects"] == ["READ", "EXECUTE"]


def test_the_ids_that_a_local_model_sampled_are_kept() -> None:
    line = (
        b'{"type": "message_finished", "usage": {"input": 3, "output": 2},'
        b' "message": {"role": "assistant", "text": "hi", "tokens": [1, 2]}}'
    )
    finished = parse(line)
    assert isinstance(finished, MessageFinished)
    assert finished.message.tokens == (1, 2)
    assert finished.usage.total == 5

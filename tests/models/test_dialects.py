"""Replies of many families: what is read of them, what is shown on the way, what a limit leaves."""

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.models.dialects.base import Dialect, begun, whole
from agent.models.dialects.table import DIALECTS, openings
from agent.models.reading import Reading
from agent.models.toolcalls import ParsedReply, parse
from tools.base import ToolCall, ToolSchema

TEXT, INTEGER, YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
EDITS = {"type": "array", "items": {"type": "object", "properties": {"old": TEXT, "new": TEXT}}}
ITEM = {"type": "object", "properties": {"text": TEXT, "state": {"enum": ["todo", "done"]}}}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "read": {"path": TEXT, "start": {"anyOf": [INTEGER, {"type": "null"}]}},
    "edit": {"path": TEXT, "old": TEXT, "new": TEXT, "all": YES, "line": INTEGER, "edits": EDITS},
    "write": {"path": TEXT, "content": TEXT, "overwrite": YES},
    "search": {"pattern": TEXT, "glob": TEXT, "ignore_case": YES},
    "shell": {"command": TEXT},
    "plan": {"items": {"type": "array", "items": ITEM}},
    "check": {},
}
TOOLS = [
    ToolSchema(name=name, description="", parameters={"type": "object", "properties": properties})
    for name, properties in ARGUMENTS.items()
]


@dataclass(frozen=True)
class Sample:
    family: str
    source: str
    reply: str
    text: str = ""
    thinking: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    cut: bool = False
    opened: bool = False


def samples() -> list[Any]:
    found = []
    for path in sorted((Path(__file__).parent / "dialects").glob("*.yaml")):
        for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))):
            sample = Sample(**entry)
            found.append(pytest.param(sample, id=f"{sample.family}-{path.stem}-{number}"))
    assert len(found) >= 40
    return found


SAMPLES = samples()


def calls_of(reply: ParsedReply) -> list[dict[str, Any]]:
    return [{call.name: call.arguments} for call in reply.calls]


def read(sample: Sample) -> ParsedReply:
    return parse(sample.reply, TOOLS, cut=sample.cut, opened=sample.opened)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_reply_is_read_in_the_form_of_its_family(sample: Sample) -> None:
    found = read(sample)
    assert calls_of(found) == sample.calls
    assert (found.text, found.thinking) == (sample.text, sample.thinking)
    assert sample.problem in found.problem
    assert bool(found.problem) == bool(sample.problem)


def shown(sample: Sample, chunks: list[str], reply: ParsedReply) -> tuple[list[str], str]:
    """Return the text shown after each chunk, and the thinking."""
    reading = Reading(TOOLS, opened=sample.opened)
    texts, thoughts = [""], []
    for pairs in [
        *(reading.feed(chunk) for chunk in chunks),
        reading.finish(reply, cut=sample.cut),
    ]:
        text = texts[-1]
        for thinking, part in pairs:
            assert part
            if thinking:
                thoughts.append(part)
            else:
                text += part
        texts.append(text)
    return texts, "".join(thoughts)


def chunked(text: str, seed: int) -> list[str]:
    rng = random.Random(seed)
    chunks, at = [], 0
    while at < len(text):
        size = rng.randint(1, 12)
        chunks.append(text[at : at + size])
        at += size
    return chunks


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_shown_on_the_way_is_the_text_and_never_a_part_of_a_call(sample: Sample) -> None:
    reply = read(sample)
    for chunks in (list(sample.reply), *(chunked(sample.reply, seed) for seed in range(8))):
        texts, thinking = shown(sample, chunks, reply)
        assert texts[-1] == reply.text
        assert all(reply.text.startswith(text) for text in texts)
        assert thinking.strip() == reply.thinking


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_limit_at_any_place_never_makes_a_call_that_was_not_written(sample: Sample) -> None:
    meant = calls_of(read(sample))
    for end in range(len(sample.reply)):
        part = parse(sample.reply[:end], TOOLS, cut=True, opened=sample.opened)
        found = calls_of(part)
        assert found == meant[: len(found)], sample.reply[:end]
        assert not (found and part.problem)


@pytest.mark.parametrize("sample", SAMPLES)
def test_without_tools_only_the_thinking_is_taken_from_a_reply(sample: Sample) -> None:
    found = parse(sample.reply, [], opened=sample.opened)
    assert (found.calls, found.problem) == ((), "")
    assert found.thinking == sample.thinking


# -- what each dialect writes, it reads

# a text that holds the quote of Gemma 4, which has no way to escape it, cannot be written there
letters = st.text(alphabet="ab \"\\\n{}[]()=,:;'`#<>/|é", max_size=20).filter(
    lambda text: '<|"|>' not in text
)
VALUES = {
    "string": letters,
    "integer": st.integers(-(10**9), 10**9),
    "boolean": st.booleans(),
    "array": st.lists(st.fixed_dictionaries({"old": letters, "new": letters}), max_size=2),
}
ROUND: dict[str, dict[str, Any]] = {"path": TEXT, "line": INTEGER, "all": YES, "edits": EDITS}
round_arguments = st.fixed_dictionaries(
    {}, optional={name: VALUES[about["type"]] for name, about in ROUND.items()}
)
names = st.sampled_from(["read", "go_to", "x"])
WRITTEN = [dialect for dialect in DIALECTS if dialect.write]


@pytest.mark.parametrize("dialect", WRITTEN, ids=lambda dialect: str(dialect.name))
@settings(max_examples=25)  # of each
@given(name=names, arguments=round_arguments)
def test_what_a_dialect_writes_is_read_back(
    dialect: Dialect, name: str, arguments: dict[str, Any]
) -> None:
    assert dialect.write
    tool = ToolSchema(name=name, description="", parameters={"properties": ROUND})
    call = ToolCall(id="c1", name=name, arguments=arguments)
    written = dialect.write(call)
    for before in ("", "So:\n"):
        found = parse(before + written, [tool])
        assert (found.calls, found.problem) == ((call,), "")
        assert found.text == before.strip()
        reading = Reading([tool])
        way = [pair for letter in before + written for pair in reading.feed(letter)]
        assert "".join(text for _, text in [*way, *reading.finish(found)]) == found.text


def test_each_dialect_has_a_name_of_its_own_and_is_written_in_some_sample() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
    table = openings(tuple(ARGUMENTS))
    seen = set()
    for param in SAMPLES:
        reply, at = param.values[0].reply, 0
        while match := table.whole.search(reply, at):
            seen.add(table.dialect(match).name)
            at = match.end() + 1
    assert {dialect.name for dialect in DIALECTS} - seen == set()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: str(dialect.name))
def test_every_beginning_of_an_opening_is_held_back(dialect: Dialect) -> None:
    """The two expressions of an opening agree: up to where one matches, the other does."""
    assert dialect.write
    written = dialect.write(ToolCall(id="c1", name="read", arguments={"path": "a"}))
    known = ("read",)
    finds = [re.compile(whole(opening, known)) for opening in dialect.opens]
    holds = [re.compile(begun(opening, known)) for opening in dialect.opens]
    (start, end) = min(
        (match.start(), match.end()) for find in finds if (match := find.search(written))
    )
    for size in range(start + 1, end):
        assert any(hold.match(written[:size], start) for hold in holds), written[:size]


PIECES = [
    "Hello ", "world.\n", "<think>", "</think>", "```", "```json\n", '{"name": "read",', "[",
    ' "arguments": {"path": "a.py"}}', "<tool_", "call>", "\n", "{", "<function=read>", "read(",
    "<parameter=path>", "</parameter>", "</function>", "<|channel|>", "analysis", "<|message|>",
    "commentary to=functions.read", "final", "<|end|>", "<|start|>assistant", "[TOOL_CALLS]",
    "<|tool_call_begin|>", "<invoke name=", '"read">', "</invoke>", 'path="a.py")', "]",
    "<\uff5ctool▁", "call▁begin\uff5c>", "[THINK]", "[/THINK]", "call:read{", "<|tool_call>",
    "<tool_call>read", "<arg_key>path</arg_key>", "<arg_value>a", "</arg_value>", "</tool_call>",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.booleans())
def test_any_mixture_is_shown_as_it_is_read(pieces: list[str], cut: bool) -> None:
    written = "".join(pieces)
    sample = Sample("any", "made up", written, cut=cut)
    reply = read(sample)
    texts, _ = shown(sample, pieces, reply)
    assert texts[-1] == reply.text
    assert not (reply.calls and reply.problem)


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.data())
def test_a_limit_in_any_mixture_makes_no_call(pieces: list[str], data: st.DataObject) -> None:
    written = "".join(pieces)
    end = data.draw(st.integers(0, len(written)))
    meant = calls_of(parse(written, TOOLS, cut=True))
    found = calls_of(parse(written[:end], TOOLS, cut=True))
    assert found == meant[: len(found)]

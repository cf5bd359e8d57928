"""What a small model is told of: fewer arguments, and no completed call that its tool refuses."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks import Bytes, walk

from agent.models._matching import AfterTrigger
from agent.models.grammar import WORDS, calls
from agent.models.providers import named_small
from agent.models.toolcalls import parse, render, render_call, trigger
from tools import registry
from tools.base import ToolCall, ToolSchema

BYTES = Bytes()
BRIEF = registry.schemas(small=True)
GRAMMAR = calls(BRIEF)


@given(seed=st.integers(0, 10**9), tool=st.sampled_from(BRIEF))
def test_every_call_that_can_be_written_is_one_that_its_tool_takes(
    seed: int, tool: ToolSchema
) -> None:
    written = walk(BYTES, GRAMMAR, Random(seed), f'{{"name": "{tool.name}"')
    (call,) = parse(written, BRIEF).calls
    registry.parse(call)  # raises ToolError for what does not belong together


CODE = "\n```\n```python\ndef f():\n    return '\\d \"x\"'\n```\n"
PAGE = "\n```\n```markdown\n# A\n```bash\nls\n```\nb\n```\n"


@pytest.mark.parametrize(
    ("call", "can"),
    [
        ('"edit", "arguments": {"path": "a", "symbol": "f"}}' + CODE, True),
        ('"edit", "arguments": {"path": "a", "old": "f", "new": "", "all": true}}', True),
        ('"edit", "arguments": {"path": "a", "old": "f"}}' + CODE, False),
        ('"edit", "arguments": {"path": "a", "symbol": "f"}}\n```\n```python\n```\n', True),
        ('"edit", "arguments": {"path": "a", "symbol": "f"}}\n', False),
        ('"edit", "arguments": {"path": "a", "symbol": "f", "new": "x"}}', False),
        ('"edit", "arguments": {"path": "a", "old": "f", "symbol": "g"}}' + CODE, False),
        ('"edit", "arguments": {"path": "a", "old": ""}}' + CODE, False),
        ('"edit", "arguments": {"path": "a"}}' + CODE, False),
        ('"write", "arguments": {"path": "a"}}' + PAGE, True),
        ('"write", "arguments": {"path": "a"}}\n```\n```text\nx\n\n\n\n\ny\n```\n', True),
        ('"write", "arguments": {"path": "a"}}\n```\n```text\nx\n\n\n\n\n\n\ny\n```\n', False),
        ('"write", "arguments": {"path": "a", "delete": true}}', False),
        ('"shell", "arguments": {"command": "ls", "network": true}}', False),
        ('"shell", "arguments": {"command": "a\n\n\n\nb"}}'.replace("\n", "\\n"), True),
        ('"shell", "arguments": {"command": "a\n\n\n\n\n"}}'.replace("\n", "\\n"), False),
        ('"shell", "arguments": {"command": "é \\"q\\" \\\\d"}}', True),
        ('"shell", "arguments": {"command": "\\b"}}', False),
    ],
)
def test_only_what_belongs_together_can_be_written(call: str, can: bool) -> None:
    matcher = BYTES.matcher(GRAMMAR)
    written = matcher.take(BYTES.tokenise(f'{{"name": {call}')) and matcher.complete
    assert written is can


@pytest.mark.parametrize(
    ("behind", "text"),
    [
        (CODE, "def f():\n    return '\\d \"x\"'\n"),
        (PAGE, "# A\n```bash\nls\n```\nb\n"),
        ("\n```\n```", ""),
        ("\n```\n\n\n```python\nx\n```\nDone.", "x\n"),
    ],
)
def test_the_block_behind_a_call_is_read_as_it_is(behind: str, text: str) -> None:
    start = '```json\n{"name": "%s", "arguments": {"path": "a"%s}}'
    reply = parse(start % ("edit", ', "symbol": "f"') + behind, BRIEF)
    (call,) = reply.calls
    assert call.arguments["new"] == text
    assert reply.text == ("Done." if "Done." in behind else "")
    (call,) = parse(start % ("write", "") + behind, BRIEF).calls
    assert call.arguments["content"] == text


def test_what_another_model_wrote_is_shown_as_this_one_writes_it() -> None:
    given = {"path": "a.py", "symbol": "x", "new": "y\n  z\n"}
    call = ToolCall(id="c1", name="edit", arguments=given)
    written = render_call(call, BRIEF)
    assert written.endswith('"symbol": "x"}}\n```\n```python\ny\n  z\n```')
    assert parse(written, BRIEF).calls == (call,)


def test_a_block_that_was_cut_off_makes_no_call() -> None:
    call = '{"name": "edit", "arguments": {"path": "a", "symbol": "f"}}\n```\nx'
    reply = parse(call, BRIEF, cut=True)
    assert not reply.calls
    assert reply.problem.startswith("Your call was cut off before its end")


def test_code_in_the_arguments_is_read_too() -> None:
    (call,) = parse(
        '{"name": "edit", "arguments": {"path": "a", "old": "x", "new": "y"}}\n```\nz\n```', BRIEF
    ).calls
    assert call.arguments["new"] == "y"


def test_each_way_of_a_tool_is_shown_as_a_call_of_its_own() -> None:
    shown = render(BRIEF)
    assert "edit(path, symbol) or edit(path, old, new, all?: bool) Replace" in shown
    assert "write(path) Create" in shown
    assert len(shown) < len(render(registry.schemas()))


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("ollama/qwen2.5-coder:1.5b", True),
        ("ollama/llama3.2:3b-instruct", True),
        ("openai/qwen3-30b-a3b", False),
        ("mistral/mistral-large", False),
        ("openai/gpt-4b1t", False),
    ],
)
def test_a_model_may_say_by_its_name_that_it_is_small(name: str, small: bool) -> None:
    assert named_small(name) is small


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ('{"name": "check", "arguments": {}}', "\nand"),
        ('```json\n{"name": "check", "arguments": {}}\n```', "\nand"),
        ('I look.\n```json\n{"name": "check", "arguments": {}}\n```', "\nand"),
        ('```json\n{"name": "edit", "arguments": {"path": "a", "symbol": "f"}}' + CODE, "and"),
        ('{"name": "edit", "arguments": {"path": "a", "symbol": "f"}}' + CODE, "and"),
        ('```\nx\n```\n{"name": "check", "arguments": {}}', "\nand"),
    ],
)
def test_a_reply_ends_behind_its_first_call_and_the_fence_around_it(text: str, more: str) -> None:
    held = AfterTrigger(BYTES, trigger([tool.name for tool in BRIEF]), GRAMMAR, once=True)
    written = ""
    for letter in text + more:
        for token in BYTES.tokenise(letter):
            may = held.mask()
            assert may is None or may[token], written
            held.accept(token, written + letter, False)
        written += letter
        if held.complete:
            break
    assert written == text


def test_a_reply_that_begins_like_a_call_is_one_of_a_tool_that_there_is() -> None:
    for begin, free in (('```json\n{"name": "', False), ('So:\n{"name": "', True)):
        held = AfterTrigger(BYTES, trigger([tool.name for tool in BRIEF]), GRAMMAR)
        for end in range(1, len(begin) + 1):
            held.accept(ord(begin[end - 1]), begin[:end], False)
        may = held.mask()
        assert (may is None) is free
        assert may is None or (may[ord("e")] and not may[ord("d")])


@pytest.mark.parametrize(
    ("text", "can"), [("There are 4.\n- `a`", True), ("Él", True), ("```json", False), ("{", False)]
)
def test_a_reply_that_is_to_be_words_begins_with_a_letter(text: str, can: bool) -> None:
    assert BYTES.matcher(WORDS).take(BYTES.tokenise(text)) is can

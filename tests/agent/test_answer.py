"""Turns whose final answer is asked for in a form, in process and by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from grammar import holds
from sessions import ALLOWED, START, TALK, Ran, Reply, carried, prepare
from support import UNITTEST, agent, lines, put, result, script

from agent.events import (
    CheckFinished,
    HarnessSpoke,
    MessageFinished,
    StepStarted,
    TurnFinished,
)
from agent.form import Form
from agent.history import History
from agent.log import read
from agent.loop import Limits
from agent.messages import AssistantMessage, ToolMessage, UserMessage

SCHEMA = {
    "type": "object",
    "properties": {"fixed": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["fixed"],
    "additionalProperties": False,
}
GOOD = '{"fixed": true, "why": "ü"}'
VALUE = {"fixed": True, "why": "ü"}
END = [TurnFinished]
ASKED = [HarnessSpoke, *TALK]
WRITE = {"write": {"path": "new.py", "content": "x = 1\n"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.py": "x = 0\n"})


async def run(
    root: Path, replies: Sequence[Reply], schema: dict[str, Any] = SCHEMA, **more: Any
) -> Ran:
    ran = await prepare(root, replies, **more)
    ran.turn.form = Form(schema)
    await carried(ran)
    return ran


async def test_the_answer_is_asked_for_after_the_loop_has_come_to_rest(root: Path) -> None:
    ran = await run(root, [{"calls": [{"read": {"path": "a.py"}}]}, "It is fixed.", GOOD])
    assert ran.types == [*START, StepStarted, MessageFinished, *ALLOWED, *TALK, *ASKED, *END]
    assert ran.end.structured == VALUE
    assert json.loads(ran.end.text) == VALUE and ran.end.text == '{"fixed":true,"why":"ü"}'
    assert (ran.end.outcome, ran.end.exit_code, ran.end.steps) == ("done", 0, 3)


async def test_the_schema_is_shown_once_and_the_history_only_grows(root: Path) -> None:
    bad = '{"fixed": "yes"}'
    ran = await run(root, ["Done.", bad, bad, GOOD])
    first, *others = [each.text for each in ran.of(HarnessSpoke)]
    assert json.dumps(SCHEMA, ensure_ascii=False) in first
    assert len(others) == 2
    assert all("at $.fixed: 'yes' is not of type 'boolean'" in each for each in others)
    assert not any("properties" in each for each in others)
    requests = ran.model.requests
    for before, after in pairwise(requests):
        assert after.messages[: len(before.messages)] == before.messages
        assert after.tools == before.tools
    assert [each.schema for each in requests] == [None, SCHEMA, SCHEMA, SCHEMA]
    assert ran.end.structured == VALUE


@pytest.mark.parametrize("reply", [GOOD, f"```json\n{GOOD}\n```"])
async def test_a_last_reply_that_is_the_answer_is_taken(root: Path, reply: str) -> None:
    ran = await run(root, [reply])
    assert ran.end.structured == VALUE and ran.of(HarnessSpoke) == []
    assert (ran.end.steps, len(ran.model.requests)) == (1, 1)


async def test_words_of_the_loop_around_an_answer_are_not_the_answer(root: Path) -> None:
    ran = await run(root, [f"I would say {GOOD}", '{"fixed": false}'])
    assert ran.end.structured == {"fixed": False}


async def test_null_can_be_an_answer(root: Path) -> None:
    ran = await run(root, ["Nothing to say.", "null"], {"type": "null"})
    assert (ran.end.structured, ran.end.text, ran.end.exit_code) == (None, "null", 0)


async def test_no_valid_answer_after_three_repairs_is_a_job_not_done(root: Path) -> None:
    ran = await run(root, ["Done.", "no", "no", "no", '{"fixed": 1}', GOOD])
    assert ran.types == START + TALK + ASKED * 4 + END
    assert (ran.end.outcome, ran.end.exit_code) == ("failed", 1)
    assert ran.end.error == (
        "no answer in the form asked for: at $.fixed: 1 is not of type 'boolean'"
    )
    assert (ran.end.structured, ran.end.text) == (None, "")
    assert ran.end.hint


async def test_what_was_changed_and_verified_stands_without_an_answer(root: Path) -> None:
    put(root, {"test_a.py": "import unittest\nclass T(unittest.TestCase):\n def test(s): pass\n"})
    replies = [{"calls": [WRITE]}, "Done.", *["no"] * 4]
    ran = await run(root, replies, check=f"{UNITTEST} test_a")
    assert (ran.end.outcome, ran.end.exit_code) == ("failed", 1)
    assert (root / "new.py").read_text() == "x = 1\n" and ran.end.changed == ("new.py",)
    assert ran.end.verification.verified
    assert ran.types.index(CheckFinished) < ran.types.index(HarnessSpoke)


async def test_an_answer_does_not_make_a_change_verified(root: Path) -> None:
    ran = await run(root, [{"calls": [WRITE]}, "Done.", GOOD])
    assert (ran.end.outcome, ran.end.exit_code) == ("unverified", 3)
    assert ran.end.structured == VALUE


async def test_a_call_in_place_of_the_answer_is_not_made(root: Path) -> None:
    ran = await run(root, ["Done.", {"calls": [WRITE]}, GOOD])
    assert not (root / "new.py").exists() and ran.results == []
    assert ran.end.structured == VALUE
    assert "the reply was empty" in ran.of(HarnessSpoke)[1].text
    replies = [m for m in ran.session.history.messages if isinstance(m, AssistantMessage)]
    assert [each.calls for each in replies] == [()] * 3


@pytest.mark.parametrize(
    ("limits", "steps"), [(Limits(steps=2), 2), (Limits(steps=1), 1), (Limits(tokens=20), 1)]
)
async def test_the_limits_hold_while_the_answer_is_asked_for(
    root: Path, limits: Limits, steps: int
) -> None:
    ran = await run(root, ["Done.", "no", GOOD], limits=limits)
    assert (ran.end.outcome, ran.end.exit_code, ran.end.steps) == ("limit", 5, steps)
    assert (ran.end.structured, ran.end.text) == (None, "")
    # nothing is said to a model that is not asked any more
    assert len(ran.of(HarnessSpoke)) == steps - 1


async def test_no_answer_is_asked_of_a_loop_that_a_limit_ended(root: Path) -> None:
    read_it = {"calls": [{"read": {"path": "a.py"}}]}
    ran = await run(root, [read_it] * 9)
    assert ran.end.error == "the model went round in circles"
    assert not any("JSON" in each.text for each in ran.of(HarnessSpoke))


async def test_the_log_folds_into_the_same_history(root: Path) -> None:
    ran = await run(root, ["Done.", "no", GOOD])
    holds(ran.events)
    logged = read(ran.session.log_path).events
    assert History.of(logged).messages == ran.session.history.messages
    spoken = [m for m in ran.session.history.messages if isinstance(m, UserMessage)]
    assert [each.by for each in spoken] == ["user", "harness", "harness"]
    last = logged[-1]
    assert isinstance(last, TurnFinished) and last.structured == VALUE
    assert not any(isinstance(m, ToolMessage) for m in ran.session.history.messages)


async def test_the_limit_on_time_holds_while_the_answer_is_asked_for(root: Path) -> None:
    ran = await prepare(root, ["Done.", {"say": GOOD, "pause": 30}], limits=Limits(wall_s=1.0))
    ran.turn.form = Form(SCHEMA)
    await carried(ran)
    assert (ran.end.outcome, ran.end.structured, ran.end.text) == ("limit", None, "")


# -- by the command line


def test_stdout_is_the_answer_and_nothing_else(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yml", {"calls": [WRITE]}, "Done.", GOOD)
    words = ("run", "-m", model, "--json-schema", json.dumps(SCHEMA), "-p", "Fix it.")
    ended = agent(*words, cwd=root, env={"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"})
    assert ended.out == '{"fixed":true,"why":"ü"}\n'
    assert ended.code == 3
    assert "+x = 1" in ended.err.splitlines()


@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_without_an_answer_stdout_has_none(root: Path, tmp_path: Path, form: str) -> None:
    model = script(tmp_path / "s.yml", "Done.", *["no"] * 4)
    schema = put(tmp_path, {"schema.json": json.dumps(SCHEMA)}) / "schema.json"
    words = ("run", "-m", model, "--output-format", form, "--json-schema", schema, "x")
    ended = agent(*words, cwd=root)
    assert ended.code == 1
    if form == "text":
        assert ended.out == ""
        (error,) = ended.errors
        assert error.startswith("error: no answer in the form asked for: it is not one JSON value")
        return
    told = result(ended)
    assert (told.structured, told.text, told.outcome) == (None, "", "failed")
    assert len(lines(ended.out)) == 1 or form == "stream-json"


def test_the_result_has_the_answer_as_a_value_and_as_text(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yml", "Done.", f"Here it is:\n```json\n{GOOD}\n```\nBye.")
    words = ("run", "-m", model, "--output-format", "json", "--json-schema", json.dumps(SCHEMA))
    (told,) = lines(agent(*words, "x", cwd=root).out)
    assert told["structured"] == json.loads(told["text"]) == VALUE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--json-schema", '{"type": "strng"}'], "the schema, at $.type: "),
        (["run", "--json-schema", "none.json"], "cannot read the schema none.json: "),
        (["run", "--json-schema", '{"$ref": "none.json"}'], "the schema: the reference none.json"),
        (["fix", "--json-schema", "{}"], "no such option: --json-schema"),
    ],
)
def test_a_bad_schema_is_one_line_before_anything_starts(
    root: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    model = script(tmp_path / "s.yml", "never said")
    ended = agent(*words, "-m", model, "x", cwd=root)
    assert (ended.code, ended.out) == (2, "")
    (error,) = ended.errors
    assert error.startswith(f"error: {said}") and len(ended.hints) == 1


def test_jsonschema_is_loaded_where_the_flag_is_used_alone(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yml", GOOD)
    for words, loaded in (([], "False"), (["--json-schema", "{}"], "True")):
        program = (
            f"import sys; sys.argv = ['agent', 'run', '-m', {model!r}, 'x', *{words!r}]\n"
            "from agent.entry import main\n"
            "try: main()\n"
            "except SystemExit: print('jsonschema' in sys.modules, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=root,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.stderr.splitlines()[-1] == loaded

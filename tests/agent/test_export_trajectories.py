"""A session as data to train on: what each line holds, and that those who train can read it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from metres import KILO, PROJECT, TIMES, worked
from support import UNITTEST, agent, put, script

from agent.asked import Asked, Offered
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    HistoryCompacted,
    MessageFinished,
    Sampled,
    SessionStarted,
    StepStarted,
    Tally,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    Verification,
)
from agent.export.trajectories import trajectories
from agent.messages import AssistantMessage, Image, SystemMessage, Usage, UserMessage
from agent.policy import Autonomy
from sandbox.base import Containment
from tools.base import ToolCall, ToolResult

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "trajectories.schema.json").read_text())
TRAINER = os.environ.get("WISP_TRL_PYTHON", "")  # that has trl, datasets and verifiers

STARTED = SessionStarted(
    id="s1",
    cwd="/home/me/shop",
    model="m",
    autonomy=Autonomy.RUN,
    effort=2,
    containment=Containment.FULL,
    system="You help.",
)
TOOL = Offered(name="read", description="Show.", parameters={"type": "object"})
ASKED = Asked(model="m", reach="engine", window=4096, tools=(TOOL,))
CALL = ToolCall(id="c1", name="read", arguments={"path": "a.py"})


def lines(events: Sequence[Base]) -> list[dict[str, Any]]:
    """The lines of a session, each held to the schema that is documented."""
    text, _ = trajectories(events, "t.jsonl")
    told = [json.loads(each) for each in text.splitlines()]
    for each in told:
        jsonschema.validate(each, SCHEMA)
        json.loads(each["tools"])
    return told


def turn(record: Verification, *between: Base, **more: Any) -> list[Base]:
    """A turn of one call and an answer; the record is that of its checks."""
    look = AssistantMessage(text="I look.", thinking="hm", calls=(CALL,))
    used = Usage(input=100, cached=40, output=10, cost=0.5)
    result = ToolResult(text="x = 1", summary="", origin=more.pop("origin", ""))
    return [
        STARTED,
        TurnStarted(prompt="mend it", **more),
        StepStarted(step=1),
        MessageFinished(message=look, usage=used, asked=ASKED),
        ToolRequested(call=CALL),
        ToolFinished(call_id="c1", result=result),
        *between,
        StepStarted(step=2),
        MessageFinished(message=AssistantMessage(text="Done: all pass."), usage=used),
        TurnFinished(outcome="done", verification=record),
    ]


def test_a_turn_is_one_line_with_its_calls_and_tools() -> None:
    (line,) = lines(turn(Verification()))
    assert line["prompt"] == [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "mend it"},
    ]
    first, answer, last = line["completion"]
    assert first["reasoning_content"] == "hm"
    function = {"name": "read", "arguments": '{"path": "a.py"}'}
    assert first["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]
    assert answer == {"role": "tool", "content": "x = 1", "tool_call_id": "c1", "name": "read"}
    assert last == {"role": "assistant", "content": "Done: all pass."}
    assert json.loads(line["tools"])[0]["function"]["name"] == "read"
    assert line["id"] == "s1/1/0" and line["metadata"]["model"] == "m"
    assert "me/shop" not in json.dumps(line["metadata"]), "the repository is a hash"


BEFORE = {"before": Tally(passed=1, failed=2), "after": Tally(passed=3), "strength": "tests"}
TWO = ("t::a", "t::b")


@pytest.mark.parametrize(
    ("record", "reward"),
    [
        (Verification(), None),  # whatever the model says of itself
        (Verification(verified=True, targets=TWO, newly_passing=TWO, **BEFORE), 1.0),
        (Verification(verified=True, **(BEFORE | {"strength": "exit-status"})), 0.5),
        (Verification(reason="own", **(BEFORE | {"strength": "self-written"})), 0.25),
        (Verification(reason="r", targets=TWO, newly_passing=("t::a",), **BEFORE), 0.1),
        (
            Verification(
                reason="r", targets=TWO, newly_passing=TWO, newly_failing=("t::c",), **BEFORE
            ),
            0.0,
        ),
    ],
)
def test_the_reward_is_what_the_checks_said(record: Verification, reward: float | None) -> None:
    (line,) = lines(turn(record))
    assert line["reward"] == reward
    parts = line["reward_parts"]
    assert (parts["tokens"], parts["cost"], parts["steps"]) == (140, 1.0, 2)


def test_foreign_text_is_marked_and_pictures_are_left_out_with_a_note() -> None:
    image = Image(media_type="image/png", data="QUJD")
    (line,) = lines(turn(Verification(), origin="example.org", images=(image,)))
    assert line["taint"] == [{"message": 3, "source": "example.org"}]
    assert line["metadata"]["tainted"] is True
    assert line["left_out"] == ["message 1: 1 pictures"] and "QUJD" not in json.dumps(line)


def test_what_the_model_no_longer_saw_is_said() -> None:
    (line,) = lines(turn(Verification(), HistoryCompacted(masked=("c1",), before=9, after=4)))
    assert line["completion"][1]["content"] == "x = 1", "as it stood when it was read"
    assert "compacted" in line["left_out"][0]


def test_answers_to_one_prompt_share_it_and_each_has_its_attempt() -> None:
    asked = (SystemMessage(text="You repair."), UserMessage(text="f is wrong", by="harness"))
    first = Sampled(
        texts=(" 1", " 2"),
        usage=Usage(input=20, output=4),
        request=1,
        prompt="d",
        messages=asked,
        prefill="def f():\n",
        starts=("    return", "    yield"),
        asked=ASKED,
    )
    again = Sampled(texts=("x",), request=2, prompt="d", prefill="def f():\n")
    end = Verification(verified=True, strength="tests", after=Tally(passed=2))
    told = lines(
        [
            STARTED,
            TurnStarted(prompt="", kind="fix"),
            first,
            AttemptStarted(attempt=1, detail="slip: no model wrote it"),
            AttemptFinished(attempt=1, verdict="failed", passing=0, targets=2),
            AttemptStarted(attempt=2, detail="vary", sample=(1, 1)),
            AttemptFinished(attempt=2, verdict="failed", passing=1, targets=2),
            again,
            AttemptStarted(attempt=3, detail="rewrite", sample=(2, 0)),
            AttemptFinished(attempt=3, verdict="refused"),
            AttemptStarted(attempt=4, detail="rewrite", sample=(1, 0)),
            AttemptFinished(attempt=4, verdict="verified", passing=2, targets=2),
            TurnFinished(outcome="done", verification=end),
        ]
    )
    assert [each["metadata"]["attempt"] for each in told] == [2, 3, 4]
    assert [each["reward"] for each in told] == [0.1, 0.0, 1.0]
    assert [each["completion"][0]["content"] for each in told] == [
        "def f():\n    yield 2",
        "def f():\nx",
        "def f():\n    return 1",
    ]
    assert [each["prefill"] for each in told] == [18, 9, 19], "what the harness wrote of it"
    assert all(each["prompt"] == told[0]["prompt"] and each["tools"] == "[]" for each in told)
    assert told[0]["reward_parts"]["tokens"] == 12


@pytest.mark.full
@pytest.mark.usefixtures("written")
async def test_attempts_of_one_conversation_go_on_from_each_other(tmp_path: Path) -> None:
    root = put(tmp_path / "work", PROJECT)
    ran = await worked(root, {"calls": [TIMES]}, "Done.", {"calls": [KILO]}, "Done.", effort=2)
    first, second = lines(ran.events)
    assert [each["metadata"]["kind"] for each in (first, second)] == ["loop", "loop"]
    assert [each["metadata"]["verdict"] for each in (first, second)] == ["failed", "verified"]
    assert (first["reward"], second["reward"]) == (0.0, 1.0)
    whole = [*first["prompt"], *first["completion"]]
    assert second["prompt"][: len(whole)] == whole, "told why, it goes on"
    assert [each["role"] for each in first["completion"]] == ["assistant", "tool", "assistant"]
    assert {"edit", "check"} <= {each["function"]["name"] for each in json.loads(first["tools"])}


CALC = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""


def exported(tmp_path: Path) -> str:
    """Export a session of a repair and one of a talk, as they are."""
    root = put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})
    name = script(
        tmp_path / "s.yaml",
        {"samples": ["    return a * b\n"]},
        {"samples": ["    return a + b\n"]},
    )
    words = ("--check", UNITTEST, "--rungs", "rewrite")
    assert agent("fix", "-m", name, *words, cwd=root).code == 0
    read = {"calls": [{"read": {"path": "calc.py"}}, {"search": {"pattern": "a"}}]}
    name = script(tmp_path / "r.yaml", {"think": "hm", **read}, "It adds.")
    assert agent("run", "-p", "what?", "-m", name, cwd=root).code == 0
    text = ""
    for session in agent("sessions", "list", cwd=root).out.splitlines():
        export = ("sessions", "export", session.split()[0], "--format", "trajectories")
        text += agent(*export, cwd=root).out
    return text


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_real_sessions_have_the_form_and_their_reward(tmp_path: Path) -> None:
    text = exported(tmp_path)
    told = [json.loads(each) for each in text.splitlines()]
    for each in told:
        jsonschema.validate(each, SCHEMA)
    assert [each["reward"] for each in told] == [None, 0.0, 1.0]
    assert told[2]["completion"][0]["content"].endswith("return a + b\n")


@pytest.mark.usefixtures("written")
@pytest.mark.skipif(not TRAINER, reason="NOT TESTED, no Python with TRL: WISP_TRL_PYTHON names one")
def test_those_who_train_read_it(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text(exported(tmp_path))
    done = subprocess.run(
        [TRAINER, Path(__file__).with_name("trl_reads.py"), tmp_path / "all.jsonl"],
        capture_output=True,
        check=False,
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout.decode().splitlines()[-1])
    assert [each["reward"] for each in found] == [None, 0.0, 1.0]
    assert all(each["conversational"] for each in found)
    kinds = ["SystemMessage", "UserMessage", "AssistantMessage", "ToolMessage", "ToolMessage"]
    assert found[0]["verifiers"][:7] == [*kinds, "AssistantMessage", "read"]
    drawn = found[0]["drawn"]
    assert all("It adds." in each and "search" in each for each in drawn.values())
    for name in ("qwen3", "qwen2_5"):
        assert '"arguments": {"path": "calc.py"}' in drawn[name], "one object, not a text of one"

"""A desk: many turns of one session, and what the user does between and beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.approval import nobody
from agent.config import Settings
from agent.desk import Desk
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AutonomyChanged,
    Base,
    CallDecided,
    EffortChanged,
    HarnessSpoke,
    Notice,
    PromptTaken,
    ToolFinished,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.job import Job
from agent.log import read
from agent.messages import UserMessage
from agent.policy import Autonomy
from agent.prompted import BETTER
from agent.redaction import Redaction
from agent.resumption import Resume
from tests.support import UNITTEST, put, script
from tools.base import ToolCall

BROKEN = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add


class Adds(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(add(1, 2), 3)
"""
EDIT = {"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": BROKEN, "test_calc.py": TESTS})


async def yes(asked: ApprovalAsked) -> ApprovalAnswered:
    return ApprovalAnswered(call_id=asked.call_id, approved=True, by="script")


async def present(name: str) -> None:
    assert name.startswith("scripted:")


@contextlib.asynccontextmanager
async def at_a_desk(
    work: Path,
    *replies: Any,
    level: Autonomy = Autonomy.EDIT,
    ask: Any = yes,
    resume: Resume | None = None,
    diagnostics: bool = True,
    heard: list[Base] | None = None,
    hook: Callable[[Desk, Base], None] = lambda desk, event: None,
) -> AsyncIterator[tuple[Desk, list[Base]]]:
    events = heard if heard is not None else []
    model = script(work.parent / "model.yaml", *replies)
    settings = Settings(model=model, autonomy=level, check="", diagnostics=diagnostics)
    job = Job("run", "", settings, work, resume=resume)
    open_desk: list[Desk] = []

    def hear(event: Base) -> None:
        events.append(event)
        if open_desk:
            hook(open_desk[0], event)

    opened = Desk.open(job, (hear,), ask, nobody, redaction=Redaction(), have_model=present)
    async with opened as desk:
        open_desk.append(desk)
        yield desk, events


def told(desk: Desk) -> list[str]:
    messages = desk.talk.session.history.messages
    return [each.text for each in messages if isinstance(each, UserMessage)]


def of(kind: type, events: list[Base]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_turns_follow_each_other_in_one_conversation(work: Path) -> None:
    async with at_a_desk(work, "one", "two") as (desk, events):
        first = await desk.turn("say one")
        second = await desk.turn("say two")
        assert (first.text, second.text) == ("one", "two")
        assert [len(of(TurnFinished, events)), desk.talk.turns] == [2, 2]
        assert told(desk) == ["say one", "say two"]
        log = desk.talk.session.log_path
    assert len(of(TurnFinished, list(read(log).events))) == 2


async def test_a_session_in_which_nothing_was_done_leaves_no_log(work: Path) -> None:
    async with at_a_desk(work) as (desk, _):
        log = desk.talk.session.log_path
        assert log.exists()
    assert not log.exists()


async def test_the_slider_acts_at_once_and_is_in_the_log(work: Path) -> None:
    edit = {"say": "", "calls": [EDIT]}
    async with at_a_desk(work, edit, "denied", level=Autonomy.OBSERVE) as (desk, events):
        await desk.turn("change it")
        assert [each.verdict.value for each in of(CallDecided, events)] == ["deny"]
        desk.move(Autonomy.EDIT)
        desk.move(Autonomy.EDIT)  # moves nothing
        desk.turn_knob(4)
        call = ToolCall(id="x", name="edit", arguments=EDIT["edit"])
        effects = frozenset(of(CallDecided, events)[0].effects)
        assert desk.decide(call, effects).verdict.value == "allow"
    assert len(of(AutonomyChanged, events)) == len(of(EffortChanged, events)) == 1


async def test_what_is_typed_ahead_is_read_before_the_next_step(work: Path) -> None:
    def hook(desk: Desk, event: Base) -> None:
        if isinstance(event, ToolFinished):
            desk.type_ahead("and the tests too")

    look = {"say": "", "calls": [{"read": {"path": "calc.py"}}]}
    async with at_a_desk(work, look, "done", hook=hook) as (desk, events):
        await desk.turn("look at it")
        assert [each.prompt for each in of(PromptTaken, events)] == ["and the tests too"]
        assert desk.queue == []
        assert told(desk)[1:] == ["and the tests too"]


async def test_what_is_typed_ahead_has_what_it_mentions(work: Path) -> None:
    def type_ahead(desk: Desk, event: Base) -> None:
        if isinstance(event, ToolStarted):
            desk.type_ahead("and look at @test_calc.py:5")

    read = {"calls": [{"read": {"path": "calc.py"}}]}
    async with at_a_desk(work, read, "Seen.", hook=type_ahead) as (desk, events):
        await desk.turn("go")
        (taken,) = of(PromptTaken, events)
        assert taken.prompt == "and look at @test_calc.py:5"
        assert "test_calc.py, lines 1-" in taken.context and "class Adds" in taken.context
        assert told(desk)[-1] == f"{taken.prompt}\n\n{taken.context}"


async def test_what_is_typed_ahead_of_a_rest_is_kept_for_the_next_turn(work: Path) -> None:
    async with at_a_desk(work, "done") as (desk, events):
        desk.type_ahead("later")
        await desk.turn("now")
        assert desk.queue == ["later"]
        assert of(PromptTaken, events) == []


async def test_a_turn_that_is_cancelled_leaves_the_desk_usable(work: Path) -> None:
    began = asyncio.Event()

    def hook(desk: Desk, event: Base) -> None:
        if isinstance(event, ToolStarted):
            began.set()

    slow = {"say": "", "calls": [{"shell": {"command": "sleep 60"}}]}
    async with at_a_desk(work, slow, "after", hook=hook) as (desk, _):
        turn = asyncio.ensure_future(desk.turn("wait"))
        await began.wait()
        turn.cancel()
        stopped = await turn
        assert stopped.outcome == "cancelled"
        assert (await desk.turn("go on")).text == "after"


async def test_a_command_of_the_users_is_run_and_told_to_the_model(work: Path) -> None:
    async with at_a_desk(work, "I see", level=Autonomy.ASK) as (desk, events):
        call = ToolCall(id=desk.next_command_id(), name="shell", arguments={"command": "echo seen"})
        result = await desk.command(call)
        assert result.ok
        assert of(ToolRequested, events)[0].by == "user"
        assert of(ApprovalAnswered, events)[0].approved  # typing it was the answer
        await desk.turn("what did it say?")
        assert "I ran `echo seen` myself" in told(desk)[0]
        assert "seen" in told(desk)[0]


async def test_a_command_that_asks_for_more_is_asked_about(work: Path) -> None:
    asked: list[ApprovalAsked] = []

    async def no(question: ApprovalAsked) -> ApprovalAnswered:
        asked.append(question)
        return ApprovalAnswered(call_id=question.call_id, approved=False, by="user")

    async with at_a_desk(work, level=Autonomy.RUN, ask=no) as (desk, _):
        arguments = {"command": "curl example.com", "network": True}
        result = await desk.command(ToolCall(id="u", name="shell", arguments=arguments))
        assert not result.ok
    assert len(asked) == 1


async def test_a_command_is_denied_where_the_table_denies(work: Path) -> None:
    async with at_a_desk(work, level=Autonomy.OBSERVE) as (desk, _):
        call = ToolCall(id="u", name="shell", arguments={"command": "touch made"})
        result = await desk.command(call)
        assert not result.ok
    assert not (work / "made").exists()


async def test_a_call_that_the_user_changed_is_made_as_theirs(work: Path) -> None:
    async def other(asked: ApprovalAsked) -> ApprovalAnswered:
        arguments = {"command": "echo mine"}
        return ApprovalAnswered(call_id=asked.call_id, approved=False, by="edit", edited=arguments)

    run = {"say": "", "calls": [{"shell": {"command": "echo model"}}]}
    async with at_a_desk(work, run, run, "done", level=Autonomy.ASK, ask=other) as (desk, events):
        await desk.turn("run it")
        requests = [(each.by, each.call.arguments["command"]) for each in of(ToolRequested, events)]
        assert requests == [("model", "echo model"), ("user", "echo mine")] * 2
        finished = [each.result.ok for each in of(ToolFinished, events)]
        assert finished == [False, True] * 2
        assert "I ran `echo mine` myself" in told(desk)[1]


async def test_an_edit_counts_only_for_the_call_that_was_asked_about(work: Path) -> None:
    """A provider names calls as it likes: a name is no approval."""

    async def never(asked: ApprovalAsked) -> ApprovalAnswered:
        return ApprovalAnswered(call_id=asked.call_id, approved=False, by="user")

    async with at_a_desk(work, level=Autonomy.ASK, ask=never) as (desk, events):
        turn = desk._new_turn(never)
        for name in ("c1-edited", "c1-edited-edited"):
            call = ToolCall(id=name, name="shell", arguments={"command": "echo no"})
            assert not (await turn.calls.make(call)).ok
        assert not any(each.approved for each in of(ApprovalAnswered, events))


async def test_a_check_that_is_asked_for_proves_what_was_changed(work: Path) -> None:
    replies = ({"say": "", "calls": [EDIT]}, "repaired")
    async with at_a_desk(work, *replies, "thanks") as (desk, _):
        changed = await desk.turn("repair add")
        assert changed.outcome == "unverified"
        assert desk.unproved is not None
        desk.check_with(UNITTEST)
        proved = await desk.turn(UNITTEST, "check")
        assert proved.verification.verified, proved
        assert (proved.verification.before, proved.verification.after) != (None, None)
        assert proved.changed == ()  # it changed nothing itself
        assert desk.unproved is None
        await desk.turn("thanks")
        assert "the user had the check run: 1 passed, 0 failed" in told(desk)[-1]


async def test_a_check_without_a_change_is_run_all_the_same(work: Path) -> None:
    async with at_a_desk(work) as (desk, events):
        desk.check_with(UNITTEST)
        finished = await desk.turn(UNITTEST, "check")
        assert finished.text == "0 passed, 1 failed"
        assert not [each for each in events if isinstance(each, HarnessSpoke)]


async def test_in_observe_the_model_is_told_to_plan(work: Path) -> None:
    async with at_a_desk(work, "a plan", level=Autonomy.OBSERVE) as (desk, _):
        await desk.turn("change it")
        assert "set a plan with `plan`" in told(desk)[0]


async def test_what_the_user_changed_between_turns_is_told(work: Path) -> None:
    look = {"say": "", "calls": [{"read": {"path": "calc.py"}}]}
    async with at_a_desk(work, look, "read", "again") as (desk, _):
        await desk.turn("look")
        (work / "calc.py").write_text("def add(a, b):\n    return 0\n", encoding="utf-8")
        await desk.turn("and now?")
        assert "Changed since you saw them, read them again: calc.py" in told(desk)[-1]


async def test_a_desk_goes_on_with_a_session(work: Path) -> None:
    async with at_a_desk(work, "one") as (desk, _):
        await desk.turn("first")
        name = desk.talk.session.id
    async with at_a_desk(work, "two", resume=Resume(name)) as (desk, _):
        assert desk.talk.turns == 1
        await desk.turn("second")
        assert told(desk) == ["first", "second"]


GOOD = "def add(a, b):\n    return a + b\n"
RED = "A test fails. Repair the code, not the test."


@pytest.mark.full
async def test_what_tests_tell_is_given_to_the_repair_for_a_small_model(work: Path) -> None:
    async with at_a_desk(work, {"samples": [GOOD]}, level=Autonomy.RUN) as (desk, events):
        desk.model.small = True
        finished = await desk.turn(RED)
        assert [each.kind for each in of(TurnStarted, events)] == ["fix"]
        assert finished.verification.verified and (work / "calc.py").read_text() == GOOD
        assert f"given to the repair: {BETTER}" in [each.text for each in of(Notice, events)]


@pytest.mark.parametrize(
    ("small", "level", "prompt"),
    [
        (False, Autonomy.RUN, RED),
        (True, Autonomy.OBSERVE, RED),  # where the check is denied
        (True, Autonomy.EDIT, RED),  # where it is asked about first; `/fix` is named then
        (True, Autonomy.RUN, "Why does a test fail?"),
    ],
)
async def test_anything_else_is_a_talk(
    work: Path, small: bool, level: Autonomy, prompt: str
) -> None:
    async with at_a_desk(work, "Well.", level=level) as (desk, events):
        desk.model.small = small
        assert (await desk.turn(prompt)).text == "Well."
        assert [each.kind for each in of(TurnStarted, events)] == ["run"]
        named = [each.hint for each in of(Notice, events) if each.text == BETTER]
        assert named == (["/fix"] if small and level is Autonomy.EDIT else [])


@pytest.mark.parametrize("wanted", [True, False])
async def test_linters_look_at_changes_unless_the_user_wants_none(work: Path, wanted: bool) -> None:
    said = '{"diagnostics": [{"location": {"path": "new.js"}, "message": "the linter ran"}]}'
    linter = f"#!/bin/sh\necho '{said}'\n"
    put(work, {"biome.json": "{}", "node_modules/.bin/biome": linter})
    (work / "node_modules" / ".bin" / "biome").chmod(0o755)
    call = {"write": {"path": "new.js", "content": "f();\n"}}
    replies = ({"calls": [call]}, "Written.")
    async with at_a_desk(work, *replies, level=Autonomy.RUN, diagnostics=wanted) as (desk, events):
        await desk.turn("write it")
    (finished,) = [each for each in events if isinstance(each, ToolFinished)]
    assert ("the linter ran" in finished.result.text) is wanted

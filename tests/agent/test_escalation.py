"""A strong model takes over: when, after which consent, and what it costs and is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from grammar import holds
from sessions import Ran, carried, prepare
from support import UNITTEST, Ended, agent, lines, picture, put, result, script

from agent.config import config_path
from agent.errors import ModelUnusable
from agent.escalation import ACCEPTED, EFFECTS, NAME, Strong, escalate
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    CallDecided,
    HarnessSpoke,
    Notice,
    Sampled,
    ToolFinished,
    ToolRequested,
    parse,
)
from agent.loop import Limits
from agent.messages import Usage, UserMessage
from agent.models.base import Model
from agent.models.scripted import ScriptedModel
from agent.policy import Autonomy, Taint, Verdict
from agent.run import RED, STALLED

CALC = "def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return a * 2\n"
TESTS = """import unittest
from calc import add, twice

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""
GOOD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a * b\n"
CHECK = ("--check", f"{UNITTEST} test_calc")
REPAIR = {"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}
WORSE = {"edit": {"path": "calc.py", "old": "a * 2", "new": "a * 3"}}
BETTER = {"edit": {"path": "calc.py", "old": "a * 3", "new": "a * 2"}}
READ = {"read": {"path": "calc.py"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})


def configured(**models: str) -> None:
    rows = "".join(f"{name} = {json.dumps(value)}\n" for name, value in models.items())
    put(config_path().parent, {"config.toml": f"[models]\n{rows}"})


def events(ended: Ended) -> list[Any]:
    return [parse(line) for line in ended.out.splitlines()]


def notices(found: Sequence[Any]) -> list[str]:
    return [each.text for each in found if isinstance(each, Notice)]


# -- by role, through the front door; a scripted model is on this machine and needs no consent


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_a_repair_that_the_small_model_does_not_find_the_strong_one_does(
    root: Path, tmp_path: Path
) -> None:
    small = script(tmp_path / "small.yaml", {"samples": [WRONG]})
    strong = script(tmp_path / "strong.yaml", {"samples": [WRONG]}, {"samples": [GOOD]})
    configured(main="scripted:/nowhere", small=small, strong=strong)
    ended = agent("fix", *CHECK, "--effort", "0", "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome) == (1, "failed"), "what was tried is not tried again"
    strong = script(tmp_path / "strong.yaml", {"samples": [GOOD]})
    ended = agent("fix", *CHECK, "--effort", "0", "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome, told.attempts) == (0, "done", 2), told.error
    assert (told.model, told.escalated) == (small, strong)
    assert f"no repair found in 1 attempts; {strong} takes over" in notices(events(ended))
    assert (root / "calc.py").read_text() == CALC.replace("a - b", "a + b")
    sampled = [each.usage for each in events(ended) if isinstance(each, Sampled)]
    assert told.usage == sampled[0] + sampled[1]
    assert told.bytes_left == {} and told.permission_denials == ()
    holds(events(ended))


@pytest.mark.full
def test_a_run_that_leaves_the_check_red_goes_on_with_the_strong_model(
    root: Path, tmp_path: Path
) -> None:
    main = script(tmp_path / "main.yaml", {"calls": [REPAIR]}, {"calls": [WORSE]}, "Done.")
    strong = script(tmp_path / "strong.yaml", {"calls": [BETTER]}, "Repaired.")
    configured(main=main, strong=strong)
    ended = agent("run", "-p", "test_add fails", *CHECK, "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome, told.text) == (0, "done", "Repaired."), told
    assert (told.steps, told.model, told.escalated) == (5, main, strong)
    (spoke,) = [each.text for each in events(ended) if isinstance(each, HarnessSpoke)]
    reason = "test_calc.T.test_twice passed before and does not now"
    assert spoke == RED.format(reason)
    assert notices(events(ended)) == [f"the check is red ({reason}); {strong} takes over"]
    holds(events(ended))


@pytest.mark.full
def test_a_strong_model_that_does_not_get_there_either_is_not_followed_by_another(
    root: Path, tmp_path: Path
) -> None:
    main = script(tmp_path / "main.yaml", {"calls": [WORSE]}, "Done.")
    strong = script(tmp_path / "strong.yaml", {"calls": [READ]}, "I looked.")
    configured(main=main, strong=strong)
    ended = agent("run", "-p", "test_add fails", *CHECK, "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome, told.text) == (3, "unverified", "I looked.")
    assert len(notices(events(ended))) == 1


def test_a_run_that_goes_round_in_circles_is_handed_over(root: Path, tmp_path: Path) -> None:
    main = script(tmp_path / "main.yaml", *[{"calls": [READ]}] * 9)
    strong = script(tmp_path / "strong.yaml", "It adds.")
    configured(main=main, strong=strong)
    ended = agent("run", "-p", "What does it do?", "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome, told.text, told.error) == (0, "done", "It adds.", "")
    spoke = [each.text for each in events(ended) if isinstance(each, HarnessSpoke)]
    assert spoke[-1] == STALLED
    holds(events(ended))
    without = agent("run", "-m", main, "-p", "What does it do?", "--json", cwd=root)
    assert without.code == 0, "the strong one is set for every model"
    configured(main=main)
    ended = agent("run", "-p", "What does it do?", "--json", cwd=root)
    assert (ended.code, result(ended).error) == (5, "the model went round in circles")


def test_another_limit_is_no_reason_to_hand_over(root: Path, tmp_path: Path) -> None:
    main = script(tmp_path / "main.yaml", *[{"calls": [READ]}] * 9)
    configured(main=main, strong=script(tmp_path / "strong.yaml", "It adds."))
    ended = agent("run", "-p", "x", "--max-steps", "2", "--json", cwd=root)
    assert (ended.code, result(ended).escalated, notices(events(ended))) == (5, "", [])


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_a_strong_model_that_cannot_be_had_leaves_all_as_it_was(root: Path, tmp_path: Path) -> None:
    configured(small=script(tmp_path / "s.yaml", {"samples": [WRONG]}), strong="groq/llama")
    before = picture(root)
    words = ("fix", *CHECK, "--effort", "0", "--json")
    ended = agent(*words, cwd=root, env={"GROQ_API_KEY": ""})
    told = result(ended)
    assert (ended.code, told.outcome, told.escalated) == (1, "failed", "")
    assert told.error == "no repair found in 1 attempts" and picture(root) == before
    (notice,) = [each for each in events(ended) if isinstance(each, Notice)]
    assert "groq/llama cannot take over: groq/llama needs a key" in notice.text
    assert notice.hint == "agent keys set groq"
    ended = agent(*words, "--escalate", "1", cwd=root, env={"GROQ_API_KEY": ""})
    assert ended.code == 2, "accepted, it is opened before the work begins"
    assert not any(event["type"] == "turn_started" for event in lines(ended.out))
    assert result(ended).hint == "agent keys set groq"


def test_to_accept_what_is_not_set_is_an_error(root: Path) -> None:
    for kind in ("fix", "run"):
        ended = agent(kind, "x", "--escalate", "2", cwd=root)
        assert ended.code == 2
        assert ended.errors == ["error: --escalate is for a strong model, and none is set"]
        assert 'strong = "provider/model"' in ended.hints[0]
    configured(strong="openai/x")
    for value in ("0", "-1", "nan", "inf", "much"):
        ended = agent("run", "x", f"--escalate={value}", cwd=root)
        assert ended.code == 2 and "escalate" in ended.errors[0], value


# -- consent, in process: a model that says it is not on this machine


def far(*replies: Any) -> ScriptedModel:
    items = [{"say": each} if isinstance(each, str) else each for each in replies]
    model = ScriptedModel.of(items)
    model.name, model.local, model.host = "far/away", False, "api.far.test"
    return model


async def stalled(
    root: Path, strong: Strong | None, level: Autonomy = Autonomy.RUN, **more: Any
) -> Ran:
    """Carry a turn whose model goes round in circles."""
    accepted, taint = more.pop("accepted", False), more.pop("taint", None)
    ran = await prepare(root, [{"calls": [READ]}] * 9, level=level, **more)
    ran.turn.strong = strong
    ran.turn.stance.grants = (ACCEPTED,) if accepted else ()
    ran.turn.stance.taint = taint
    await carried(ran, "What does it do?")
    if strong is not None:
        await strong.close()
    holds(ran.events)
    return ran


def offered(model: Model, budget: float = 0.5) -> tuple[Strong, list[float]]:
    """A strong model, and the budgets that it was opened with."""
    opened: list[float] = []

    def open_it(budget: float) -> Model:
        opened.append(budget)
        return model

    return Strong("far/away", budget, open_it), opened


def handed_over(ran: Ran) -> bool:
    return ran.turn.done.escalated == "far/away"


VERDICTS = {
    Autonomy.OBSERVE: Verdict.DENY,
    Autonomy.ASK: Verdict.ASK,
    Autonomy.EDIT: Verdict.ASK,
    Autonomy.RUN: Verdict.ASK,
    Autonomy.FULL: Verdict.ALLOW,
}


@pytest.mark.parametrize("level", Autonomy)
async def test_it_is_asked_for_by_the_same_table_as_any_call(root: Path, level: Autonomy) -> None:
    model = far("It adds.")
    ran = await stalled(root, offered(model)[0], level, answers=[True])
    (decided,) = [each for each in ran.of(CallDecided) if each.call_id.startswith(NAME)]
    assert (decided.effects, decided.verdict) == (tuple(EFFECTS), VERDICTS[level])
    assert len(ran.of(ApprovalAsked)) == (VERDICTS[level] is Verdict.ASK)
    requested = [each.by for each in ran.of(ToolRequested) if each.call.name == NAME]
    assert requested == ["harness"]
    yes = VERDICTS[level] is not Verdict.DENY
    assert handed_over(ran) is yes and len(model.requests) == yes
    assert ran.end.exit_code == (0 if yes else 5)


@pytest.mark.behind_the_log  # taint without a text that it came from
@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("taint", [None, Taint(source="https://x.test", text="do it")])
@pytest.mark.parametrize("answer", [False, True])
async def test_more_autonomy_never_hands_over_less(
    root: Path, accepted: bool, taint: Taint | None, answer: bool
) -> None:
    """Over every level: once a level hands over, so does each above it."""
    done = []
    for level in Autonomy:
        folder = root.parent / f"state-{level}"
        ran = await stalled(
            *(root, offered(far("It adds."))[0], level),
            accepted=accepted, taint=taint, answers=[answer], state=folder,
        )  # fmt: skip
        done.append(handed_over(ran))
    assert done == sorted(done) and not done[0], "a flag never lifts what OBSERVE denies"
    assert done[-1] is (taint is None or answer)
    assert done[Autonomy.ASK] is ((accepted and taint is None) or answer)


async def test_what_would_leave_is_shown_before_anything_does(root: Path) -> None:
    model = far("It adds.")
    ran = await stalled(root, offered(model)[0], answers=[False])
    (asked,) = ran.of(ApprovalAsked)
    body = asked.preview.body
    assert asked.preview.title == "let far/away take over"
    assert "model: far/away, at api.far.test\nbudget: $0.5\n" in body
    assert "because: the model went round in circles" in body
    size = len(ran.session.history.messages)
    assert f"the conversation so far: {size} messages, about " in body
    assert "whatever it reads later" in body
    assert model.requests == []


async def test_a_refusal_ends_the_turn_as_it_would_have_ended(root: Path) -> None:
    plain = await stalled(root, None)
    ran = await stalled(root, offered(far())[0], state=root.parent / "other")
    told = {"outcome", "exit_code", "error", "text", "steps", "changed", "denials"}
    assert ran.end.model_dump(include=told) == plain.end.model_dump(include=told)
    assert ran.end.exit_code == 5 and ran.end.denials == ()
    (notice,) = ran.of(Notice)
    assert notice.text.startswith("the model went round in circles; far/away did not take over: ")
    assert notice.hint == "--escalate 0.5"
    ran = await stalled(root, offered(far())[0], Autonomy.OBSERVE, state=root.parent / "third")
    assert ran.of(Notice)[0].hint == "--autonomy ask --escalate 0.5"


async def test_the_word_of_a_person_is_kept(root: Path) -> None:
    ran = await stalled(root, offered(far())[0], answers=["not with this code"])
    assert ran.of(ApprovalAnswered)[0].feedback == "not with this code"
    assert ran.of(Notice)[0].text.endswith("did not take over: not with this code")
    assert ran.of(ToolFinished)[-1].result.summary == "not with this code"


async def test_the_strong_model_reads_the_same_history_and_is_told_why(root: Path) -> None:
    model = far("It adds.")
    ran = await stalled(root, offered(model)[0], answers=[True])
    (request,) = model.requests
    before = ran.model.requests[-1].messages
    assert request.messages[: len(before)] == before
    assert request.messages[-1] == UserMessage(text=STALLED, by="harness")
    assert ran.end.usage.input > 0 and ran.end.steps == 6


async def test_the_budget_is_the_lower_of_both_limits(root: Path) -> None:
    strong, opened = offered(far("It adds."))
    await stalled(root, strong, answers=[True], limits=Limits(cost=0.2))
    assert opened == [0.2]
    strong, opened = offered(far("It adds."))
    ran = await prepare(root, [], limits=Limits(cost=0.2), state=root.parent / "other")
    ran.turn.strong = strong
    ran.turn.done.usage = Usage(cost=0.3)
    assert await escalate(ran.turn, "why", ()) is None and opened == []
    ran.session.close()


async def test_what_cannot_be_opened_is_told_and_never_asked_about(root: Path) -> None:
    def fails(budget: float) -> Model:
        raise ModelUnusable("no such model", "agent models list")

    ran = await stalled(root, Strong("far/away", 1, fails), answers=[True])
    (notice,) = ran.of(Notice)
    assert notice.text.endswith("far/away cannot take over: no such model")
    assert notice.hint == "agent models list" and ran.of(ApprovalAsked) == []
    assert ran.end.exit_code == 5


async def test_a_turn_that_is_cancelled_at_the_question_is_closed(root: Path) -> None:
    asked = asyncio.Event()

    def seen(event: Any) -> None:
        if isinstance(event, ApprovalAsked):
            asked.set()

    ran = await prepare(root, [{"calls": [READ]}] * 9, answers=[600.0], readers=(seen,))
    model = far("never")
    ran.turn.strong = offered(model)[0]
    task = asyncio.ensure_future(carried(ran))
    await asyncio.wait({task, asyncio.ensure_future(asked.wait())}, return_when="FIRST_COMPLETED")
    task.cancel()
    await task
    holds(ran.events)
    assert ran.end.exit_code == 130 and model.requests == []

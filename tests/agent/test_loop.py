from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sessions import (
    ALLOWED,
    ASKED,
    DENIED,
    START,
    TALK,
    cancelled_at,
    carried,
    living,
    prepare,
    run,
)
from support import UNITTEST

from agent.errors import ContextOverflow, ModelError, ModelUnusable, ProviderFailed
from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Base,
    CallDecided,
    CheckpointMade,
    CheckStarted,
    HarnessSpoke,
    HistoryCompacted,
    MessageFinished,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
)
from agent.history import MASKED
from agent.loop import LOOKS, Limits
from agent.messages import Message, ToolMessage
from agent.models.base import Chunk, ModelRequest
from agent.models.scripted import ScriptedModel
from agent.nudges import AGAIN, ANSWER, CHANGED, EMPTY, MEND
from agent.policy import Autonomy, Verdict
from tools.base import ToolSchema

SILENT = [StepStarted, MessageFinished]
END = [TurnFinished]
WRITE = {"write": {"path": "new.py", "content": "x = 1\n"}}
READ = {"read": {"path": "a.py"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("def one():\n    return 1\n")
    return folder


def calling(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"calls": list(calls), **more}


async def test_a_turn_without_a_call_is_a_reply(root: Path) -> None:
    ran = await run(root, ["All is well."])
    assert ran.types == START + TALK + END
    assert (ran.end.outcome, ran.end.exit_code, ran.end.text) == ("done", 0, "All is well.")


async def test_several_calls_of_one_step_are_made_in_order(root: Path) -> None:
    ran = await run(root, [calling(READ, WRITE, {"read": {"path": "new.py"}}), "Done."])
    write = [ToolRequested, CallDecided, CheckpointMade, ToolStarted, ToolFinished]
    assert ran.types == START + SILENT + ALLOWED + write + ALLOWED + TALK + END
    assert [each.ok for each in ran.results] == [True, True, True]
    assert (root / "new.py").read_text() == "x = 1\n"
    assert ran.end.changed == ("new.py",)


async def test_a_change_without_a_check_is_unverified(root: Path) -> None:
    ran = await run(root, [calling(WRITE), "Done."])
    assert (ran.end.outcome, ran.end.exit_code) == ("unverified", 3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"read": {"path": "missing.py"}}, "missing.py does not exist"),
        ({"read": {"path": "../../etc/passwd"}}, "asks before OUTSIDE"),
        ({"grepp": {"pattern": "x"}}, "no tool named `grepp`"),
        ({"edit": {"path": 3}}, "Expected: edit("),
        ({"shell": {}}, "`command` is empty"),
    ],
)
async def test_a_call_that_fails_is_an_answer_to_the_model(
    root: Path, call: dict[str, Any], said: str
) -> None:
    ran = await run(root, [calling(call), "I see."])
    assert ran.end.outcome in ("done", "blocked")
    (result,) = ran.results
    assert not result.ok and said in result.text
    (decided,) = ran.of(CallDecided)
    assert decided.call_id == ran.of(ToolRequested)[0].call.id
    answers = [each for each in ran.model.requests[1].messages if isinstance(each, ToolMessage)]
    assert [each.text for each in answers] == [result.text]


async def test_a_reply_that_could_not_be_read_is_said_to_the_model(root: Path) -> None:
    ran = await run(root, [{"problem": "a call is {...}"}, "Sorry."])
    assert ran.types == START + SILENT + [HarnessSpoke] + TALK + END
    assert ran.model.requests[1].messages[-1].text == "a call is {...}"


async def test_replies_that_cannot_be_read_end_the_turn_though_calls_stand_beside(
    root: Path,
) -> None:
    broken = calling(READ, problem="the second call is cut off")
    ran = await run(root, [broken] * 9)
    assert (ran.end.outcome, ran.end.exit_code) == ("limit", 5)
    assert ran.end.steps == 5


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        (Autonomy.OBSERVE, Verdict.DENY),
        (Autonomy.ASK, Verdict.ASK),
        (Autonomy.EDIT, Verdict.ALLOW),
        (Autonomy.RUN, Verdict.ALLOW),
        (Autonomy.FULL, Verdict.ALLOW),
    ],
)
async def test_the_slider_decides_an_edit(root: Path, level: Autonomy, verdict: Verdict) -> None:
    ran = await run(root, [calling(WRITE), "So be it."], level=level)
    assert [each.verdict for each in ran.of(CallDecided)] == [verdict]
    assert (root / "new.py").exists() is (verdict is Verdict.ALLOW)
    if verdict is not Verdict.ALLOW:
        assert (ran.end.outcome, ran.end.exit_code) == ("blocked", 4)
        assert len(ran.end.denials) == 1
        assert "Not allowed" in ran.results[0].text


async def test_a_denied_call_never_starts(root: Path) -> None:
    ran = await run(root, [calling(WRITE), "No."], level=Autonomy.OBSERVE)
    assert ran.types == START + SILENT + DENIED + TALK + END


async def test_an_approved_call_is_made(root: Path) -> None:
    ran = await run(root, [calling(WRITE), "Done."], level=Autonomy.ASK, answers=[True])
    assert ran.types == (
        START + SILENT + ASKED + [CheckpointMade, ToolStarted, ToolFinished] + TALK + END
    )
    assert ran.of(ApprovalAsked)[0].preview.kind == "diff"
    assert "+x = 1" in ran.of(ApprovalAsked)[0].preview.body
    assert ran.end.denials == ()


async def test_a_declined_call_reaches_the_model_with_the_persons_word(root: Path) -> None:
    ran = await run(
        root, [calling(WRITE), "Right."], level=Autonomy.ASK, answers=["call it old.py"]
    )
    assert ran.types == START + SILENT + ASKED + [ToolFinished] + TALK + END
    assert "call it old.py" in ran.model.requests[1].messages[-1].text
    assert not (root / "new.py").exists()


async def test_a_call_may_be_declined_and_the_next_one_approved(root: Path) -> None:
    other = {"write": {"path": "other.py", "content": ""}}
    ran = await run(
        root, [calling(WRITE, other), "Done."], level=Autonomy.ASK, answers=[False, True]
    )
    assert [each.approved for each in ran.of(ApprovalAnswered)] == [False, True]
    assert [each.ok for each in ran.results] == [False, True]
    assert ran.end.changed == ("other.py",)


async def test_a_repeated_call_is_nudged_and_then_stopped(root: Path) -> None:
    ran = await run(root, [calling(READ)] * 9)
    assert [each.text for each in ran.of(HarnessSpoke)] == [AGAIN]
    assert (ran.end.outcome, ran.end.exit_code) == ("limit", 5)
    assert len(ran.results) == 5


async def test_a_small_model_that_reads_again_what_it_has_is_to_answer(root: Path) -> None:
    ran = await prepare(root, [calling(READ), calling(READ), "There."])
    ran.model.small = True
    await carried(ran, "Where is it? Do not change anything.")
    first, *rest = [each for each in ran.model.requests if isinstance(each, ModelRequest)]
    assert [each.words for each in (first, *rest)] == [False, False, True]
    assert not rest[-1].usable
    told = {each.name for each in first.tools}
    assert told >= {"read", "search", "edit", "write", "check", "shell", "git"}
    assert not told & {"plan", "ask"}
    assert told - {each.name for each in first.usable} == {"edit", "write"}
    assert ran.end.text == "There."


async def test_a_small_model_that_looks_and_looks_is_to_answer(root: Path) -> None:
    looks = [calling({"search": {"pattern": f"word{number}"}}) for number in range(LOOKS)]
    ran = await prepare(root, [*looks, "It is nowhere."])
    ran.model.small = True
    await carried(ran, "Where is the word?")
    assert [each.words for each in ran.model.requests] == [False] * LOOKS + [True]
    assert ran.model.requests[-1].messages[-1].text == ANSWER.format("Where is the word?")
    assert ran.end.text == "It is nowhere."


async def test_a_small_model_is_asked_to_mend_what_its_change_broke(root: Path) -> None:
    (root / "broke.py").write_text("def f():\n    return 1\n\n\nx = f()\n")
    edit = {"edit": {"path": "broke.py", "symbol": "f", "new": "def g():\n    return 1"}}
    mend = {"edit": {"path": "broke.py", "symbol": "x", "new": "x = g()"}}
    ran = await prepare(root, [calling(edit), calling(mend), "Renamed."])
    ran.model.small = True
    await carried(ran)
    assert [each.text for each in ran.of(HarnessSpoke)] == [
        MEND.format("line 5: undefined name 'f'"),
        CHANGED,
    ]
    assert (root / "broke.py").read_text() == "def g():\n    return 1\n\n\nx = g()\n"


async def test_a_cycle_of_calls_is_stopped(root: Path) -> None:
    search = {"search": {"pattern": "one"}}
    ran = await run(root, [calling(READ), calling(search)] * 9)
    assert len(ran.of(HarnessSpoke)) == 1
    assert ran.end.error == "the model went round in circles"
    assert len(ran.results) == 10


async def test_empty_replies_are_nudged_and_then_stopped(root: Path) -> None:
    ran = await run(root, [{}, {"say": " "}, {}, {}])
    assert [each.text for each in ran.of(HarnessSpoke)] == [EMPTY, EMPTY]
    assert ran.end.outcome == "limit"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(steps=2), "the limit of 2 steps was reached"),
        (Limits(tokens=10), "the limit of 10 tokens was reached"),
        (Limits(cost=0.0), "the limit of $0 was reached"),
    ],
)
async def test_a_limit_ends_the_turn(root: Path, limits: Limits, said: str) -> None:
    several = [calling({"read": {"path": name}}) for name in ("a.py", "b.py", "c.py")]
    ran = await run(root, [*several, "Done."], limits=limits)
    assert (ran.end.outcome, ran.end.exit_code, ran.end.error) == ("limit", 5, said)
    assert ran.end.steps <= 2


async def test_the_limit_on_time_ends_a_call_under_way(root: Path) -> None:
    mark = secrets.token_hex(8)
    sleep = {"shell": {"command": f"sleep 31; echo {mark}"}}
    ran = await run(root, [calling(sleep)], limits=Limits(wall_s=1.0))
    assert (ran.end.outcome, ran.end.error) == ("limit", "the limit of 1 seconds was reached")
    assert [each.ok for each in ran.results] == [False]
    assert living(mark) == []


async def test_old_observations_are_masked_when_the_window_fills(root: Path) -> None:
    for name in "bcdefgh":
        (root / f"{name}.txt").write_text(f"{name * 60}\n" * 40)
    reads = [calling({"read": {"path": f"{name}.txt"}}) for name in "bcdefgh"]
    ran = await run(root, [*reads, "Read."], window=2600)
    assert ran.end.outcome == "done"
    masked = [call for each in ran.of(HistoryCompacted) for call in each.masked]
    assert masked[0] == "c1" and not {"c6", "c7"} & set(masked)
    seen = [each for each in ran.model.requests[-1].messages if isinstance(each, ToolMessage)]
    assert seen[0].text.startswith(MASKED) and "b.txt" in seen[0].text
    assert not seen[-1].text.startswith(MASKED)
    sizes = [ran.model.count(each.messages, each.tools) for each in ran.model.requests]
    assert max(sizes) <= 2600


async def test_what_cannot_be_made_to_fit_is_a_limit(root: Path) -> None:
    ran = await run(root, ["never said"], prompt="word " * 5000, window=2048)
    assert (ran.end.outcome, ran.end.exit_code) == ("limit", 5)
    assert "tokens" in ran.end.error and ran.end.hint


class Failing(ScriptedModel):
    """Says what its script says, then fails."""

    def __init__(self, error: ModelError, replies: Sequence[Any] = ()) -> None:
        said = ScriptedModel.of(list(replies))
        super().__init__(said._replies)
        self.error = error

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        if self._next < len(self._replies):
            async for chunk in super().stream(request):
                yield chunk
            return
        raise self.error

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        return 10


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (ProviderFailed("the model crashed", "try again"), "failed", 75),
        (ModelUnusable("the key is wrong"), "failed", 2),
        (ContextOverflow("too long"), "limit", 5),
    ],
)
async def test_an_error_of_the_model_ends_the_turn_with_its_code(
    root: Path, error: ModelError, outcome: str, code: int
) -> None:
    model = Failing(error, [calling(WRITE)])
    ran = await run(root, [], model=model)
    assert (ran.end.outcome, ran.end.exit_code) == (outcome, code)
    assert (ran.end.error, ran.end.hint) == (error.message, error.hint)
    assert ran.end.changed == ("new.py",), "what was done before it stands"


async def test_a_script_that_runs_out_is_said(root: Path) -> None:
    ran = await run(root, [calling(READ)])
    assert (ran.end.exit_code, "no reply left" in ran.end.error) == (2, True)


async def test_a_question_with_nobody_there_is_answered_so(root: Path) -> None:
    ran = await run(root, [calling({"ask": {"question": "Which one?"}}), "I chose."])
    assert ran.end.outcome == "done"
    assert len(ran.results) == 1 and ran.results[0].text


def always(kind: type[Base]) -> Any:
    return lambda event: isinstance(event, kind)


@pytest.mark.parametrize("script", [[{"say": "late", "pause": 30}], [calling(READ), {"pause": 30}]])
async def test_a_cancel_ends_the_models_thinking(root: Path, script: list[Any]) -> None:
    steps = len(script)
    ran = await cancelled_at(
        root, script, lambda event: isinstance(event, StepStarted) and event.step == steps
    )
    assert (ran.end.outcome, ran.end.exit_code) == ("cancelled", 130)


async def test_a_cancel_ends_a_command_and_all_it_started(root: Path) -> None:
    mark = secrets.token_hex(8)
    command = f"(sleep 33; echo {mark}) & echo ready; sleep 33; echo {mark}"
    ran = await cancelled_at(root, [calling({"shell": {"command": command}})], always(ToolOutput))
    assert (ran.end.outcome, ran.end.exit_code) == ("cancelled", 130)
    assert [each.ok for each in ran.results] == [False]
    assert living(mark) == []


async def test_a_cancel_closes_a_waiting_approval(root: Path) -> None:
    ran = await cancelled_at(
        root, [calling(WRITE)], always(ApprovalAsked), level=Autonomy.ASK, answers=[30.0]
    )
    assert ran.types == START + SILENT + ASKED + [ToolFinished] + END
    assert [each.approved for each in ran.of(ApprovalAnswered)] == [False]
    assert ran.end.outcome == "cancelled" and not (root / "new.py").exists()


async def test_a_cancel_leaves_no_call_of_the_reply_unanswered(root: Path) -> None:
    sleep = {"shell": {"command": "sleep 33"}}
    ran = await cancelled_at(root, [calling(READ, sleep, WRITE)], always(CheckpointMade))
    assert len(ran.of(ToolRequested)) == len(ran.of(ToolFinished)) == 2
    answered = [each for each in ran.session.history.messages if isinstance(each, ToolMessage)]
    assert [each.call_id for each in answered] == ["c1", "c2", "c3"]
    assert not (root / "new.py").exists()


async def test_a_cancel_ends_a_check_of_the_harness(root: Path) -> None:
    test = "import time, unittest\nclass T(unittest.TestCase):\n    def test_slow(self):\n"
    (root / "test_a.py").write_text(f"{test}        time.sleep(33)\n")
    ran = await cancelled_at(
        root, [calling(WRITE), "Done."], always(CheckStarted), check=f"{UNITTEST} test_a"
    )
    assert (ran.end.outcome, ran.end.exit_code) == ("cancelled", 130)
    assert living(str(root)) == []
    assert not any((root.parent / "state/cache").glob("copies/*-*"))


async def test_a_cancel_while_the_turn_is_closing_still_closes_it(root: Path) -> None:
    ran = await cancelled_at(
        root,
        [calling(WRITE), "Done."],
        lambda event: isinstance(event, TextDelta) and event.text == "Done.",
    )
    assert ran.types[-1] is TurnFinished and ran.types.count(TurnFinished) == 1
    assert ran.end.changed == ("new.py",)


async def test_a_tool_started_is_a_tool_allowed(root: Path) -> None:
    ran = await run(root, [calling(READ, {"nothing": {}}), "Done."])
    assert [each.call_id for each in ran.of(ToolStarted)] == ["c1"]

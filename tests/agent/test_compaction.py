from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import prepare, run
from support import UNITTEST, put

from agent import log
from agent.compaction import (
    FULL_AT,
    HEAD,
    KEEP_RECENT,
    MASK_TO,
    STEP_AT_MOST,
    SUM_TO,
    SUMMARY,
    maskable,
    masking,
    replacing,
    result_bytes,
)
from agent.errors import ContextOverflow, ModelError, ModelUnusable, ProviderFailed
from agent.essentials import CHANGED, DONE, PLAN, TASK
from agent.events import (
    Base,
    HistoryCompacted,
    MemoryKept,
    MessageFinished,
    Notice,
    PromptTaken,
    SessionStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.history import History, mask
from agent.loop import Limits
from agent.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from agent.models.base import Chunk, ModelRequest
from agent.models.scripted import ScriptedModel
from agent.run import SHORT, SUMMED, compact
from sandbox.base import Containment
from tools.base import PlanItem, ToolCall, ToolResult

STARTED = SessionStarted(
    id="s", cwd="/", model="m", autonomy=3, effort=2, containment=Containment.FULL, system="Be."
)


def observed(number: int, text: str) -> ToolMessage:
    return ToolMessage(call_id=f"c{number}", name="read", text=text)


def size_of(messages: Sequence[Message]) -> int:
    return sum(len(each.text) for each in messages)


def step(number: int, name: str, result: ToolResult, **arguments: object) -> list[Base]:
    call = ToolCall(id=f"c{number}", name=name, arguments=arguments)
    said = AssistantMessage(text=f"Step {number}.", calls=(call,))
    return [
        MessageFinished(message=said, usage=Usage()),
        ToolRequested(call=call),
        ToolFinished(call_id=call.id, result=result),
    ]


def history(*events: Base) -> History:
    return History.of([STARTED, *events])


# -- masking


@given(st.lists(st.integers(0, 2000), max_size=12), st.text(max_size=400))
def test_masking_only_ever_makes_a_conversation_shorter(sizes: list[int], argument: str) -> None:
    calls = [ToolCall(id=f"c{n}", name="read", arguments={"text": argument}) for n in range(12)]
    messages: list[Message] = [
        AssistantMessage(calls=tuple(calls[: len(sizes)])),
        *(observed(n, "x" * size) for n, size in enumerate(sizes)),
    ]
    ids = maskable(messages)
    masked = mask(messages, frozenset(ids))
    for before, after in zip(messages, masked, strict=True):
        assert len(after.text) <= len(before.text)
    once_more = set(maskable(masked))
    assert not once_more & set(ids)


def test_the_oldest_go_first_and_no_more_than_needed() -> None:
    messages: list[Message] = [observed(n, "x" * 1000) for n in range(10)]
    masked, size = masking(messages, 10_000, size_of, tightest=False)
    assert masked == ["c0", "c1", "c2", "c3", "c4"]
    assert size == size_of(mask(messages, frozenset(masked)))
    assert size <= 10_000 * MASK_TO


def test_the_last_observations_are_never_masked() -> None:
    messages: list[Message] = [observed(n, "x" * 1000) for n in range(10)]
    masked, size = masking(messages, 1000, size_of, tightest=False)
    assert masked == [f"c{n}" for n in range(10 - KEEP_RECENT)]
    assert size > 1000 * FULL_AT


def test_when_the_model_counts_more_than_we_do_all_that_may_be_is_masked() -> None:
    messages: list[Message] = [observed(n, "x" * 1000) for n in range(6)]
    masked, size = masking(messages, 10**6, size_of, tightest=True)
    assert masked == ["c0", "c1", "c2", "c3"]
    assert size == size_of(mask(messages, frozenset(masked)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_short_conversation_has_nothing_to_mask(count: int) -> None:
    messages: list[Message] = [observed(n, "x" * 1000) for n in range(count)]
    assert masking(messages, 10, size_of, tightest=True)[0] == []


# -- summing up

READ = ToolResult(text="r" * 400, summary="lines 1-9")
RED = ToolResult(text="1 failed\nFAILED test_a: 3 != 4\n" + "t" * 300, ok=False, summary="1 failed")
EDITED = ToolResult(text="edited", changed=("shop/cart.py",), summary="1 line")
PLANNED = ToolResult(text="[x] look\n[ ] mend", summary="1 of 2 done")


def told(*events: Base, window: int = 4000, aim: float = SUM_TO, summary: str = "") -> str:
    found = replacing(history(*events), window, size_of, summary, aim)
    assert found is not None
    return found.text


def test_the_task_the_plan_and_the_last_failures_survive_word_for_word() -> None:
    failed = ToolResult(text="Error: `old` stands nowhere", ok=False)
    text = told(
        TurnStarted(prompt="Earlier words"),
        TurnStarted(prompt="Mend the discount.\n\n\tAnd nothing else", context="From the files"),
        *step(1, "plan", PLANNED),
        *step(2, "check", RED),
        *step(3, "edit", failed, path="b.py"),
        *step(4, "edit", EDITED, path="shop/cart.py"),
        *(each for n in range(5, 30) for each in step(n, "read", READ, path=f"f{n}.py")),
    )
    assert f"{TASK}\nMend the discount.\n\n\tAnd nothing else" in text
    assert "From the files" not in text, "what the harness found can be found again"
    assert "- Earlier words" in text
    assert f"{PLAN}\n[x] look\n[ ] mend" in text
    assert RED.text in text
    assert failed.text not in text, "an edit succeeded since"
    assert CHANGED + "shop/cart.py" in text
    assert DONE in text and "read path=f20.py: lines 1-9" in text


def test_what_still_stands_behind_it_is_not_told_twice() -> None:
    failed = ToolResult(text="Error: no such file: b.py", ok=False)
    found = replacing(
        history(
            TurnStarted(prompt="First"),
            *(each for n in range(9) for each in step(n, "read", READ, path=f"f{n}.py")),
            PromptTaken(prompt="And then"),
            *step(9, "read", failed, path="b.py"),
        ),
        2000,
        size_of,
        "",
        SUM_TO,
    )
    assert found is not None
    assert "First" in found.text and "And then" not in found.text
    assert failed.text not in found.text and "read path=b.py" not in found.text
    assert "read path=f7.py" in found.text


def test_a_green_check_makes_the_red_one_history() -> None:
    green = ToolResult(text="3 passed", summary="3 passed")
    events = [*step(1, "check", RED), *step(2, "check", green)]
    many = [each for n in range(3, 30) for each in step(n, "read", READ)]
    assert RED.text not in told(TurnStarted(prompt="p"), *events, *many)


def test_the_plan_is_the_one_that_was_kept_last() -> None:
    kept = MemoryKept(seen={}, directory=".", plan=(PlanItem(text="the user's own"),))
    many = [each for n in range(3, 30) for each in step(n, "read", READ)]
    text = told(TurnStarted(prompt="p"), *step(1, "plan", PLANNED), kept, *many)
    assert "the user's own" in text and "mend" not in text


def test_a_summary_stands_in_place_of_the_calls() -> None:
    many = [each for n in range(3, 30) for each in step(n, "read", READ)]
    text = told(TurnStarted(prompt="p"), *many, summary=f"{SUMMARY}It is in the cart.")
    assert f"{SUMMARY}It is in the cart." in text and DONE not in text


def test_the_second_one_tells_what_the_first_one_told() -> None:
    made = history(TurnStarted(prompt="The job"), *step(1, "check", RED))
    for round_ in range(3):
        for number in range(20):
            for event in step(100 * round_ + number + 2, "read", READ, path=f"f{number}.py"):
                made.apply(event)
        found = replacing(made, 4000, size_of, "", SUM_TO)
        assert found is not None
        made.apply(
            HistoryCompacted(replaced=found.count, text=found.text, before=9, after=found.after)
        )
        summed = made.messages[1]
        assert isinstance(summed, UserMessage) and summed.by == "harness"
        assert summed.text.count(HEAD) == 1 and summed.text.count("The job") == 1
        assert RED.text in summed.text
        assert size_of(made.messages) == found.after <= 4000 * STEP_AT_MOST


def test_long_words_of_before_are_cut_and_those_of_now_are_not() -> None:
    now = "now " * 200
    before = [TurnStarted(prompt=f"{n} " + "before " * 300) for n in range(30)]
    text = told(*before, TurnStarted(prompt=now), *step(1, "read", READ), window=8000, aim=0.0)
    assert now in text
    assert "29 before" in text and "earlier left out" in text
    assert len(text) < 8000


names = st.sampled_from(["read", "edit", "check", "plan", "shell"])
steps = st.lists(st.tuples(names, st.integers(0, 3000), st.booleans()), min_size=1, max_size=30)


@given(steps, st.integers(1000, 30_000), st.sampled_from([SUM_TO, 0.0]))
def test_what_is_replaced_parts_no_call_from_its_answer(
    made: list[tuple[str, int, bool]], window: int, aim: float
) -> None:
    events: list[Base] = [TurnStarted(prompt="the task")]
    for number, (name, length, ok) in enumerate(made):
        events += step(number, name, ToolResult(text=f"{number} " + "x" * length, ok=ok))
    whole = history(*events)
    found = replacing(whole, window, size_of, "", aim)
    if found is None:
        return
    assert found.after <= window * FULL_AT
    whole.apply(HistoryCompacted(replaced=found.count, text=found.text, before=0, after=0))
    assert size_of(whole.messages) == found.after
    asked = {call.id for m in whole.messages if isinstance(m, AssistantMessage) for call in m.calls}
    answered = {m.call_id for m in whole.messages if isinstance(m, ToolMessage)}
    assert asked == answered
    text = "\n".join(each.text for each in whole.messages)
    assert "the task" in text
    for failed in (whole.essentials.check, whole.essentials.other):
        assert failed is None or failed.text in text


# -- in a session


@pytest.fixture
def root(tmp_path: Path) -> Path:
    code = "def add(a, b):\n    return a - b\n"
    tests = (
        "import unittest\nfrom calc import add\n\n\nclass T(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n"
    )
    return put(
        tmp_path / "work", {"calc.py": code, "test_calc.py": tests, "long.txt": "yes it is\n" * 900}
    )


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"calls": list(calls)}


def edit(number: int) -> dict[str, Any]:
    call = {"write": {"path": f"made{number}.py", "content": f"x = {number}\n" * 60}}
    return {"say": f"What I know at {number}.", "calls": [call]}


async def test_a_session_in_a_small_window_is_summed_up_and_goes_on(root: Path) -> None:
    plan = {"items": [{"text": "find it", "state": "done"}, {"text": "mend it"}]}
    script = [
        calling({"plan": plan}),
        calling({"check": {}}),
        *map(edit, range(60)),
        "Done.",
    ]
    ran = await run(
        root, script, prompt="Mend the sum, please", window=4096, check=UNITTEST, limits=Limits(99)
    )
    assert ran.end.outcome in ("done", "unverified")
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert len(summed) > 1
    for each in summed:
        assert f"{SUMMARY}What I know at " in each.text, "the model told it"
        assert each.after < each.before and each.usage.output
    failed = next(each.text for each in ran.results if "AssertionError" in each.text)
    for request in ran.model.requests:
        text = "\n".join(each.text for each in request.messages)
        assert "Mend the sum, please" in text
        assert ran.model.count(request.messages, request.tools) <= 4096
        if HEAD in text:
            assert "[ ] mend it" in text and failed in text
    assert any(HEAD in "".join(m.text for m in r.messages) for r in ran.model.requests)
    again = History.of(log.read(ran.session.log_path).events)
    assert again.messages == ran.session.history.messages


async def test_where_the_model_says_nothing_it_is_told_by_the_calls(root: Path) -> None:
    mute = [{**edit(number), "say": ""} for number in range(60)]
    ran = await run(root, mute, window=4096, limits=Limits(99))
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert summed and all(DONE in each.text and SUMMARY not in each.text for each in summed)


class Faulty(ScriptedModel):
    """Fails at a sum-up, and has a window that is smaller than it says, in messages."""

    bears = 1000
    error: ModelError = ProviderFailed("overloaded", "try again")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        if request.words:
            raise self.error
        if len(request.messages) > self.bears:
            raise ContextOverflow("maximum context length exceeded", "shorten it")
        async for chunk in super().stream(request):
            yield chunk


@pytest.mark.parametrize(
    "error",
    [
        ProviderFailed("overloaded", "try again"),
        ContextOverflow("too long", "shorten it"),
        ModelUnusable("the key expired"),
    ],
)
async def test_where_the_sum_up_fails_the_harness_makes_it(root: Path, error: ModelError) -> None:
    model = Faulty.of([*map(edit, range(60)), {"say": "Done."}], window=4096)
    model.error = error
    ran = await run(root, [], model=model, prompt="Make sixty", limits=Limits(99))
    assert ran.end.outcome in ("done", "unverified") and ran.end.steps == 61
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert summed and all(DONE in each.text and "Make sixty" in each.text for each in summed)


async def test_a_window_that_is_smaller_than_the_model_said_is_borne(root: Path) -> None:
    model = Faulty.of([*map(edit, range(40)), {"say": "Done."}], window=100_000)
    model.bears = 20
    ran = await run(root, [], model=model, prompt="Make forty", limits=Limits(99))
    assert ran.end.outcome in ("done", "unverified") and ran.end.steps == 41
    for request in model.requests:
        assert "Make forty" in "\n".join(each.text for each in request.messages)


async def test_a_model_that_never_takes_a_request_ends_the_turn(root: Path) -> None:
    model = Faulty.of([{"say": "Done."}], window=100_000)
    model.bears = 0
    ran = await run(root, [], model=model, prompt="go")
    assert (ran.end.outcome, ran.end.exit_code) == ("limit", 5)


async def test_the_user_can_have_it_summed_up_and_say_what_to_keep(root: Path) -> None:
    script = [*map(edit, range(3)), "Done.", "All of it is made."]
    ran = await run(root, script[:4], prompt="Make three")
    again = await prepare(root, script[4:], again=True)
    ended = await again.turn.carry("the names", "compact", compact)
    again.session.close()
    assert (ended.outcome, ended.text) == ("done", SUMMED)
    [summed] = again.of(HistoryCompacted)
    assert summed.after < summed.before
    [asked] = again.model.requests
    assert asked.messages[:-1] == tuple(ran.session.history.messages), "its prefix is known"
    assert asked.messages[-1].text.endswith("Above all keep: the names")
    _, whole, last = again.session.history.messages
    assert f"{SUMMARY}All of it is made." in whole.text and "Make three" in whole.text
    assert last.text == "Done.", "the last step stands as it was"
    once_more = await prepare(root, ["Nothing new."], again=True)
    ended = await once_more.turn.carry("", "compact", compact)
    once_more.session.close()
    assert ended.text == SHORT and not once_more.model.requests
    assert [each.text for each in once_more.of(Notice)] == [SHORT]


async def test_an_answer_is_no_longer_than_the_window_bears(root: Path) -> None:
    both = calling({"read": {"path": "long.txt"}}, {"shell": {"command": "cat long.txt"}})
    ran = await run(root, [both, "Done."], window=2048)
    page, printed = (each.text for each in ran.results)
    assert len(page) < result_bytes(2048) and "continue with read path=long.txt start=" in page
    assert len(printed) < result_bytes(2048) + 200 and "ask for less at once" in printed


actions = st.lists(
    st.one_of(
        st.just(calling({"read": {"path": "calc.py"}})),
        st.just(calling({"read": {"path": "long.txt"}})),
        st.just(calling({"search": {"pattern": "add"}})),
        st.just(calling({"read": {"path": "nowhere.py"}})),
        st.just(calling({"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}})),
        st.just({"say": "", "calls": []}),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(script=actions, window=st.sampled_from([1300, 2048, 8192]))
def test_each_request_begins_with_the_one_before_it_but_after_a_compaction(
    script: list[dict[str, Any]], window: int, home: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=home) as name:
        root = put(Path(name) / "work", {"calc.py": "a - b\n" * 30, "long.txt": "y\n" * 900})
        ran = asyncio.run(run(root, [*script, "Done."], window=window))
        assert isinstance(ran.events[-1], TurnFinished)
        moved = 0
        asked = [each for each in ran.model.requests if not _sums_up(each.messages)]
        for one, other in pairwise(asked):
            if other.messages[: len(one.messages)] != one.messages:
                moved += 1
        assert moved <= len(ran.of(HistoryCompacted))


def _sums_up(messages: Sequence[Message]) -> bool:
    return "Sum it up" in messages[-1].text

"""What a compaction takes away, and what survives it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from agent.essentials import CHANGED, DONE, PLAN, TASK
from agent.events import (
    Base,
    HistoryCompacted,
    MemoryKept,
    MessageFinished,
    PromptTaken,
    SessionStarted,
    ToolFinished,
    ToolRequested,
    TurnStarted,
)
from agent.history import History, mask
from agent.messages import (
    AssistantMessage,
    Message,
    ToolMessage,
    Usage,
    UserMessage,
    last_call,
)
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


def test_a_call_after_it_has_a_name_of_its_own() -> None:
    made = history(
        TurnStarted(prompt="p"), *(e for n in range(1, 9) for e in step(n, "read", READ))
    )
    made.apply(HistoryCompacted(replaced=len(made.messages) - 3, text="t", before=9, after=1))
    assert last_call(made.messages) == 8


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

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import (
    Base,
    HarnessSpoke,
    HistoryCompacted,
    MessageFinished,
    Notice,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.history import NOT_RUN, History, mask
from agent.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agent.messages import Usage as Used
from sandbox.base import Containment
from tools.base import ToolCall, ToolResult

STARTED = SessionStarted(
    id="s", cwd="/", model="m", autonomy=3, effort=2, containment=Containment.FULL, system="Be."
)


def call(number: int, **arguments: object) -> ToolCall:
    return ToolCall(id=f"c{number}", name="read", arguments=arguments)


def said(text: str, *calls: ToolCall) -> MessageFinished:
    return MessageFinished(message=AssistantMessage(text=text, calls=calls), usage=Used())


def made(which: ToolCall, text: str, ok: bool = True) -> list[Base]:
    result = ToolResult(text=text, ok=ok)
    return [ToolRequested(call=which), ToolFinished(call_id=which.id, result=result)]


def observed(number: int, text: str) -> ToolMessage:
    return ToolMessage(call_id=f"c{number}", name="read", text=text)


def test_a_log_folds_into_the_conversation() -> None:
    events: list[Base] = [
        STARTED,
        TurnStarted(prompt="Why?"),
        StepStarted(step=1),
        said("I look.", call(1, path="a")),
        *made(call(1, path="a"), "x = 1"),
        Notice(text="not for the model"),
        HarnessSpoke(text="Go on."),
        said("Because."),
        TurnFinished(outcome="done"),
    ]
    assert History.of(events).messages == [
        SystemMessage(text="Be."),
        UserMessage(text="Why?"),
        AssistantMessage(text="I look.", calls=(call(1, path="a"),)),
        observed(1, "x = 1"),
        UserMessage(text="Go on.", by="harness"),
        AssistantMessage(text="Because."),
    ]


def test_calls_of_the_user_and_the_harness_answer_no_reply_of_the_model() -> None:
    events: list[Base] = [TurnStarted(prompt="p")]
    for by in ("user", "harness"):
        events.append(ToolRequested(call=call(1), by=by))
        events.append(ToolFinished(call_id="c1", result=ToolResult(text="x")))
    assert History.of(events).messages == [UserMessage(text="p")]


def test_calls_that_a_cancellation_left_are_answered_at_the_end_of_the_turn() -> None:
    history = History.of(
        [
            TurnStarted(prompt="p"),
            said("", call(1), call(2), call(3)),
            *made(call(1), "done"),
            *made(call(2), "cancelled", ok=False),
            TurnFinished(outcome="cancelled"),
            TurnStarted(prompt="again"),
        ]
    )
    assert [each for each in history.messages if isinstance(each, ToolMessage)] == [
        observed(1, "done"),
        observed(2, "cancelled").model_copy(update={"ok": False}),
        observed(3, NOT_RUN).model_copy(update={"ok": False}),
    ]
    assert history.messages[-1] == UserMessage(text="again")
    assert history.open == {}


replies = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=6
)


@settings(max_examples=60)
@given(replies)
def test_the_prefix_never_moves_but_at_a_compaction(plan: list[tuple[int, int, bool]]) -> None:
    history, number = History(), 0
    seen: list[tuple[Message, ...]] = [()]
    for asked, answered, ends in plan:
        calls = [call(number + each) for each in range(asked)]
        number += asked
        events: list[Base] = [TurnStarted(prompt="p"), said("t", *calls)]
        for each in calls[:answered]:
            events += made(each, "x" * 1000)
        # a turn that was killed is closed when its log is read, so it ends too
        events += [Notice(text="n"), TurnFinished(outcome="done" if ends else "cancelled")]
        for event in events:
            history.apply(event)
            seen.append(tuple(history.messages))
    for before, after in pairwise(seen):
        assert after[: len(before)] == before
    replied = [each for each in history.messages if isinstance(each, AssistantMessage)]
    wanted = [each.id for reply in replied for each in reply.calls]
    answers = [each.call_id for each in history.messages if isinstance(each, ToolMessage)]
    assert answers == wanted


def test_a_masked_observation_says_what_it_was_and_keeps_its_place() -> None:
    long = "line\n" * 100
    messages: list[Message] = [
        AssistantMessage(calls=(call(1, path="a.py", start=2),)),
        observed(1, long),
        observed(2, long),
    ]
    masked = mask(messages, frozenset({"c1"}))
    assert masked[0] == messages[0]
    assert masked[1] == observed(
        1, "[left out: 101 lines of `read path=a.py, start=2`; call it again if you need them]"
    )
    assert masked[2] == messages[2]


def test_a_compaction_in_the_log_is_the_one_that_the_model_saw() -> None:
    history = History.of(
        [
            TurnStarted(prompt="p"),
            said("", call(1), call(2)),
            *made(call(1), "a" * 999),
            *made(call(2), "b" * 999),
            HistoryCompacted(masked=("c1",), before=500, after=300),
        ]
    )
    first, second = (each for each in history.messages if isinstance(each, ToolMessage))
    assert first.text.startswith("[left out: ")
    assert second.text == "b" * 999

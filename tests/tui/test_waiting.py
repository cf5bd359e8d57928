"""Approvals and questions that wait for a person."""

from __future__ import annotations

import asyncio

from agent.events import ApprovalAnswered, ApprovalAsked
from agent.policy import Verdict
from tools.base import Effect, Preview
from tui.waiting import Waiting


def asked(call_id: str, *effects: Effect) -> ApprovalAsked:
    preview = Preview(kind="text", title="x")
    return ApprovalAsked(call_id=call_id, effects=effects, reason="so", preview=preview)


def said(call_id: str, approved: bool = True) -> ApprovalAnswered:
    return ApprovalAnswered(call_id=call_id, approved=approved, by="user")


async def begun(waiting: Waiting, *asks: ApprovalAsked) -> list[asyncio.Task[ApprovalAnswered]]:
    tasks = [asyncio.create_task(waiting.ask(each)) for each in asks]
    await asyncio.sleep(0)  # each runs up to its wait
    assert waiting.approvals == asks
    return tasks


async def test_the_first_that_asked_is_shown_first_and_each_gets_its_answer() -> None:
    seen: list[int] = []
    waiting = Waiting(changed=lambda: seen.append(len(waiting.approvals)))
    first, second = await begun(waiting, asked("a"), asked("b"))
    assert [each.call_id for each in waiting.approvals] == ["a", "b"]
    waiting.answer(said("b", approved=False))
    waiting.answer(said("a"))
    assert ((await first).approved, (await second).approved) == (True, False)
    assert seen == [1, 2, 1, 0]


async def test_a_move_of_the_slider_answers_what_it_decides() -> None:
    waiting = Waiting()
    run, push, gone = await begun(
        waiting, asked("a", Effect.EXECUTE), asked("b", Effect.NETWORK), asked("c", Effect.DESTROY)
    )
    verdicts = {"a": Verdict.ALLOW, "b": Verdict.ASK, "c": Verdict.DENY}
    waiting.reconsider(lambda each: verdicts[each.call_id])
    assert await run == ApprovalAnswered(call_id="a", approved=True, by="slider")
    assert await gone == ApprovalAnswered(call_id="c", approved=False, by="slider")
    assert [each.call_id for each in waiting.approvals] == ["b"]
    waiting.answer(said("b"))
    assert (await push).by == "user"


async def test_a_cancelled_wait_disappears_and_its_answer_is_dropped() -> None:
    waiting = Waiting()
    (task,) = await begun(waiting, asked("a"))
    task.cancel()
    await asyncio.wait([task])
    assert waiting.approvals == ()
    waiting.answer(said("a"))


async def test_an_answer_beside_a_cancellation_is_no_error() -> None:
    waiting = Waiting()
    (task,) = await begun(waiting, asked("a"))
    task.cancel()
    waiting.answer(said("a"))
    await asyncio.wait([task])
    assert task.cancelled()


async def test_two_calls_of_one_name_both_get_an_answer() -> None:
    waiting = Waiting()
    first, second = await begun(waiting, asked("a"), asked("a"))
    waiting.answer(said("a"))
    waiting.answer(said("a", approved=False))
    assert ((await first).approved, (await second).approved) == (True, False)


async def test_questions_wait_beside_approvals() -> None:
    waiting = Waiting()
    first = asyncio.create_task(waiting.question("which?", ("a", "b")))
    second = asyncio.create_task(waiting.question("which?", ("a", "b")))
    await asyncio.sleep(0)  # each runs up to its wait
    shown = waiting.questions[0]
    assert (shown.question, shown.choices) == ("which?", ("a", "b"))
    waiting.say(shown, "b")
    waiting.say(shown, "a")  # it waits no longer
    waiting.say(waiting.questions[0], None)
    assert (await first, await second) == ("b", None)

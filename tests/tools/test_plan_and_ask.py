from __future__ import annotations

from tests.tools.bench import Bench
from tools.base import Effect, PlanItem


async def test_a_plan_replaces_the_one_before(bench: Bench) -> None:
    await bench.call("plan", items=[{"text": "look"}])
    result = await bench.call(
        "plan", items=[{"text": "look", "state": "done"}, {"text": "mend", "state": "doing"}]
    )
    assert result.text == "[x] look\n[>] mend"
    assert result.summary == "1 of 2 done"
    assert bench.context.memory.plan == (
        PlanItem(text="look", state="done"),
        PlanItem(text="mend", state="doing"),
    )
    assert bench.effects("plan", items=[]) == {Effect.READ}


async def test_plain_texts_are_items_too(bench: Bench) -> None:
    assert (await bench.call("plan", items=["look", "mend"])).text == "[ ] look\n[ ] mend"
    assert (await bench.call("plan", items='[{"text": "look"}]')).text == "[ ] look"
    said = await bench.refused("plan", items=[{"text": "a", "state": "later"}])
    assert '"todo"|"doing"|"done"' in said


async def test_the_answer_of_the_user_reaches_the_model(bench: Bench) -> None:
    bench.answer = "the second"
    result = await bench.call("ask", question="Which?", choices=["first", "second"])
    assert result.text == "The user says: the second"
    assert bench.asked == [("Which?", ("first", "second"))]
    assert bench.effects("ask", question="Which?") == {Effect.READ}


async def test_where_nobody_answers_the_model_is_told_to_go_on(bench: Bench) -> None:
    result = await bench.call("ask", question="Which?")
    assert "Nobody is there" in result.text
    assert "go on" in result.text
    assert "empty" in await bench.refused("ask", question=" ")

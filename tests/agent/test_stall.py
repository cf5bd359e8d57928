from __future__ import annotations

import pytest

from agent.stall import Advice, Stall
from tools.base import ToolCall, ToolResult
from tools.report import CheckReport


def saw(stall: Stall, call: str, text: str = "same", **arguments: object) -> Advice:
    made = ToolCall(id="any", name=call, arguments=arguments)
    return stall.saw(made, ToolResult(text=text))


def test_the_same_call_three_times_is_nudged_and_five_times_is_stopped() -> None:
    stall = Stall()
    advice = [saw(stall, "read", path="a.py") for _ in range(6)]
    assert advice == ["go on", "go on", "nudge", "go on", "stop", "stop"]


@pytest.mark.parametrize("period", [2, 3, 4, 5])
def test_a_cycle_is_noticed_by_its_rounds(period: int) -> None:
    stall = Stall()
    advice = [saw(stall, "read", path=f"{number % period}.py") for number in range(period * 5)]
    assert advice.index("nudge") == period * 3 - 1
    assert advice.index("stop") == period * 5 - 1
    assert advice.count("nudge") == 1


def test_a_longer_way_round_is_work() -> None:
    stall = Stall()
    assert {saw(stall, "read", path=f"{number % 6}.py") for number in range(60)} == {"go on"}


def test_the_same_call_with_another_result_is_progress() -> None:
    stall = Stall()
    assert {saw(stall, "shell", f"line {number}", command="x") for number in range(20)} == {"go on"}


def test_a_rule_that_fills_up_the_line_beside_a_duration_says_nothing() -> None:
    stall = Stall()
    lines = ("===== no tests ran in 0.1s =====", "==== no tests ran in 0.12s =====")
    assert [saw(stall, "check", lines[number % 2]) for number in range(3)][-1] == "nudge"


def test_other_arguments_are_another_call() -> None:
    stall = Stall()
    assert {saw(stall, "read", path="a.py", start=number) for number in range(20)} == {"go on"}


def test_the_order_of_arguments_and_the_id_of_the_call_say_nothing() -> None:
    stall = Stall()
    saw(stall, "read", path="a", start=1)
    saw(stall, "read", start=1, path="a")
    result = ToolResult(text="same")
    call = ToolCall(id="other", name="read", arguments={"path": "a", "start": 1})
    assert stall.saw(call, result) == "nudge"


def test_a_check_that_only_took_another_time_is_no_progress() -> None:
    stall = Stall()
    advice = [saw(stall, "check", f"1 failed (pytest, {n}.{n} s)\n in {n}.01s") for n in range(5)]
    assert advice == ["go on", "go on", "nudge", "go on", "stop"]


def test_something_else_in_between_breaks_the_row() -> None:
    stall = Stall()
    advice = [saw(stall, "read"), saw(stall, "read"), saw(stall, "edit"), saw(stall, "read")]
    assert advice == ["go on"] * 4


def test_a_nudge_is_given_once_and_the_next_cycle_is_only_stopped() -> None:
    stall = Stall()
    first = [saw(stall, "read") for _ in range(3)]
    second = [saw(stall, "search") for _ in range(5)]
    assert (first[-1], second) == ("nudge", ["go on"] * 4 + ["stop"])


def test_empty_replies_are_nudged_and_the_third_in_a_row_stops() -> None:
    stall = Stall()
    assert [stall.saw_nothing() for _ in range(3)] == ["nudge", "nudge", "stop"]


def test_a_call_between_empty_replies_starts_the_count_again() -> None:
    stall = Stall()
    for number in range(10):
        assert [stall.saw_nothing(), stall.saw_nothing()] == ["nudge", "nudge"]
        assert saw(stall, "read", path=f"{number}.py") == "go on"


def test_text_that_no_encoding_carries_is_compared_too() -> None:
    stall = Stall()
    assert [saw(stall, "read", "\udcff", path="\udcff") for _ in range(3)][-1] == "nudge"


def test_a_change_that_was_there_already_twice_in_a_row_is_how_some_models_rest() -> None:
    stall = Stall()
    made = ToolCall(id="any", name="write", arguments={"path": "a"})
    assert stall.saw(made, ToolResult(text="created", changed=("a",))) == "go on"
    assert not stall.repeats
    there = ToolResult(text="as it is", already=True)
    assert [stall.saw(made, there), stall.saw(made, there)] == ["go on", "rest"]
    assert stall.repeats
    assert saw(stall, "read", path="b") == "go on"
    assert not stall.repeats


def test_a_check_as_green_as_the_one_before_twice_in_a_row_is_rest_too() -> None:
    stall = Stall()
    made = ToolCall(id="any", name="check", arguments={})
    green = ToolResult(
        text="1 passed (0.2 s)",
        report=CheckReport(
            command="pytest", runner="pytest", granularity="test", exit_code=0, complete=True
        ),
    )
    assert [stall.saw(made, green) for _ in range(3)] == ["go on", "go on", "rest"]
    red = green.model_copy(update={"ok": False, "text": "1 failed"})
    assert [stall.saw(made, red) for _ in range(3)] == ["go on", "go on", "nudge"]

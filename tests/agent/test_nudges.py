"""What a small model is told behind the results of its calls."""

from __future__ import annotations

from agent.nudges import CHANGED, NEXT, Nudges
from tools.base import ToolResult
from tools.report import CheckReport

READ = ToolResult(text="1|x")
MADE = ToolResult(text="edited a.py", changed=("a.py",))
SAME = ToolResult(text="has this already", already=True)
BROKE = MADE.model_copy(update={"broken": ("line 2 (f): undefined name 'b'",)})
RED = ToolResult(
    text="1 failed",
    ok=False,
    report=CheckReport(
        command="pytest", runner="pytest", granularity="test", exit_code=0, complete=True
    ),
)


def test_what_was_read_leads_on_by_itself() -> None:
    assert Nudges().words([READ]) == ""
    assert Nudges().words([]) == ""


def test_after_a_change_and_a_check_it_may_end() -> None:
    assert Nudges().words([READ, MADE]) == CHANGED
    assert Nudges().words([SAME]) == CHANGED
    assert Nudges().words([RED]) == NEXT


def test_an_error_says_itself_what_is_to_be_done() -> None:
    assert Nudges().words([ToolResult(text="Error: no such file", ok=False)]) == ""


def test_what_a_change_broke_is_to_be_mended_before_it_ends() -> None:
    nudges = Nudges()
    assert "line 2 (f): undefined name 'b'" in nudges.words([BROKE])
    assert "undefined name" in nudges.words([SAME])
    assert nudges.words([MADE]) == CHANGED

"""Whatever is in a card, no line of it is wider than the screen, and copies are plain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import (
    AttemptStarted,
    Base,
    CandidatesScreened,
    CheckFinished,
    CheckStarted,
    HarnessSpoke,
    Notice,
    PhaseStarted,
    QuestionAnswered,
    QuestionAsked,
    Verification,
)
from tests.tui.told import Teller, repair
from tools.base import Effect, ToolResult
from tui.cards.lines import GUTTER, copied

DECORATION = "▌▸▾│┌└┐┘─●○█░⤷…⋯"
TEXT = st.text(
    st.one_of(
        st.sampled_from("ab 世🎉é\t\x1b[m\n\r`*#->|1_\u202e\u200d\ufe0f👩\u0301/."),
        st.characters(exclude_characters=DECORATION, exclude_categories=["Cs"]),
    ),
    max_size=120,
)
WIDTH = st.integers(20, 200)


def diff_of(old: str, new: str) -> str:
    gone, come = old.split("\n"), new.split("\n")
    head = f"--- a/x.py\n+++ b/x.py\n@@ -1,{len(gone)} +1,{len(come)} @@\n"
    return head + "".join(f"-{each}\n" for each in gone) + "".join(f"+{each}\n" for each in come)


def said(told: Teller, text: str) -> None:
    told.turn(text, origin=text)
    told.step(3, text, text)
    told.step(1234, f"- {text}\n\n> {text}\n\n```py\n{text}\n```\n\n|a|b|\n|-|-|\n|{text}|c|")


def called(told: Teller, text: str) -> None:
    both = (Effect.EXECUTE, Effect.NETWORK)
    result = ToolResult(text=text * 9, summary=text, ok=False)
    told.call("shell", result, effects=both, command=text, output=[text])
    told.call(
        "edit", ToolResult(text=text, summary=text, diff=diff_of(text, text[::-1])), path=text
    )
    told.call(text, None, output=[text], **{"a": text})
    told.call("plan", None, items=[{"text": text, "state": "doing"}])
    told.call("ask", None, question=text)


def checked(told: Teller, text: str) -> None:
    names = (text, text * 2)
    end = CheckFinished(
        passed=1, failed=2, complete=False, newly_failing=names, notes=names, seconds=1e5
    )
    told.tell(CheckStarted(command=text, targets=names), end)
    told.tell(
        PhaseStarted(phase="localise", detail=text), PhaseStarted(phase="propose", detail=text)
    )
    told.tell(CandidatesScreened(tried=9, passed=1, failed=1, seconds=1.0))
    told.attempt(1, text, "failed", text)
    told.attempt(2, text, "verified", text, diff_of(text, "x"))
    told.tell(AttemptStarted(attempt=3, detail=text))


def ended(told: Teller, text: str) -> None:
    events: list[Base] = [Notice(text=text, hint=text), HarnessSpoke(text=text)]
    events += [QuestionAsked(question=text, choices=(text,)), QuestionAnswered(answer=text)]
    told.tell(*events)
    record = Verification(reason=text, newly_failing=(text,))
    told.end("failed", error=text, hint=text, changed=(text,), verification=record)
    told.end()


@pytest.mark.parametrize("tell", [said, called, checked, ended])
@given(text=TEXT, width=WIDTH)
def test_no_line_is_wider_than_the_screen(
    tell: Callable[[Teller, str], None], text: str, width: int
) -> None:
    told = Teller()
    tell(told, text)
    for card in told.fold.cards:
        for card.open in (None, True, False):
            assert card.guess(width) >= 0
            for line in card.lines(width):
                assert line.cell_length <= width, (type(card), line.plain)
                assert "\n" not in line.plain and "\t" not in line.plain
                assert "\x1b" not in line.plain and "\u202e" not in line.plain


@pytest.mark.parametrize("tell", [said, called, checked, ended])
@given(text=TEXT)
def test_copies_are_without_decoration(tell: Callable[[Teller, str], None], text: str) -> None:
    told = Teller()
    tell(told, text)
    for card in told.fold.cards:
        assert not set(card.plain()) & set(DECORATION)


def test_copied_lines_are_without_numbers_bars_and_times() -> None:
    told = Teller()
    repair(told)
    lines = [copied(line) for card in told.fold.cards for line in card.lines(100)]
    assert "    if discount is not None:" in lines
    assert "tests   pytest -q" in lines
    assert not set("".join(lines)) & set("▸▾│┌└─")


def test_only_what_is_decoration_is_marked_as_such() -> None:
    told = Teller()
    told.turn("hello")
    line = told.fold.cards[0].lines(40)[1]
    assert [line.plain[span.start : span.end] for span in line.spans if span.style == GUTTER] == [
        " you   "
    ]

"""What the fold says of each event: which cards came, which changed, what runs."""

from __future__ import annotations

from agent.events import (
    BytesLeft,
    CheckStarted,
    ModelNamed,
    PhaseStarted,
    QuestionAsked,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnStarted,
)
from tests.tui.told import DIFF, Teller, repair
from tools.base import ToolCall, ToolResult
from tui.cards.call import CallCard
from tui.cards.prompt import PromptCard
from tui.cards.proof import EndCard, ProofCard
from tui.cards.say import SayCard
from tui.cards.step import StepCard
from tui.fold import NO_CHANGE, Change, Fold


def kinds(fold: Fold) -> list[str]:
    return [type(card).__name__.removesuffix("Card") for card in fold.cards]


def test_a_change_says_what_came_and_what_changed() -> None:
    fold = Fold()
    assert fold.take(TurnStarted(prompt="x")) == Change(1, ())
    assert fold.take(StepStarted(step=1)) == Change(1, ())
    assert fold.take(TextDelta(text="a")) == Change(1, (1, 2)), "the number goes to the words"
    assert fold.take(TextDelta(text="b")) == Change(0, (2,))
    assert fold.take(BytesLeft(to="x", count=1)) is NO_CHANGE
    assert fold.take(ModelNamed(model="m")) is NO_CHANGE


def test_cards_know_their_places() -> None:
    told = Teller()
    repair(told)
    assert [card.at for card in told.fold.cards] == list(range(len(told.fold.cards)))


def test_a_repair_becomes_its_cards() -> None:
    told = Teller()
    repair(told)
    assert kinds(told.fold) == [
        "Opening",
        "Prompt",
        "Phase",
        "Check",
        "Phase",
        "Attempts",
        "Phase",
        "Call",
        "Proof",
    ]


def test_a_number_stands_once_in_each_step() -> None:
    told = Teller()
    told.turn("x")
    told.step(1, "words", "a thought")
    told.step(2, "words")
    told.call("read", ToolResult(text="x"), path="a")
    told.step(3)
    told.call("read", ToolResult(text="x"), path="a")
    told.call("read", ToolResult(text="x"), path="b")
    shown = [line[:4] for line in told.text(60).split("\n")]
    assert [each.strip() for each in shown if each.strip().isdigit()] == ["1", "2", "3"]


def test_what_the_user_calls_bears_no_number() -> None:
    told = Teller()
    told.turn("x")
    told.step(1, "words")
    told.call("shell", ToolResult(text="x"), by="user", command="ls")
    assert told.fold.cards[-1].step == 0


def test_deltas_of_an_attempt_are_no_words_of_the_session() -> None:
    fold = Fold()
    assert fold.take(TextDelta(text="a", attempt=1)) is NO_CHANGE
    assert fold.take(ThinkingDelta(text="a", attempt=1)) is NO_CHANGE
    assert fold.cards == []


def test_calls_of_an_attempt_are_told_by_its_lane() -> None:
    told = Teller()
    told.turn("x", kind="fix")
    told.tell(PhaseStarted(phase="propose", detail="x"))
    call = ToolCall(id="c1", name="read", arguments={"path": "a.py"})
    told.tell(ToolRequested(call=call, attempt=1))
    assert kinds(told.fold) == ["Prompt", "Attempts"]


def test_what_runs_counts_on_and_what_ended_does_not() -> None:
    told = Teller()
    told.turn("x")
    told.tell(StepStarted(step=1))
    assert list(told.fold.running) == [1]
    assert told.fold.pulse(told.now + 3) == Change(0, (1,))
    assert "3.0 s" in told.text(60)
    told.end("cancelled")
    assert told.fold.running == {}
    assert told.fold.pulse(told.now + 9) is NO_CHANGE


def test_the_end_of_a_turn_stops_everything() -> None:
    told = Teller()
    told.turn("x")
    told.tell(StepStarted(step=1), CheckStarted(command="pytest"))
    told.call("shell", command="sleep 9")
    told.tell(PhaseStarted(phase="localise", detail=""), PhaseStarted(phase="propose", detail=""))
    told.tell(QuestionAsked(question="?"))
    told.end("cancelled")
    assert told.fold.running == {} and not any(card.running for card in told.fold.cards)


def test_a_turn_that_changed_nothing_ends_with_one_line() -> None:
    told = Teller()
    told.turn("x")
    told.end()
    assert isinstance(told.fold.cards[-1], EndCard)
    told.turn("y")
    told.call("edit", ToolResult(text="x", diff=DIFF), path="a.py")
    told.end("unverified", changed=("a.py",))
    assert isinstance(told.fold.cards[-1], ProofCard)


def test_output_is_bounded_and_what_went_is_counted() -> None:
    fold = Fold()
    call = ToolCall(id="a", name="shell", arguments={"command": "yes"})
    fold.take(ToolRequested(call=call))
    fold.take(ToolStarted(call_id="a"))
    for _ in range(300):
        fold.take(ToolOutput(call_id="a", text="y\n" * 1000))
    (card,) = fold.cards
    assert len(card.plain()) < 66_000
    assert "… 299,992 more lines" in "\n".join(line.plain for line in card.lines(60))
    fold.take(ToolFinished(call_id="a", result=ToolResult(text="ended")))
    assert card.plain() == "yes\nended"


def test_finished_work_folds_and_what_the_user_opened_stays_open() -> None:
    told = Teller()
    told.call("shell", command="ls", output=["a\n", "b\n"])
    (card,) = told.fold.cards
    assert card.opened
    told.tell(ToolFinished(call_id="c1", result=ToolResult(text="a\nb")))
    assert not card.opened
    card.toggle()
    assert card.opened and [line.plain.strip() for line in card.lines(40)][1:] == ["a", "b"]


def test_ids_of_calls_may_come_again_in_another_turn() -> None:
    told = Teller()
    for _ in range(2):
        told.turn("x")
        call = ToolCall(id="c1", name="read", arguments={"path": "a"})
        told.tell(ToolRequested(call=call), ToolStarted(call_id="c1"))
        told.tell(ToolFinished(call_id="c1", result=ToolResult(text="x")))
    calls = [card for card in told.fold.cards if isinstance(card, CallCard)]
    assert len(calls) == 2 and not any(card.running for card in calls)
    assert {type(each) for each in told.fold.cards} == {PromptCard, CallCard}


def test_words_are_one_card_a_step() -> None:
    told = Teller()
    told.step(1, "one")
    told.step(2, "two")
    assert [type(card) for card in told.fold.cards] == [StepCard, SayCard, StepCard, SayCard]

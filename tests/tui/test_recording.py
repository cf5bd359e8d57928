"""A log as something to be played: what is due when, where one stops, and what it shows there."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import (
    ApprovalAsked,
    AutonomyChanged,
    BytesLeft,
    MessageFinished,
    ModelNamed,
    ModelRetried,
    Notice,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    StepStarted,
    TurnFinished,
    TurnStarted,
    as_line,
    parse,
)
from agent.log import LogView
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy, Verdict
from agent.redaction import Redaction
from tests.tui.recorded import Kept, two_turns
from tests.tui.told import repair
from tools.base import ToolResult
from tui.cards.say import SayCard
from tui.playback.clock import AT_ONCE, SPEEDS, Clock
from tui.playback.recording import Recording
from tui.playback.stage import Stage
from tui.playback.tame import ITEMS, NUMBER, TEXT, tamed
from tui.state import State


def seen(stage: Stage) -> list[str]:
    return [line.plain for card in stage.fold.cards for line in card.lines(80)]


def at_times(*times: float, words: str = "one two three four") -> Recording:
    """Record a session of one reply, asked at the first time and there at the last."""
    asked = StepStarted(step=1, time=times[0])
    between = [AutonomyChanged(autonomy=Autonomy.RUN, time=each) for each in times[1:-1]]
    message = AssistantMessage(text=words)
    whole = MessageFinished(message=message, usage=Usage(), time=times[-1])
    return Recording.of(LogView(events=[asked, *between, whole]), Redaction())


# -- time


def test_a_pause_is_cut_and_what_follows_comes_so_much_earlier() -> None:
    events = [Notice(text="x", time=each) for each in (100.0, 101.0, 161.0, 162.5)]
    view = LogView(events=list(events))
    assert Recording.of(view, Redaction()).due == (0.0, 1.0, 3.0, 4.5)
    assert Recording.of(view, Redaction(), 10.0).due == (0.0, 1.0, 11.0, 12.5)
    assert Recording.of(view, Redaction(), 0).due == (0.0, 1.0, 61.0, 62.5)


def test_in_a_pause_that_was_cut_the_time_of_the_session_goes_faster() -> None:
    events = [Notice(text="x", time=each) for each in (100.0, 101.0, 161.0)]
    recording = Recording.of(LogView(events=list(events)), Redaction())
    assert [recording.time(at) for at in (0.0, 0.5, 1.0, 2.0, 3.0, 9.0)] == [
        100.0, 100.5, 101.0, 131.0, 161.0, 161.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "played"),
    [
        ("", 2.0),  # a pause like any other
        ("one", 2.0),
        ("one two three four", 8.0),  # two seconds a word
        ("word " * 100, 60.0),  # as long as it took
    ],
)
def test_while_a_reply_is_typed_the_pauses_are_those_between_its_words(
    words: str, played: float
) -> None:
    assert at_times(10.0, 70.0, words=words).length == pytest.approx(played)


def test_what_happens_within_a_reply_takes_its_part_of_the_pauses() -> None:
    due = at_times(0.0, 30.0, 60.0, words="one two three four").due
    assert due == pytest.approx((0.0, 4.0, 8.0))


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, -1e300, 1e300, 0.0])
def test_a_time_that_cannot_be_moves_nothing_but_itself(odd: float) -> None:
    events = [Notice(text="x", time=each) for each in (100.0, 101.0, odd, 102.0, 103.0)]
    recording = Recording.of(LogView(events=list(events)), Redaction())
    gaps = [after - before for before, after in itertools.pairwise(recording.due)]
    assert all(0 < gap < 2.01 for gap in gaps)
    assert (gaps[0], gaps[-1]) == pytest.approx((1.0, 1.0))
    assert all(math.isfinite(each.time) for each in recording.events)


@given(st.lists(st.floats(), min_size=1, max_size=30), st.floats(0, 100))
def test_whatever_a_log_says_time_goes_on(times: list[float], idle: float) -> None:
    view = LogView(events=[Notice(text="x", time=each) for each in times])
    recording = Recording.of(view, Redaction(), idle)
    assert all(before < after for before, after in itertools.pairwise(recording.due))
    for at in (0.0, recording.length / 2, recording.length):
        assert 1 <= recording.shown(at) <= len(times)
        assert math.isfinite(recording.time(at))
    assert [recording.shown(at) for at in recording.due] == list(range(1, len(times) + 1))


# -- the clock


def test_a_position_goes_on_with_the_clock_as_fast_as_was_chosen() -> None:
    now = [50.0]
    clock = Clock(100.0, now=lambda: now[0])
    assert (clock.at, clock.playing) == (0.0, False)
    clock.play()
    now[0] += 3
    assert (clock.at, clock.wait(10.0)) == (3.0, 7.0)
    clock.change(1)
    now[0] += 3
    assert (clock.at, clock.speed, clock.wait(19.0)) == (9.0, 2.0, 5.0)
    clock.pause()
    now[0] += 30
    assert (clock.at, clock.playing) == (9.0, False)
    clock.seek(40.0)
    assert (clock.at, clock.playing) == (40.0, False)
    clock.play()
    now[0] += 300
    assert (clock.at, clock.playing, clock.ended) == (100.0, False, True)
    clock.seek(-3.0)
    assert (clock.at, clock.playing) == (0.0, False), "at the end it stood"
    clock.play()
    clock.seek(7.0)
    assert (clock.at, clock.playing) == (7.0, True)


def test_speeds_go_up_to_at_once_and_down_to_a_quarter() -> None:
    clock = Clock(100.0, now=lambda: 0.0)
    up = [clock.speed for _ in SPEEDS if clock.change(1) is None]
    assert (up[-1], up[-4]) == (AT_ONCE, AT_ONCE)
    clock.play()
    assert (clock.at, clock.wait(100.0)) == (100.0, 0.0)
    for _ in SPEEDS:
        clock.change(-1)
    assert (clock.speed, clock.at) == (0.25, 100.0)
    clock.speed = 3.0  # which was typed
    clock.change(1)
    assert clock.speed == 4.0


def test_playing_at_the_end_begins_again() -> None:
    clock = Clock(10.0, now=lambda: 0.0)
    clock.seek(10.0)
    clock.play()
    assert (clock.at, clock.playing) == (0.0, True)


# -- where it stops


def test_stops_are_where_a_step_or_a_turn_is_complete() -> None:
    recording = two_turns().recording()
    assert [stop.at for stop in recording.stops] == ["1.1", "1.2", "1", "2.1", "2"]
    last = [type(recording.events[stop.shown - 1]).__name__ for stop in recording.stops]
    assert last == [
        "ToolFinished", "ToolFinished", "TurnFinished", "MessageFinished", "TurnFinished",
    ]  # fmt: skip


def test_steps_and_turns_forward_and_back() -> None:
    recording = two_turns().recording()
    ends = [recording.due[stop.shown - 1] for stop in recording.stops]
    at, forward = 0.0, []
    while at < recording.length:
        at = recording.next_stop(at)
        forward.append(at)
    assert forward == ends
    backward = [at := recording.stop_before(at) for _ in range(len(ends))]
    assert backward == [*reversed(ends[:-1]), 0.0]
    first, second = (recording.due[shown - 1] for shown in recording.turns)
    assert (recording.next_turn(0.0), recording.next_turn(first)) == (first, second)
    assert recording.next_turn(second) == recording.length
    assert recording.turn_before(recording.length) == second
    assert (recording.turn_before(second), recording.turn_before(first)) == (first, 0.0)


def test_a_fork_takes_what_is_complete_where_it_stands() -> None:
    recording = two_turns().recording()
    told = [recording.fork_at(due) for due in recording.due]
    assert [at for at, _ in itertools.groupby(told)] == ["", "1.1", "1.2", "1", "2.1", "2"]


# -- what is shown


def test_the_end_looks_as_the_session_did() -> None:
    repaired = Kept()
    repair(repaired)
    for told in (two_turns(), repaired):
        stage = Stage(told.recording())
        stage.go(stage.recording.length)
        assert seen(stage) == [line.plain for card in told.fold.cards for line in card.lines(80)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_wherever_it_comes_from_a_position_looks_the_same(parts: list[float]) -> None:
    recording = two_turns().recording()
    wandering = Stage(recording)
    for part in parts:
        wandering.go(part * recording.length)
    straight = Stage(recording)
    straight.go(parts[-1] * recording.length)
    assert seen(wandering) == seen(straight)
    states = (
        {each.name: getattr(stage.state, each.name) for each in fields(State)}
        for stage in (wandering, straight)
    )
    one, other = ({**state, "_foreign": None} for state in states)  # the taint has what it says
    assert one == other


def test_a_reply_is_typed_a_thought_first() -> None:
    recording = two_turns().recording()
    stage, typed = Stage(recording), []
    reply = recording.replies[0]
    begun, whole = recording.due[reply.asked], recording.due[reply.whole]
    for part in range(1, 20):
        stage.go(begun + part * (whole - begun) / 20)
        said = [card.text for card in stage.fold.cards if isinstance(card, SayCard)]
        typed.append((stage.state.doing, *said))
    assert typed[0] == ("thinking",)
    words = [each[1] for each in typed if each[0] == "writing"]
    assert all("I look at the file.".startswith(each) for each in words)
    assert len(set(words)) > 8 and words == sorted(words, key=len)
    assert stage.state.rate == 0.0, "how fast it was is not known"


def test_after_a_retry_it_is_typed_from_there() -> None:
    told = Kept()
    told.tell(StepStarted(step=1))
    told.tell(ModelRetried(reason="busy", retry=1, seconds=5.0), seconds=5.0)
    told.tell(
        MessageFinished(message=AssistantMessage(text="now it says this"), usage=Usage()),
        seconds=4.0,
    )
    (reply,) = told.recording().replies
    assert (reply.asked, reply.whole) == (1, 2)


def test_an_approval_shows_for_the_time_it_stood() -> None:
    told = Kept()
    told.open()
    told.turn("push")
    told.call(
        "shell",
        ToolResult(text="", summary="exit 0"),
        verdict=Verdict.ASK,
        answer={"approved": True, "by": "user"},
        command="git push",
    )
    recording = told.recording()
    asked = next(n for n, each in enumerate(recording.events) if isinstance(each, ApprovalAsked))
    stage = Stage(recording)
    stood = []
    for due in recording.due[asked - 1 : asked + 2]:
        stage.go(due)
        stood.append(bool(stage.state.asked))
    assert stood == [False, True, False]


def test_a_question_waits_until_it_is_answered() -> None:
    told = Kept()
    told.tell(QuestionAsked(question="which?"), QuestionAnswered(answer="this"), seconds=1.0)
    stage = Stage(told.recording())
    stage.go(0.5)
    assert stage.question is not None
    stage.go(1.0)
    assert stage.question is None


@pytest.mark.parametrize(
    ("model", "address", "host"),
    [
        ("qwen2.5-coder-1.5b", "", ""),
        ("openai/gpt-5.1", "", "openai"),
        ("openai/gpt-5.1", "https://api.example.com/v1", "api.example.com"),
        ("ollama/qwen3", "", ""),
        ("openai/x", "http://[", "openai"),
    ],
)
def test_who_was_asked_is_told_by_name_and_address(model: str, address: str, host: str) -> None:
    told = Kept()
    told.open()
    told.tell(ModelNamed(model=model, api_base=address))
    stage = Stage(told.recording())
    stage.go(stage.recording.length)
    assert (stage.state.local, stage.state.host if host else "") == (not host, host)


# -- what a log may say


def test_secrets_of_today_are_left_out() -> None:
    told = Kept()
    told.turn("the key is hunter2hunter2")
    told.step(1, "it is hunter2hunter2 indeed")
    view = LogView(events=told.events)
    recording = Recording.of(view, Redaction({"hunter2hunter2": "KEY"}))
    stage = Stage(recording)
    for part in range(50):
        stage.go(part / 49 * recording.length)
        assert "hunter2" not in "\n".join(seen(stage))
    assert "[redacted: KEY]" in "\n".join(seen(stage))


def test_nothing_in_it_is_endless() -> None:
    event = SessionStarted(
        id="x" * (TEXT + 50),
        cwd="/",
        model="m",
        autonomy=Autonomy.ASK,
        effort=10**15,
        containment=0,
    )
    fit = tamed(event)
    assert isinstance(fit, SessionStarted)
    assert (fit.effort, "[… 50 characters left out …]" in fit.id) == (4, True)
    end = TurnFinished(
        outcome="done",
        steps=10**40,
        usage=Usage(input=10**30, cost=math.nan),
        changed=("a",) * (ITEMS + 1),
    )
    fit = tamed(end)
    assert isinstance(fit, TurnFinished)
    assert (fit.steps, fit.usage.input, fit.usage.cost) == (NUMBER, NUMBER, 0.0)
    assert len(fit.changed) == ITEMS
    plain = TurnStarted(prompt="p")
    assert tamed(plain) is plain


def test_damage_is_said_in_one_line() -> None:
    told = two_turns()
    recording = told.recording(damage=["a.jsonl, line 3: not an event", "and", "so"], torn=True)
    assert recording.damage == (
        "the log is damaged: a.jsonl, line 3: not an event, and 2 more; the last line was cut off"
    )
    stage = Stage(recording)
    stage.go(0.0)
    assert recording.damage[:60] in "\n".join(seen(stage))
    assert Recording.of(LogView(events=told.events[1:]), Redaction()).damage.endswith(
        "its beginning is missing"
    )


@given(st.data())
def test_events_in_any_order_are_shown(data: st.DataObject) -> None:
    told = two_turns()
    repair(told)
    told.tell(BytesLeft(to="a\x1b[2J", count=-3))
    lines = [as_line(each) for each in told.events]
    picked = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=40))
    recording = Recording.of(LogView(events=[parse(each) for each in picked]), Redaction())
    stage = Stage(recording)
    for at in (0.0, recording.length / 2, recording.length, recording.length / 3):
        stage.go(at)
        assert not any("\x1b" in line for line in seen(stage))

"""What the meters show, folded from events."""

from __future__ import annotations

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptStarted,
    AutonomyChanged,
    Base,
    BytesLeft,
    CheckStarted,
    EffortChanged,
    HistoryCompacted,
    MessageFinished,
    Notice,
    PhaseStarted,
    Prefill,
    PromptQueued,
    QuestionAnswered,
    QuestionAsked,
    SessionStarted,
    StanceTaken,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.grants import Grant
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy
from sandbox.base import Containment
from tools.base import Effect, Preview, ToolCall, ToolResult
from tui.state import State

SHELL = ToolCall(id="c1", name="shell", arguments={"command": "A=1 /usr/bin/pytest -q"})
ASKED = ApprovalAsked(
    call_id="c1",
    effects=(Effect.EXECUTE,),
    reason="level ASK asks",
    preview=Preview(kind="command", title="run", body="pytest -q"),
)


def after(*events: Base, window: int = 8192) -> State:
    state = State(window=window)
    for event in events:
        state.take(event)
    return state


def replied(usage: Usage, time: float = 0.0, attempt: int | None = None) -> MessageFinished:
    message = AssistantMessage(text="done")
    return MessageFinished(message=message, usage=usage, time=time, attempt=attempt)


def test_the_opening_says_which_model_and_what_it_may() -> None:
    state = after(
        SessionStarted(
            id="s",
            cwd="/x",
            model="qwen",
            autonomy=Autonomy.RUN,
            effort=3,
            containment=Containment.FULL,
        ),
        StanceTaken(
            autonomy=Autonomy.RUN,
            containment=Containment.REDUCED,
            grants=("shell: npm test", "no rule at all !"),
            opened=("check",),
        ),
    )
    assert (state.model, state.effort) == ("qwen", 3)
    assert state.stance.autonomy is Autonomy.RUN
    assert state.stance.containment is Containment.REDUCED
    assert [str(each) for each in state.stance.grants] == ["shell: npm test"]
    state.take(AutonomyChanged(autonomy=Autonomy.ASK))
    state.take(EffortChanged(effort=0))
    assert (state.stance.autonomy, state.effort) == (Autonomy.ASK, 0)


def test_the_context_is_that_of_the_last_request_of_the_session() -> None:
    state = after(replied(Usage(input=1000, cached=900, output=50)))
    assert (state.context, state.cached) == (1050, 900)
    state.take(replied(Usage(input=9000, output=1), attempt=2))
    assert (state.context, state.cached) == (1050, 900)
    state.take(HistoryCompacted(masked=("c1",), before=1050, after=400))
    assert (state.context, state.cached) == (400, 0)


def test_what_a_turn_used_is_counted_once() -> None:
    used = Usage(input=100, output=10, cost=0.01)
    state = after(TurnStarted(prompt="x"), replied(used), replied(used))
    assert state.usage.cost == 0.02
    # what the turn says of itself counts, samples and failed requests included
    state.take(TurnFinished(outcome="done", usage=Usage(input=300, cost=0.05)))
    state.take(TurnStarted(prompt="y"))
    assert (state.usage.input, state.usage.cost) == (300, 0.05)


def test_reading_the_prompt_has_a_rate_and_an_end() -> None:
    state = after(StepStarted(step=1), Prefill(done=800, total=2000, time=10.0))
    assert state.reading is not None
    assert state.reading.left is None
    state.take(Prefill(done=1200, total=2000, time=12.0))
    assert state.reading.left == 4.0
    state.take(Prefill(done=2000, total=2000, time=16.0))
    assert state.reading is None


def test_a_reply_ends_the_reading_and_has_a_rate() -> None:
    state = after(Prefill(done=1, total=9, time=1.0), TextDelta(text="a", time=2.0))
    assert state.reading is None
    for number in range(1, 21):
        state.take(TextDelta(text="ab", time=2.0 + number / 10))
    assert round(state.rate, 1) == 10.0
    state.take(replied(Usage(output=40), time=4.0))
    assert state.rate == 20.0  # as the model counts


def test_deltas_of_many_words_count_as_many_tokens() -> None:
    state = after(TextDelta(text="a" * 40, time=0.0), TextDelta(text="a" * 40, time=1.0))
    assert state.rate == 20.0


def test_a_delta_that_changes_nothing_shown_says_so() -> None:
    state = after(ThinkingDelta(text="a", time=0.0))
    assert not state.take(ThinkingDelta(text="b", time=0.1))
    assert state.take(TextDelta(text="c", time=0.2))
    assert not state.take(ToolOutput(call_id="c1", text="…"))
    assert not state.take(Notice(text="so"))


def test_what_runs_is_said_in_a_word_or_two() -> None:
    state = State()
    said = []
    for event in (
        TurnStarted(prompt="x"),
        StepStarted(step=1),
        ThinkingDelta(text="a"),
        TextDelta(text="a"),
        ToolRequested(call=SHELL),
        ToolStarted(call_id="c1"),
        ToolFinished(call_id="c1", result=ToolResult(text="")),
        PhaseStarted(phase="localise"),
        AttemptStarted(detail="rewrite", attempt=3),
        CheckStarted(command="pytest -q", attempt=3),
        CheckStarted(command="pytest -q"),
        TurnFinished(outcome="done"),
    ):
        state.take(event)
        said.append(state.doing)
    assert said == [
        "starting",
        "reading",
        "thinking",
        "writing",
        "writing",
        "running pytest",
        "reading",
        "localising",
        "attempt 3",
        "testing attempt 3",
        "running pytest",
        "",
    ]


def test_somebody_waits_until_there_is_an_answer() -> None:
    state = after(TurnStarted(prompt="x"), ToolRequested(call=SHELL), ASKED)
    assert state.waiting
    assert state.calls["c1"] is SHELL
    grant = Grant.of("shell: pytest")
    state.take(ApprovalAnswered(call_id="c1", approved=True, by="user", grant=grant))
    assert not state.waiting
    assert state.stance.grants == (grant,)
    state.take(QuestionAsked(question="which?"))
    assert state.waiting
    state.take(QuestionAnswered(answer=None))
    assert not state.waiting


def test_the_end_of_a_turn_leaves_nothing_waiting() -> None:
    state = after(TurnStarted(prompt="x", time=5.0), ToolRequested(call=SHELL), ASKED)
    assert state.elapsed(9.0) == 4.0
    state.take(TurnFinished(outcome="cancelled", time=11.0))
    assert not (state.waiting or state.working or state.calls)
    assert state.elapsed(99.0) == 6.0


def test_a_prompt_typed_ahead_is_queued_until_it_is_taken() -> None:
    state = after(PromptQueued(prompt="a"), PromptQueued(prompt="b"), TurnStarted(prompt="a"))
    assert state.queued == ["b"]


def test_bytes_that_left_are_counted_by_host() -> None:
    sent = BytesLeft(to="a.com", count=10)
    assert after(sent, sent, BytesLeft(to="b.com", count=1)).left == {"a.com": 20, "b.com": 1}


def test_text_from_elsewhere_taints_the_stance() -> None:
    result = ToolResult(text="do this", origin="https://example.com")
    state = after(ToolFinished(call_id="c1", result=result))
    assert state.stance.taint is not None
    assert state.stance.taint.source == "https://example.com"
    state.take(StanceTaken(autonomy=Autonomy.FULL, containment=Containment.FULL))
    assert state.stance.taint is not None

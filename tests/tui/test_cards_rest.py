"""Cards of notes, plans, questions and errors, at three widths."""

from __future__ import annotations

from inline_snapshot import snapshot

from agent.events import (
    AutonomyChanged,
    EffortChanged,
    HarnessSpoke,
    HistoryCompacted,
    ModelRetried,
    Notice,
    QuestionAnswered,
    QuestionAsked,
    Rewound,
    ToolFinished,
)
from agent.policy import Autonomy
from tests.tui.told import Teller
from tools.base import ToolResult


def notes() -> Teller:
    told = Teller()
    told.tell(
        Notice(text="the model is slow on this machine", hint="try --effort 1"),
        ModelRetried(reason="connection lost", retry=1, seconds=2.0),
        HistoryCompacted(masked=("a", "b"), before=9000, after=4000),
        HistoryCompacted(replaced=41, text="The task", before=9000, after=3000),
        Rewound(id="turn 3", backup="b", files=("a.py", "b.py")),
        AutonomyChanged(autonomy=Autonomy.FULL),
        EffortChanged(effort=3),
        HarnessSpoke(text="The tests fail:\n1\n2\n3"),
        Notice(text="a note that goes on for a while, so that it needs a second line when narrow"),
    )
    return told


def test_how_notes_look() -> None:
    told = notes()
    assert told.text(60) == snapshot("""\

    · the model is slow on this machine
      hint: try --effort 1
    · the model failed: connection lost; try 2 in 2 s
    · 2 old results left out for the model, 9,000 tokens
      became 4,000
    · 41 messages summed up for the model, 9,000 tokens
      became 3,000
    ↶ went back: 2 files
    · level: FULL
    · effort: 3
    ▸ to the model: The tests fail: 1 2 3
    · a note that goes on for a while, so that it needs a
      second line when narrow
""")
    assert told.text(100) == snapshot("""\

    · the model is slow on this machine
      hint: try --effort 1
    · the model failed: connection lost; try 2 in 2 s
    · 2 old results left out for the model, 9,000 tokens became 4,000
    · 41 messages summed up for the model, 9,000 tokens became 3,000
    ↶ went back: 2 files
    · level: FULL
    · effort: 3
    ▸ to the model: The tests fail: 1 2 3
    · a note that goes on for a while, so that it needs a second line when narrow
""")
    assert told.text(160) == snapshot("""\

    · the model is slow on this machine
      hint: try --effort 1
    · the model failed: connection lost; try 2 in 2 s
    · 2 old results left out for the model, 9,000 tokens became 4,000
    · 41 messages summed up for the model, 9,000 tokens became 3,000
    ↶ went back: 2 files
    · level: FULL
    · effort: 3
    ▸ to the model: The tests fail: 1 2 3
    · a note that goes on for a while, so that it needs a second line when narrow
""")


def plans() -> Teller:
    told = Teller()
    items = [
        {"text": "read the code", "state": "done"},
        {"text": "change what rounds, and only that, in every place that has it", "state": "doing"},
        {"text": "run the tests"},
    ]
    told.step(1)
    told.call("plan", ToolResult(text="", summary="1 of 3 done"), items=items)
    told.call("plan", ToolResult(text="items: not a list", ok=False), items="nonsense")
    return told


def test_how_plans_look() -> None:
    told = plans()
    assert told.text(60) == snapshot("""\

 1  ▾ ☰ plan    1 of 3 done
      ☑ read the code
      ◐ change what rounds, and only that, in every place
        that has it
      ☐ run the tests
      ☰ plan    ✗ items: not a list
""")
    assert told.text(100) == snapshot("""\

 1  ▾ ☰ plan    1 of 3 done
      ☑ read the code
      ◐ change what rounds, and only that, in every place that has it
      ☐ run the tests
      ☰ plan    ✗ items: not a list
""")
    assert told.text(160) == snapshot("""\

 1  ▾ ☰ plan    1 of 3 done
      ☑ read the code
      ◐ change what rounds, and only that, in every place that has it
      ☐ run the tests
      ☰ plan    ✗ items: not a list
""")
    assert told.fold.cards[1].plain() == snapshot("""\
- [x] read the code
- [ ] change what rounds, and only that, in every place that has it
- [ ] run the tests\
""")


def questions() -> Teller:
    told = Teller()
    choices = ("only the sum", "each item", "neither of them")
    for answer in ("only the sum", None):
        told.call("ask", question="Which shall be rounded?", choices=list(choices))
        told.tell(QuestionAsked(question="Which shall be rounded?", choices=choices))
        told.tell(QuestionAnswered(answer=answer))
        told.tell(ToolFinished(call_id="c1", result=ToolResult(text="x")))
    told.call("ask", ToolResult(text="the question is empty", ok=False), question="")
    told.call("ask", question="And how?", choices=[])
    told.tell(QuestionAsked(question="And how?"))
    told.tell(QuestionAsked(question="Which shall be rounded?", choices=choices))
    return told


def test_how_questions_look() -> None:
    told = questions()
    assert told.text(60) == snapshot("""\

    ? Which shall be rounded?
      ✓ only the sum
    ? Which shall be rounded?
      - nobody answered
    ?
      ✗ the question is empty
    ? Which shall be rounded?
      only the sum · each item · neither of them
""")
    assert told.text(100) == snapshot("""\

    ? Which shall be rounded?
      ✓ only the sum
    ? Which shall be rounded?
      - nobody answered
    ?
      ✗ the question is empty
    ? Which shall be rounded?
      only the sum · each item · neither of them
""")
    assert told.text(160) == snapshot("""\

    ? Which shall be rounded?
      ✓ only the sum
    ? Which shall be rounded?
      - nobody answered
    ?
      ✗ the question is empty
    ? Which shall be rounded?
      only the sum · each item · neither of them
""")


def errors() -> Teller:
    told = Teller()
    for outcome in ("failed", "limit", "blocked", "cancelled"):
        told.end(outcome, error="what happened, in a sentence that may be long", hint="wisp doctor")
    told.end("cancelled")
    return told


def test_how_turns_that_came_to_nothing_look() -> None:
    told = errors()
    assert told.text(60) == snapshot("""\

    ✗ failed: what happened, in a sentence that may be long
      hint: wisp doctor
    16 m 40 s · 1,840 tokens · $0.00 · nothing left this
    machine
    - limit reached: what happened, in a sentence that may
      be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    ⊘ blocked: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
""")
    assert told.text(100) == snapshot("""\

    ✗ failed: what happened, in a sentence that may be long
      hint: wisp doctor
    16 m 40 s · 1,840 tokens · $0.00 · nothing left this machine
    - limit reached: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    ⊘ blocked: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
""")
    assert told.text(160) == snapshot("""\

    ✗ failed: what happened, in a sentence that may be long
      hint: wisp doctor
    16 m 40 s · 1,840 tokens · $0.00 · nothing left this machine
    - limit reached: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    ⊘ blocked: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped: what happened, in a sentence that may be long
      hint: wisp doctor
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
    - stopped
    0.1 s · 1,840 tokens · $0.00 · nothing left this machine
""")

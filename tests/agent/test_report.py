"""What a report says of a session: its story, and its words in Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot
from sessions import run
from support import UNITTEST, put

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    BytesLeft,
    CallDecided,
    HistoryCompacted,
    MessageFinished,
    Notice,
    Rewound,
    Sampled,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.log import LogView, read
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy
from agent.redaction import Redaction
from agent.report import story
from agent.report.bounds import BOUNDS, Bounds
from agent.report.drawing import Form, drawn
from agent.report.folding import fold
from tools.base import Preview, ToolCall, ToolResult

FORMS: tuple[Form, ...] = ("html", "markdown", "json")
OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"
CALC = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
READ = {"calls": [{"read": {"path": "calc.py"}}]}
EDIT = {"calls": [{"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})


def told(events: Any, bounds: Bounds = BOUNDS[0]) -> story.Story:
    return fold(events, bounds)


def calls(turn: story.Turn) -> list[story.Call]:
    return [each for each in turn.timeline if isinstance(each, story.Call)]


# -- the story


async def test_a_turn_is_told_with_its_calls_their_decisions_and_its_proof(root: Path) -> None:
    ran = await run(
        root,
        [
            {"say": "I look.", **READ},
            EDIT,
            {"calls": [{"shell": {"command": "curl x.test", "network": True}}]},
            "Mended.",
        ],
        check=UNITTEST,
    )
    (turn,) = told(ran.events).turns
    assert (turn.asked, turn.prompt, turn.outcome) == ("run", "do it", ran.end.outcome)
    assert turn.proof.verified and turn.proof.strength == "tests"
    assert turn.proof.before == story.Counts(0, 1, 0) and turn.proof.after == story.Counts(1, 0, 0)
    assert turn.changed.items == ("calc.py",)
    assert [each.paths.items for each in turn.diffs] == [("calc.py",)]
    assert "+    return a + b" in turn.diffs[0].text
    read_, edit, shell = calls(turn)
    assert (read_.state, edit.state, shell.state) == ("done", "done", "refused")
    assert edit.shown == 1 and not edit.diff, "it stands among the changes, once"
    assert edit.arguments[0] == ("path", "calc.py")
    assert shell.decision is not None and shell.decision.verdict == "ask"
    assert shell.decision.asked and shell.decision.approved is False
    replies = [each for each in turn.timeline if isinstance(each, story.Reply)]
    assert [each.what for each in replies] == ["step 1", "step 2", "step 3", "step 4"]
    assert (replies[0].text, replies[3].text) == ("I look.", "Mended.")


async def test_all_that_was_used_is_in_the_sums(root: Path) -> None:
    ran = await run(root, [READ, "Done."])
    whole = told(ran.events)
    used = ran.end.usage
    assert whole.totals.used.new == used.input - used.cached
    assert whole.totals.used.written == used.output > 0
    assert sum(each.used.new for each in whole.requests) == whole.totals.used.new
    assert [each.what for each in whole.requests] == ["1.1", "1.2"]


def test_what_a_turn_used_beyond_its_requests_has_a_row_of_its_own() -> None:
    whole = told(
        [
            TurnStarted(prompt="x", kind="fix"),
            Sampled(texts=("a", "b"), usage=Usage(input=50, cached=10, output=4)),
            TurnFinished(outcome="failed", usage=Usage(input=80, cached=20, output=5, cost=0.5)),
        ]
    )
    assert [(each.what, each.used) for each in whole.requests] == [
        ("2 samples", story.Used(40, 10, 4)),
        ("scores and forks of turn 1", story.Used(20, 10, 1, 0.5)),
    ]
    assert whole.totals.used == story.Used(60, 20, 5, 0.5) == whole.turns[0].used


def test_who_approved_stands_beside_the_reason() -> None:
    call = ToolCall(id="c1", name="shell", arguments={"command": "ls"})
    more: dict[str, Any] = {"call_id": "c1", "effects": ("EXECUTE",), "reason": "level ASK asks"}
    whole = told(
        [
            TurnStarted(prompt="x"),
            ToolRequested(call=call, time=1),
            CallDecided(**more, verdict="ask", containment=2),
            ApprovalAsked(**more, preview=Preview(kind="command", title="ls")),
            ApprovalAnswered(call_id="c1", approved=False, by="user", feedback="not now"),
            ToolFinished(call_id="c1", result=ToolResult(text="declined", ok=False)),
            ToolRequested(call=call, by="user"),
            CallDecided(**more, verdict="allow", containment=0),
            ToolFinished(call_id="c1", result=ToolResult(text="a", ok=True), time=3),
        ]
    )
    first, second = calls(whole.turns[0])
    assert first.decision == story.Decision(
        "ask", "level ASK asks", ("EXECUTE",), "FULL", "", True, False, "user", "not now"
    )
    assert (second.by, second.state) == ("user", "done")
    assert whole.decisions == (
        story.Decided("ask", "declined by user", "level ASK asks", "FULL", "", 1, ("shell",)),
        story.Decided("allow", "", "level ASK asks", "NONE", "", 1, ("shell",)),
    )
    assert (whole.totals.calls, whole.totals.denied) == (2, 1)


def test_what_has_no_end_is_told_as_open() -> None:
    call = ToolCall(id="c1", name="shell", arguments={"command": "sleep"})
    whole = told([TurnStarted(prompt="x"), ToolRequested(call=call)])
    assert whole.turns[0].outcome == "open" and calls(whole.turns[0])[0].state == "open"
    cut_off = read(OLD)
    cut_off.events, cut_off.ends = cut_off.events[:3], cut_off.ends[:3]
    assert "not ended" in drawn(cut_off, "html", Redaction())


def test_what_happens_between_turns_belongs_to_none() -> None:
    whole = told([Notice(text="a", hint="b"), TurnStarted(prompt=""), Notice(text="c")])
    (note,) = whole.between
    assert isinstance(note, story.Note) and (note.text, note.more) == ("a", "hint: b")
    assert len(whole.turns[0].timeline) == 1


def test_a_turn_that_was_taken_back_says_so() -> None:
    done = TurnFinished(outcome="done", changed=("a.py",))
    back = Rewound(id="1", backup="2", files=("a.py",))
    events: list[Any] = [TurnStarted(prompt="x"), back, done]
    assert told(events).turns[0].rewound == 0, "within a turn it is a part of it"
    assert told([*events, back]).turns[0].rewound == 1
    view = LogView(events=[*events, back], ends=[1, 2, 3, 4])
    for form in FORMS:
        assert ("may not be as told" in drawn(view, form, Redaction())) is (form != "json")


def test_hosts_and_room_are_told() -> None:
    whole = told(
        [
            TurnStarted(prompt="x"),
            BytesLeft(to="a.test", count=5),
            BytesLeft(to="a.test", count=2),
            HistoryCompacted(replaced=3, text="what was", before=90, after=40),
        ]
    )
    assert whole.totals.bytes_left == {"a.test": 7}
    (note,) = whole.turns[0].timeline
    assert isinstance(note, story.Note) and note.more == "what was"
    assert note.text == "3 messages were summed up: about 90 tokens before, 40 after"


def test_lists_keep_their_ends_and_say_what_is_missing() -> None:
    events: list[Any] = [TurnStarted(prompt="x")]
    for step in range(1, 101):
        events += [
            StepStarted(step=step),
            MessageFinished(message=AssistantMessage(text=f"step {step}"), usage=Usage(output=1)),
        ]
    narrow = BOUNDS[-1]
    (turn,) = told(events, narrow).turns
    texts = [each.text for each in turn.timeline if isinstance(each, story.Reply)]
    assert texts[:4] + texts[-2:] == ["step 1", "step 2", "step 3", "step 4", "step 99", "step 100"]
    assert turn.timeline_cut == (4, 100 - narrow.entries)
    assert narrow.cut("x" * 1000).count("x") == narrow.text
    assert narrow.short("a\n" * 10**6) == ("a " * narrow.line)[: narrow.line] + "…"
    assert narrow.listed(["a"] * 9).left_out == 9 - narrow.names


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**15])
def test_numbers_of_a_forged_log_can_be_written(number: int) -> None:
    ended = TurnFinished(outcome="done", usage=Usage(input=number, output=number), time=1e300)
    view = LogView(events=[TurnStarted(prompt="x", time=-1e300), ended], ends=[1, 2])
    for form in FORMS:
        assert drawn(view, form, Redaction())


def test_a_secret_of_today_is_left_out_of_a_log_of_yesterday() -> None:
    view = read(OLD)
    redaction = Redaction({"return a + b": "MY_TOKEN"})
    for form in FORMS:
        text = drawn(view, form, redaction)
        assert "return a + b" not in text and "[redacted: MY_TOKEN]" in text


def test_the_markdown_as_people_see_it() -> None:
    assert drawn(read(OLD), "markdown", Redaction()) == snapshot("""\
<!-- a report of wisp -->

## ? Wisp: changed, but not verified

```text
add is wrong
```

```text
Mended é.
```

- Proof: not verified: `no check was asked for`
- Changed: `calc.py`
- Used: 1,462 tokens read (0 from cache), 70 written, 1.3 s

<details>
<summary>What changed</summary>

```diff
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
```

</details>

<details>
<summary>Decisions: 6 calls, 0 refused</summary>

| verdict | answer | why | after text from | calls |
| --- | --- | --- | --- | --- |
| allow |  | `level RUN allows READ (table, row 3)` |  | 4 |
| allow |  | `level RUN allows EDIT (table, row 3)` |  | 1 |
| allow |  | `level RUN allows EXECUTE (table, row 3)` |  | 1 |

</details>

In all: 1,462 tokens read (0 from cache), 70 written; nothing left this machine.

<details>
<summary>Timeline of turn 1</summary>

- +0.1 s model, step 1, 433 tokens read (0 from cache), 22 written `I look.`
- +0.1 s done: `read path=calc.py` `calc.py: lines 1-2 of 2`
- +0.2 s done: `read path=notes.txt` `notes.txt: lines 1-1 of 1`
- +0.2 s failed: `read path=missing.py` `missing.py does not exist`
- +0.2 s model, step 2, 479 tokens read (0 from cache), 44 written
- +0.2 s done: `edit path=calc.py old=a - b new=a + b` `calc.py +1 -1`
- +0.5 s done: `shell command=cd sub && echo in sub` `exit 0, 0.1 s`
- +0.8 s done: `plan items=[{"text": "mend add", "state": "done"}, {"text": …` `1 of 2 done`
- +0.8 s model, step 3, 550 tokens read (0 from cache), 4 written `Mended é.`

</details>

<details>
<summary>Session</summary>

- session: `20261122-093514-0b2e98`
- folder: `/work/repo`
- model: `scripted:../s.yaml`
- level: RUN
- containment: FULL
- begun: 2026-11-22 09:35 UTC
- took: 1.4 s

</details>
""")


def test_the_levels_of_a_session_are_all_told() -> None:
    opening = told(read(OLD).events).opening
    assert opening.levels.items == (Autonomy.RUN.name,)
    assert opening.started > 0 and opening.cwd == "/work/repo"

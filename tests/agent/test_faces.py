from __future__ import annotations

import io

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CandidatesScreened,
    CheckFinished,
    CheckStarted,
    HarnessSpoke,
    InstructionsTold,
    MessageFinished,
    ModelRetried,
    Notice,
    PhaseStarted,
    Prefill,
    Result,
    StepStarted,
    Tally,
    TextDelta,
    ToolFinished,
    ToolRequested,
    Verification,
    parse,
)
from agent.faces import JsonFace, TextFace, proof
from agent.messages import AssistantMessage, Usage
from agent.policy import Verdict
from sandbox.base import Containment
from tools.base import ToolCall, ToolResult
from tools.shown import Grid, Shown

CALL = ToolCall(id="c1", name="shell", arguments={"command": "ls  -l\n", "timeout": 3})
REQUESTED = ToolRequested(call=CALL)
VERIFIED = Verification(
    verified=True,
    strength="tests",
    commands=("pytest",),
    before=Tally(passed=1, failed=1),
    after=Tally(passed=2),
    newly_passing=("t::bug",),
    runs=2,
)


class Terminal(io.StringIO):
    """What a terminal is to a face."""

    def isatty(self) -> bool:
        return True


def told(*events: Base, talk: io.StringIO | None = None) -> str:
    talk = talk or io.StringIO()
    out = io.StringIO()
    face = TextFace(out, talk)
    for event in events:
        face.read(event)
    assert out.getvalue() == "", "talk never goes where data goes"
    return talk.getvalue()


def decided(verdict: Verdict) -> CallDecided:
    return CallDecided(
        call_id="c1", effects=(), verdict=verdict, reason="since", containment=Containment.FULL
    )


def test_each_event_that_is_worth_a_line_has_one() -> None:
    usage = Usage()
    assert told(
        PhaseStarted(phase="reproduce"),
        PhaseStarted(phase="localise", detail="2 suspects"),
        StepStarted(step=1),
        TextDelta(text="not shown"),
        MessageFinished(message=AssistantMessage(text="I look.", calls=(CALL,)), usage=usage),
        REQUESTED,
        decided(Verdict.ALLOW),
        ToolFinished(call_id="c1", result=ToolResult(text="x", summary="exit 0")),
        REQUESTED,
        decided(Verdict.DENY),
        ToolFinished(call_id="c1", result=ToolResult(text="x", ok=False)),
        CheckStarted(command="pytest", targets=("a", "b")),
        CheckFinished(passed=3, failed=1, complete=False, seconds=1.25),
        CandidatesScreened(tried=40, passed=2, failed=35, seconds=1.9),
        AttemptStarted(attempt=2, detail="rewrite"),
        AttemptFinished(attempt=2, verdict="flaky", detail="red again"),
        HarnessSpoke(text="Do something else."),
        InstructionsTold(path="pkg/AGENTS.md", text="Prices are cents.", tokens=1_200),
        ModelRetried(reason="refused", retry=1, seconds=2.4),
        Notice(text="careful", hint="agent undo"),
        MessageFinished(message=AssistantMessage(text="The answer is data."), usage=usage),
    ).splitlines() == [
        "reproduce",
        "localise: 2 suspects",
        "I look.",
        "  shell command=ls -l timeout=3: exit 0",
        "  deny: since",
        "  shell command=ls -l timeout=3: failed (failed)",
        "  check: pytest (2 chosen)",
        "  check: 3 passed, 1 failed, cut off, 1.2 s",
        "  screen: 2 of 40 pass, 35 fail, 1.9 s",
        "  attempt 2: rewrite",
        "  attempt 2: flaky, red again",
        "  note to the model: Do something else.",
        "  told to the model: pkg/AGENTS.md: 1,200 tokens",
        "  model: refused, again in 2 s",
        "note: careful",
        "hint: agent undo",
    ]


def test_what_is_shown_follows_its_call_as_lines() -> None:
    grid = Grid(columns=("name", "n"), rows=(("a\x1b[31m", "1"), ("b", "22")))
    shown = Shown(kind="table", title="Counts", grid=grid, notes=("showing 2 of 9 rows",))
    call = ToolCall(id="c1", name="show", arguments={"kind": "table"})
    result = ToolResult(text="shown to the user", summary="2 rows, 2 columns", shown=shown)
    assert told(ToolRequested(call=call), ToolFinished(call_id="c1", result=result)).split(
        "\n"
    ) == [
        "  show kind=table: 2 rows, 2 columns",
        "    Counts",
        "    name      │  n",
        "    ──────────┼───",
        "    a\\x1b[31m │  1",
        "    b         │ 22",
        "    showing 2 of 9 rows",
        "",
    ]


def test_progress_is_a_bar_on_a_terminal_and_nothing_elsewhere() -> None:
    events = (Prefill(done=10, total=100), Prefill(done=100, total=100), Notice(text="now"))
    assert told(*events) == "note: now\n"
    assert told(*events, talk=Terminal()) == (
        "\r  reading 10 of 100 tokens \r  reading 100 of 100 tokens \r\x1b[Knote: now\n"
    )


def shown(result: Result, out: io.StringIO) -> tuple[list[str], list[str]]:
    talk = io.StringIO()
    TextFace(out, talk).result(result)
    return out.getvalue().splitlines(), talk.getvalue().splitlines()


def test_the_answer_and_the_diff_are_data_and_the_proof_is_talk() -> None:
    result = Result(
        outcome="done",
        exit_code=0,
        text="\nFixed.\n",
        diff="--- a\n+++ b\n",
        verification=VERIFIED,
        usage=Usage(input=100, cached=40, output=7),
        files_changed=("a.py",),
        seconds=3.4,
    )
    assert shown(result, io.StringIO()) == (
        ["Fixed.", "--- a", "+++ b"],
        [
            "before: 1 passed, 1 failed; after: 2 passed, 0 failed (pytest, run 2 times)",
            "now passes: t::bug",
            "verified: strength tests",
            "done: 1 file changed, 100 tokens read (40 from cache), 7 written, "
            "nothing left this machine, 3 s",
        ],
    )


def test_where_a_program_reads_the_answer_the_diff_is_talk() -> None:
    out, talk = io.StringIO(), io.StringIO()
    result = Result(outcome="unverified", exit_code=3, text='{"a":1}', diff="--- a\n+++ b\x1b\n")
    TextFace(out, talk, answer_only=True).result(result)
    assert out.getvalue() == '{"a":1}\n'
    assert talk.getvalue().startswith("--- a\n+++ b\\x1b\nunverified: 0 files changed, ")


def test_an_error_has_its_line_and_its_hint() -> None:
    result = Result(outcome="failed", exit_code=2, error="no such model", hint="agent models list")
    out, talk = shown(result, io.StringIO())
    assert out == []
    assert talk[:2] == ["error: no such model", "hint: agent models list"]


def test_a_proof_that_is_none_says_what_is_missing() -> None:
    assert proof(Verification()) == []
    assert proof(Verification(reason="no check was asked for")) == [
        "unverified: no check was asked for"
    ]
    red = VERIFIED.model_copy(update={"verified": False, "reason": "t::a failed", "before": None})
    lines = proof(red.model_copy(update={"newly_failing": ("t::a",)}))
    assert lines[0].startswith("before: not known; after: 2 passed")
    assert lines[-2:] == ["now fails: t::a", "unverified: t::a failed"]


def test_json_lines_are_the_event_union_and_json_is_one_object() -> None:
    events: list[Base] = [Notice(text="é\n"), REQUESTED]
    result = Result(outcome="done", exit_code=0, verification=VERIFIED)
    stream, single = io.StringIO(), io.StringIO()
    for out, face in ((stream, JsonFace(stream, True)), (single, JsonFace(single, False))):
        for event in events:
            face.read(event)
        face.result(result)
        assert out.getvalue().endswith("\n")
    assert [parse(line) for line in stream.getvalue().splitlines()] == [*events, result]
    assert [parse(line) for line in single.getvalue().splitlines()] == [result]


def test_what_the_model_wrote_is_made_harmless_on_a_terminal_and_kept_in_a_pipe() -> None:
    result = Result(outcome="done", exit_code=0, text="\x1b[2Jhi", diff="+\x1b]0;t\x07\n")
    assert shown(result, Terminal())[0] == ["\\x1b[2Jhi", "+\\x1b]0;t\\x07"]
    assert shown(result, io.StringIO())[0] == ["\x1b[2Jhi", "+\x1b]0;t\x07"]


def test_talk_is_made_harmless_everywhere() -> None:
    assert told(Notice(text="\x1b[31mred")) == "note: \\x1b[31mred\n"

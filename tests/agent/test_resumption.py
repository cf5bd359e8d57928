"""What a log says of its session: the same messages, and a memory that never claims too much."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import carried, prepare
from support import put
from test_grammar import CALLS, replies

from agent import log
from agent.config import Settings
from agent.errors import UsageError
from agent.events import (
    AutonomyChanged,
    Base,
    EffortChanged,
    HistoryCompacted,
    MemoryKept,
    MessageFinished,
    ModelNamed,
    SessionResumed,
    SessionStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.history import History
from agent.log import LogView, LogWriter
from agent.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolMessage,
    Usage,
    UserMessage,
)
from agent.policy import Autonomy
from agent.redaction import mark
from agent.resumption import UNSURE, Past, fork
from agent.session import Session
from agent.sessions import Kept
from sandbox.base import Containment
from sandbox.workspace import Workspace
from tools.base import PlanItem, ToolCall, ToolResult

STARTED = SessionStarted(
    id="s", cwd="/", model="m", autonomy=3, effort=2, containment=Containment.FULL, system="Be."
)
OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"


def resumed(**more: object) -> SessionResumed:
    told = STARTED.model_dump(exclude={"type", "schema_version", "system", "seq", "time"})
    return SessionResumed(**(told | {"turns": 1} | more))


def past(*events: Base) -> Past:
    return Past.of(LogView([STARTED, *events], [0]))


def made(number: int, name: str, ok: bool = True, **arguments: object) -> list[Base]:
    call = ToolCall(id=f"c{number}", name=name, arguments=arguments)
    result = ToolResult(text="x", ok=ok)
    return [ToolRequested(call=call), ToolFinished(call_id=call.id, result=result)]


@pytest.fixture
def files(tmp_path: Path) -> Workspace:
    return Workspace(put(tmp_path / "work", {"a.py": "a\n", "b.py": "b\n"}))


# -- the same messages

turns = st.tuples(
    st.lists(replies, max_size=3),
    st.sampled_from([8192, 1400]),
    st.none() | st.integers(2, 25),  # the event at which the user stops it
    st.none() | st.integers(0, 400),  # how many bytes a kill left out of the log
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(story=st.lists(turns, min_size=1, max_size=4))
def test_whatever_happened_the_log_gives_the_messages_that_were_live(
    story: list[tuple[list[dict[str, object]], int, int | None, int | None]], home: Path
) -> None:
    assert CALLS
    with tempfile.TemporaryDirectory(dir=home) as name:
        source = "def one():\n    return 1\n" * 40
        root = put(Path(name) / "work", {"a.py": source, "AGENTS.md": "Use tabs.\n"})
        seen: list[tuple[bool, list[Message]]] = []  # whether the log was cut after it
        for number, (script, window, cancel, cut) in enumerate(story):
            events: list[Base] = []
            live = asyncio.run(_turn(root, script, window, cancel, number > 0, events))
            path = Path(name) / "state" / "s1.jsonl"
            view = log.read(path)
            assert History.of(view.events).messages == live
            if (
                seen
                and not seen[-1][0]
                and not any(isinstance(each, HistoryCompacted) for each in events)
            ):
                before = seen[-1][1]
                assert live[: len(before)] == before, "the prefix never moves"
            data = path.read_bytes()
            path.write_bytes(data[: max(data.index(b"\n") + 1, len(data) - (cut or 0))])
            seen.append((bool(cut), live))
        kept = log.read(Path(name) / "state" / "s1.jsonl")
        assert kept.damage == []
        for one, other in pairwise(kept.events):
            assert one.seq < other.seq


async def _turn(
    root: Path,
    script: list[dict[str, object]],
    window: int,
    cancel: int | None,
    again: bool,
    events: list[Base],
) -> list[Message]:
    tasks: list[asyncio.Task[TurnFinished]] = []

    def read(event: Base) -> None:
        events.append(event)
        if len(events) == cancel and tasks:
            tasks[0].cancel()

    ran = await prepare(root, [*script, "Done."], window=window, again=again, readers=(read,))
    tasks.append(asyncio.ensure_future(carried(ran)))
    async with asyncio.timeout(30):
        await tasks[0]
    return ran.session.history.messages


def test_a_session_that_goes_on_with_the_same_model_keeps_what_it_sampled() -> None:
    reply = AssistantMessage(text="t", raw="<t>", tokens=(1, 2), replay={"provider": "p"})
    events = [STARTED, TurnStarted(prompt="p"), MessageFinished(message=reply, usage=Usage())]
    same = History.of([*events, resumed()]).messages
    assert same == [SystemMessage(text="Be."), UserMessage(text="p"), reply]
    other = History.of([*events, resumed(model="another")]).messages
    assert other == [*same[:2], AssistantMessage(text="t")]


def test_a_repair_gets_a_system_prompt_when_it_goes_on() -> None:
    bare = STARTED.model_copy(update={"system": ""})
    events = [bare, TurnStarted(prompt="p", kind="fix"), resumed(system="Be.")]
    assert History.of(events).messages == [SystemMessage(text="Be."), UserMessage(text="p")]


@pytest.mark.parametrize("line", range(1, 34))
def test_whatever_line_is_damaged_a_model_can_read_the_rest(tmp_path: Path, line: int) -> None:
    path = tmp_path / "s.jsonl"
    found = OLD.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*found[:line], b"damage\n", *found[line + 1 :]]))
    session = Session("s", path)
    assert session.reopen().damage == [f"s.jsonl, line {line + 1}: not an event"]
    session.close()
    asked: list[str] = []
    for message in session.history.messages:
        if isinstance(message, ToolMessage):
            asked.remove(message.call_id)  # an answer follows its call
        else:
            assert asked == [], "every call is answered before anything else is said"
        if isinstance(message, AssistantMessage):
            asked = [call.id for call in message.calls]
    assert asked == []


# -- what a session was


def test_what_was_typed_counts_then_what_the_session_had() -> None:
    told = past(ModelNamed(model="openai/x", api_base="http://here"), EffortChanged(effort=4))
    given = Settings(model="mine", effort=1, autonomy=Autonomy.RUN)
    kept = told.settings(given, frozenset())
    assert (kept.model, kept.api_base, kept.effort) == ("openai/x", "http://here", 4)
    typed = told.settings(given, frozenset({"model", "effort"}))
    # an address goes with the model that it was said for
    assert (typed.model, typed.api_base, typed.effort) == ("mine", "", 1)


def test_an_address_with_a_secret_is_asked_for_again() -> None:
    told = past(ModelNamed(model="openai/x", api_base=f"http://u:{mark('a password')}@here"))
    with pytest.raises(UsageError, match="held a secret"):
        told.settings(Settings(), frozenset())
    typed = Settings(api_base="http://u:p@here")
    assert told.settings(typed, frozenset({"api_base"})).api_base == "http://u:p@here"


@pytest.mark.parametrize("mine", Autonomy)
@pytest.mark.parametrize("its", Autonomy)
def test_the_more_careful_level_counts_unless_one_is_typed(mine: Autonomy, its: Autonomy) -> None:
    told = past(AutonomyChanged(autonomy=its))
    given = Settings(autonomy=mine)
    assert told.settings(given, frozenset()).autonomy == min(mine, its)
    assert told.settings(given, frozenset({"autonomy"})).autonomy is mine


# -- what tools remember


def test_memory_is_what_was_kept_at_the_end_of_the_last_turn(files: Workspace) -> None:
    plan = (PlanItem(text="one", state="doing"),)
    now = files.read("a.py").sha256
    told = past(
        TurnStarted(prompt="p"),
        *made(1, "read", path="a.py"),
        MemoryKept(seen={"a.py": now}, directory="sub", plan=plan),
    )
    memory = told.memory(files)
    assert (memory.seen, memory.directory, memory.plan) == ({"a.py": now}, "sub", plan)
    assert told.news(memory, files) == ""


def test_what_a_cut_off_turn_touched_has_to_be_read_again(files: Workspace) -> None:
    told = past(
        MemoryKept(seen={"a.py": files.read("a.py").sha256}),
        *made(1, "edit", path="./a.py", old="a", new="c"),
        *made(2, "read", file_path="b.py"),
        *made(3, "read", ok=False, path="missing.py"),
        *made(4, "write", ok=False, path="new.py", content="x"),
        *made(5, "read", path=7),
        *made(6, "read", path="/etc/hostname"),
    )
    memory = told.memory(files)
    assert memory.seen == {"a.py": UNSURE, "b.py": UNSURE, "new.py": UNSURE}
    assert "read them again: a.py, b.py, new.py" in told.news(memory, files)


def test_a_file_that_changed_since_is_told_of(files: Workspace) -> None:
    seen = {name: files.read(name).sha256 for name in ("a.py", "b.py")}
    (files.root / "a.py").write_text("other\n")
    told = past(MemoryKept(seen=seen | {"gone.py": "1"}))
    memory = told.memory(files)
    assert memory.seen["a.py"] == seen["a.py"], "so an edit of it is refused as stale"
    assert told.news(memory, files) == "Changed since you saw them, read them again: a.py, gone.py"


def test_what_a_shell_had_that_is_gone_is_told_once(files: Workspace) -> None:
    job = made(1, "shell", command="serve", background=True)
    other = made(2, "shell", command="cd sub")
    told = past(*job, MemoryKept(seen={}), *other)
    assert told.news(told.memory(files), files).split("\n") == [
        "Commands that were left running have ended.",
        "Commands start in the top folder again.",
    ]
    assert past(*job, MemoryKept(seen={}), resumed()).news(told.memory(files), files) == ""


def test_what_a_repair_came_to_is_told(files: Workspace) -> None:
    events = [TurnStarted(prompt="p", kind="fix"), TurnFinished(outcome="done", text="Repaired.")]
    told = past(*events)
    assert told.news(told.memory(files), files).endswith("ended so: Repaired.")
    after = past(*events, TurnStarted(prompt="q"), TurnFinished(outcome="done"))
    assert after.news(told.memory(files), files) == ""


# -- forks


@pytest.fixture
def old(tmp_path: Path) -> Kept:
    return Kept(Path(shutil.copy(OLD, tmp_path / "old.jsonl")), 0)


@pytest.mark.parametrize(
    ("at", "steps", "last"),
    [
        ("", 3, TurnFinished),
        ("1", 3, TurnFinished),
        ("1.1", 1, ToolFinished),
        ("1.2", 2, ToolFinished),
        ("1.3", 3, MessageFinished),
    ],
)
def test_a_fork_is_a_copy_up_to_a_turn_or_a_step(
    old: Kept, tmp_path: Path, at: str, steps: int, last: type[Base]
) -> None:
    new = tmp_path / "new.jsonl"
    fork(old, new, at)
    theirs, ours = log.read(old.path), log.read(new)
    whole = ours.events[: len(ours.ends)]
    first = whole[0]
    assert isinstance(first, SessionStarted) and first.id == "new"
    assert whole[1:] == theirs.events[1 : len(whole)]
    assert isinstance(whole[-1], last)
    assert sum(each.type == "step_started" for each in whole) == steps
    assert isinstance(ours.events[-1], TurnFinished)
    assert new.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("at", ["2", "1.4", "0", "x", "1.x", "1.1.1"])
def test_a_fork_at_what_is_not_there_is_one_line(old: Kept, tmp_path: Path, at: str) -> None:
    with pytest.raises(UsageError, match="old has no ") as caught:
        fork(old, tmp_path / "new.jsonl", at)
    assert caught.value.hint == "agent sessions show old"
    assert not (tmp_path / "new.jsonl").exists()


def test_nothing_goes_on_from_a_log_without_a_beginning(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = LogWriter(path)
    writer.write(TurnStarted(prompt="p"))
    writer.close()
    with pytest.raises(UsageError, match="no beginning"):
        fork(Kept(path, 0), tmp_path / "new.jsonl", "")

from __future__ import annotations

import json
import os
import random
import resource
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UsageError, WispError
from agent.events import (
    SCHEMA,
    AttemptStarted,
    Base,
    Notice,
    Result,
    SessionStarted,
    TextDelta,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    as_line,
)
from agent.log import INTERRUPTED, LogWriter, closing, read
from sandbox.base import Containment
from tools.base import ToolCall, ToolResult

STARTED = SessionStarted(
    id="s", cwd="/w", model="m", autonomy=3, effort=2, containment=Containment.FULL, seq=1, time=5.0
)
TURN = TurnStarted(prompt="p", seq=2, time=6.0)
CALL = ToolRequested(call=ToolCall(id="c1", name="read", arguments={"path": "é"}), seq=3, time=7.0)
ANSWER = ToolFinished(call_id="c1", result=ToolResult(text="x"), seq=4, time=8.0)
END = TurnFinished(outcome="done", seq=5, time=9.0)


def written(path: Path, *events: Base) -> Path:
    log = LogWriter(path)
    for event in events:
        log.write(event)
    log.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "key" / "s.jsonl"


def test_what_was_written_is_read_back(path: Path) -> None:
    events = [STARTED, TURN, CALL, ANSWER, END]
    view = read(written(path, *events))
    assert (view.events, view.damage, view.torn) == (events, [], False)


def test_only_its_user_can_read_it(path: Path) -> None:
    os.umask(os.umask(0))  # whatever it is here
    written(path, STARTED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_deltas_and_results_are_not_kept(path: Path) -> None:
    result = Result(outcome="done", exit_code=0)
    view = read(written(path, STARTED, TextDelta(text="a"), result))
    assert view.events == [STARTED]


def test_a_torn_last_line_is_left_out_and_what_was_open_is_closed(path: Path) -> None:
    data = written(path, STARTED, TURN, CALL, ANSWER, END).read_bytes()
    cut = data.index(b'"tool_finished"')
    path.write_bytes(data[:cut])
    view = read(path)
    assert view.torn
    assert view.events[:3] == [STARTED, TURN, CALL]
    answer, end = view.events[3:]
    assert isinstance(answer, ToolFinished)
    assert (answer.call_id, answer.result.ok, answer.result.text) == ("c1", False, INTERRUPTED)
    assert isinstance(end, TurnFinished)
    assert (end.outcome, end.exit_code) == ("cancelled", 130)
    assert [each.seq for each in view.events] == [1, 2, 3, 4, 5]


@settings(max_examples=60)
@given(cut=st.integers(0, 10_000))
def test_a_log_cut_anywhere_gives_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    events = [STARTED, TURN, CALL, ANSWER, END]
    path = written(tmp_path_factory.mktemp("cut") / "s.jsonl", *events)
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    view = read(path)
    whole = data.count(b"\n")
    assert view.events[:whole] == events[:whole]
    assert view.events[whole:] == closing(events[:whole])
    assert view.damage == []
    assert view.torn == (not data.endswith(b"\n") and data != b"")


@pytest.mark.parametrize("garbage", [b"garbage", b"\0" * 80, b'{"type":', b"\xff\xfe", b"[]", b""])
def test_damage_in_the_middle_is_named_and_what_follows_is_kept(path: Path, garbage: bytes) -> None:
    lines = written(path, STARTED, TURN, END).read_bytes().splitlines()
    lines[1] = garbage
    path.write_bytes(b"\n".join(lines) + b"\n")
    view = read(path)
    assert view.events == [STARTED, END]
    assert view.damage == ["s.jsonl, line 2: not an event"]


@pytest.mark.parametrize("more", [{}, {"a_field_of_tomorrow": [1]}])
def test_a_newer_log_is_refused_whatever_else_its_first_line_says(
    path: Path, more: dict[str, object]
) -> None:
    first = json.loads(as_line(STARTED)) | {"schema_version": SCHEMA + 1} | more
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(first) + "\n")
    with pytest.raises(UsageError, match="newer version"):
        read(path)


def test_a_log_that_is_not_there_is_an_error_with_its_path(path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the session .*s\.jsonl: No such file"):
        read(path)


@pytest.mark.parametrize(
    ("events", "closed"),
    [
        ([], []),
        ([STARTED], []),
        ([STARTED, TURN, END], []),
        ([STARTED, TURN], ["turn_finished"]),
        ([STARTED, TURN, CALL], ["tool_finished", "turn_finished"]),
        ([STARTED, TURN, CALL, ANSWER], ["turn_finished"]),
        ([STARTED, CALL], ["tool_finished"]),
        ([STARTED, TURN, AttemptStarted(detail="x", seq=3)], ["turn_finished"]),
    ],
)
def test_what_is_open_is_closed_once(events: Sequence[Base], closed: list[str]) -> None:
    added = closing(events)
    assert [each.type for each in added] == closed
    assert closing([*events, *added]) == []


def test_a_torn_line_is_moved_aside_before_the_next_is_written(path: Path) -> None:
    data = written(path, STARTED, TURN).read_bytes()
    path.write_bytes(data[:-10])
    written(path, END)
    view = read(path)
    assert (view.events, view.damage, view.torn) == ([STARTED, END], [], False)
    assert path.with_suffix(".corrupt").read_bytes() == data.splitlines()[1][:-9] + b"\n"


def test_a_log_that_is_written_is_not_written_by_another(path: Path) -> None:
    first = LogWriter(path)
    with pytest.raises(UsageError, match="in use by another process") as caught:
        LogWriter(path)
    assert "--fork" in caught.value.hint
    first.close()
    LogWriter(path).close()


def test_a_log_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WispError, match="cannot write the session log") as caught:
        LogWriter(tmp_path / "file" / "s.jsonl")
    assert caught.value.hint


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine\n")
    (tmp_path / "s.jsonl").symlink_to(tmp_path / "target")
    with pytest.raises(WispError):
        LogWriter(tmp_path / "s.jsonl")
    assert (tmp_path / "target").read_text() == "mine\n"


def test_a_full_disk_is_an_error_and_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    # a bound on the size of files cuts a write short, as a full disk does
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from agent.events import Notice; from agent.log import LogWriter\n"
        "from agent.errors import WispError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (2000, {resource.RLIM_INFINITY}))\n"
        "log = LogWriter(Path(sys.argv[1]))\n"
        "try:\n"
        "    for _ in range(100): log.write(Notice(text='x' * 50))\n"
        "except WispError as error: print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert "cannot write the session log" in done.stdout
    view = read(path)
    assert (view.torn, view.damage) == (False, [])
    assert len(view.events) > 10


KILLED = """
import os, random, signal, sys
from pathlib import Path
from agent.events import Notice
from agent.log import LogWriter
chance = random.Random(int(sys.argv[2]))
for number in range(30):
    out, into = os.pipe()
    if not (pid := os.fork()):
        log = LogWriter(Path(sys.argv[1]) / f"{number}.jsonl")
        for count in range(10**9):
            log.write(Notice(text="x" * chance.choice((1, 100, 70_000)), seq=count))
            os.write(into, b".")
    os.close(into)
    done = b""
    while len(done) < chance.randrange(1, 150):
        done += os.read(out, 50)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(out, 65536):
        done += more
    os.close(out)
    print(number, len(done), flush=True)
"""


def test_a_writer_killed_at_random_moments_loses_at_most_its_last_line(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, str(seed)],
        capture_output=True,
        text=True,
        check=True,
    )
    rounds = [line.split() for line in done.stdout.splitlines()]
    assert len(rounds) == 30
    for number, count in rounds:
        view = read(tmp_path / f"{number}.jsonl")
        assert view.damage == [], f"seed {seed}"
        # the one under way may have been whole, or not; every line told of before is there
        assert len(view.events) - int(count) in (0, 1), f"seed {seed}"
        assert [each.seq for each in view.events] == list(range(len(view.events)))


def test_a_notice_of_any_text_stays_one_line(path: Path) -> None:
    notice = Notice(text="a\nb\r\x85\u2028\0\udcff")
    view = read(written(path, notice))
    assert view.events == [Notice(text="a\nb\r\x85\u2028\0\\xff")]

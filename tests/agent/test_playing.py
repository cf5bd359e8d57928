"""`agent sessions replay` without a screen: the lines, damage, and what is no log at all."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from support import Ended, agent, put

from agent.errors import UsageError
from agent.log import read
from agent.redaction import Redaction
from tests.tui.recorded import Kept, two_turns
from tui import player
from tui.playback.clock import AT_ONCE
from tui.playback.lines import tell
from tui.playback.recording import Recording

OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log from another machine, in no folder of sessions."""
    return Path(shutil.copy(OLD, tmp_path / "log.jsonl"))


def replayed(log: Path, *words: str) -> Ended:
    return agent("sessions", "replay", str(log), *words, cwd=log.parent)


def told(recording: Recording) -> list[str]:
    out = io.StringIO()
    tell(recording, out, AT_ONCE)
    return out.getvalue().splitlines()


def test_without_a_terminal_it_is_told_in_lines_and_nothing_is_waited_for(log: Path) -> None:
    before = log.read_bytes()
    ended = replayed(log)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == told(Recording.of(read(log), Redaction()))
    assert (log.read_bytes(), list(log.parent.iterdir())) == (before, [log])


def test_the_lines_have_what_was_typed_and_answered() -> None:
    session = two_turns()
    session.turn("push", kind="fix")
    session.call("shell", by="user", command="git push")
    assert told(session.recording())[:5] == [
        "session 01JC8Z: qwen2.5-coder-1.5b, containment FULL",
        "> look",
        "  read path=a.py: 1 line",
        "  shell command=run: exit 0",
        "done: 1600 tokens read, 240 written, nothing left this machine",
    ]
    assert told(session.recording())[-2:] == ["> /fix push", "! git push"]


def test_escapes_in_it_are_text_in_the_lines() -> None:
    session = Kept()
    session.open()
    session.turn("\x1b[2J\x07x")
    session.end(text="\x1b]0;y\x07", error="\x1b[31m", outcome="failed")
    assert not {"\x1b", "\x07"} & set("\n".join(told(session.recording())))


def test_a_damaged_log_plays_what_it_has_and_says_so(log: Path) -> None:
    lines = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join([*lines[:3], b"\xff\x00 no event", b"{}", *lines[3:-3], b'{"ty']))
    ended = replayed(log)
    assert ended.code == 0
    assert ended.err == (
        "note: the log is damaged: log.jsonl, line 4: not an event, and 1 more; "
        "the last line was cut off\n"
    )
    assert ended.out.startswith("session ")


def test_a_log_of_a_newer_version_is_one_line(log: Path) -> None:
    first, _, rest = log.read_text().partition("\n")
    newer = {**json.loads(first), "schema_version": 99}
    log.write_text(f"{json.dumps(newer)}\n{rest}")
    ended = replayed(log)
    assert (ended.code, ended.out) == (2, "")
    assert ended.errors == [f"error: {log} was written by a newer version of wisp"]


def test_what_is_no_log_is_refused_in_a_line(tmp_path: Path) -> None:
    put(tmp_path, {"empty.jsonl": "", "text.jsonl": "one\ntwo\n"})
    for name in ("empty.jsonl", "text.jsonl"):
        with pytest.raises(UsageError, match="there is no event in"):
            player.recorded(tmp_path / name)
    large = tmp_path / "large.jsonl"
    with large.open("wb") as file:
        file.truncate(player.BYTES + 1)
    with pytest.raises(UsageError, match="too long to be played"):
        player.recorded(large)
    os.mkfifo(tmp_path / "pipe.jsonl")
    ended = replayed(tmp_path / "pipe.jsonl")
    assert (ended.code, ended.errors) == (
        2,
        [f"error: cannot read the session {tmp_path / 'pipe.jsonl'}: not a file"],
    )


@pytest.mark.parametrize("speed", ["0", "0.1", "65", "nan", "inf", "-1", "fast", ""])
def test_a_speed_that_there_is_not_is_refused(log: Path, speed: str) -> None:
    with pytest.raises(UsageError, match="no such speed"):
        player.play(log, speed, None, None, True)


@pytest.mark.parametrize("idle", [-1.0, float("nan"), float("inf")])
def test_a_pause_that_cannot_be_is_refused(log: Path, idle: float) -> None:
    with pytest.raises(UsageError, match="--idle is a number of seconds"):
        player.play(log, "max", idle, None, True)


def test_to_go_on_live_needs_a_terminal(log: Path) -> None:
    ended = replayed(log, "--from", "1.1")
    assert (ended.code, ended.errors) == (2, ["error: to go on live needs a terminal"])
    assert ended.hints == ['hint: agent run -r log --fork --from 1.1 -p "PROMPT"']

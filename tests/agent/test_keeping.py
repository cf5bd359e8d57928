"""What `agent sessions` prints and removes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import AGENT, agent, lines, put, script

from agent import log
from agent.events import (
    MessageFinished,
    SessionStarted,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    as_line,
)
from agent.messages import AssistantMessage, Usage
from agent.sessions import folder, kept
from agent.summary import Summary
from agent.transcript import lines as told
from sandbox.base import Containment
from tools.base import ToolCall

OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"
DAY = 86_400
Keep = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.py": ""})


@pytest.fixture
def keep(root: Path) -> Keep:
    """Write the log of a session that was last used so many days ago."""

    def write(
        name: str,
        prompt: str = "do it",
        *,
        days: float = 0,
        said: str = "Done.",
        ends: bool = True,
        where: Path = root,
        system: str = "Be.",
    ) -> Path:
        path = folder(where) / f"20260101-000000-{name}.jsonl"
        writer = log.LogWriter(path)
        started = SessionStarted(
            id=path.stem,
            cwd=str(where),
            model="m",
            autonomy=3,
            effort=2,
            containment=Containment.FULL,
            system=system,
            time=5.0,
        )
        call = ToolCall(id="c1", name="search", arguments={"pattern": "needle"})
        for event in (
            started,
            TurnStarted(prompt=prompt),
            MessageFinished(message=AssistantMessage(text=said), usage=Usage()),
            ToolRequested(call=call),
        ):
            writer.write(event)
        if ends:
            writer.write(TurnFinished(outcome="done", text=said))
        writer.close()
        when = time.time() - days * DAY
        os.utime(path, (when, when))
        return path

    return write


def test_the_list_has_a_line_for_each_the_last_used_first(keep: Keep, root: Path) -> None:
    keep("aaaaaa", "mend\nthe parser", days=2)
    keep("bbbbbb", "why?", days=1, ends=False)
    assert agent("sessions", "name", "bbbbbb", "a question", cwd=root).code == 0
    ended = agent("sessions", "list", cwd=root)
    first, second = ended.out.splitlines()
    assert ended.code == 0
    assert first.startswith("20260101-000000-bbbbbb  ")
    assert first.endswith("  open       why? [a question]")
    assert second.endswith("  done       mend the parser")


def test_the_list_of_all_says_where(keep: Keep, root: Path, tmp_path: Path) -> None:
    keep("aaaaaa")
    keep("bbbbbb", where=put(tmp_path / "other", {"b.py": ""}))
    assert len(agent("sessions", "list", cwd=root).out.splitlines()) == 1
    out = agent("sessions", "list", "--all", cwd=root).out
    assert f"{root}: do it" in out and f"{tmp_path}/other: do it" in out


def test_a_list_for_programs_is_json_lines(keep: Keep, root: Path) -> None:
    path = keep("aaaaaa", "mend it")
    (line,) = lines(agent("sessions", "list", "--json", cwd=root).out)
    assert line == {
        "id": path.stem,
        "name": "",
        "used": path.stat().st_mtime,
        "started": 5.0,
        "cwd": str(root),
        "model": "m",
        "prompt": "mend it",
        "kind": "run",
        "outcome": "done",
        "log": str(path),
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("parser", "a"),
        ("PARSER mend", "a"),
        ("grün", "b"),
        ('say "so"', "b"),
        ("needle", "ba"),  # in a call of both
        ("system", ""),  # what everybody is told is said by nobody
        ("parser grün", ""),
    ],
)
def test_a_search_finds_what_was_said(keep: Keep, root: Path, words: str, found: str) -> None:
    keep("aaaaaa", "mend the parser", days=2, system="the system")
    keep("bbbbbb", 'it is GRÜN, and I say "so"', days=1, system="the system")
    out = agent("sessions", "list", "--search", words, cwd=root).out
    assert "".join(line[16] for line in out.splitlines()) == found


@pytest.mark.parametrize("data", [b"", b"garbage\n", b'{"type": 7}\n[]\n', b"\0" * 40_000])
def test_a_log_that_says_nothing_is_listed_all_the_same(
    keep: Keep, root: Path, data: bytes
) -> None:
    keep("aaaaaa").write_bytes(data)
    ended = agent("sessions", "list", cwd=root)
    assert ended.code == 0 and ended.out.startswith("20260101-000000-aaaaaa")
    assert agent("sessions", "list", "--search", "x", cwd=root).out == ""


def test_a_summary_is_found_behind_long_lines(keep: Keep) -> None:
    path = keep("aaaaaa", "p" * 70_000, said="s" * 70_000, system="y" * 70_000)
    (only,) = kept(None)
    summary = Summary.of(only)
    assert (summary.outcome, summary.model, summary.prompt) == ("done", "m", "p" * 200)
    assert path.stat().st_size > 200_000


def test_a_session_reads_as_text(root: Path) -> None:
    text = "\n".join(told(log.read(OLD).events))
    for part in (
        "session 20261122-093514-0b2e98, ",
        "level RUN, containment FULL, in /work/repo",
        "== turn 1, run, ",
        "> add is wrong\n\n-- step 1.1\nI look.\n* read path=calc.py\n  allow (level RUN",
        "  failed: missing.py does not exist",
        "* edit path=calc.py old=a - b new=a + b\n",
        "  | -    return a - b\n  | +    return a + b",
        "-- step 1.3\nMended é.",
        "unverified: no check was asked for\nunverified, 1 file changed\n  changed: calc.py",
    ):
        assert part in text


def test_show_takes_a_path_and_has_the_events_for_programs(root: Path) -> None:
    shown = agent("sessions", "show", OLD, cwd=root)
    assert shown.code == 0 and "* read path=calc.py" in shown.out
    told_of = lines(agent("sessions", "show", OLD, "--json", cwd=root).out)
    # what a later version added to an event has its default
    assert told_of == [json.loads(as_line(event)) for event in log.read(OLD).events]


def test_an_unknown_session_is_one_line(root: Path) -> None:
    ended = agent("sessions", "show", "nothing", cwd=root)
    assert ended.code == 2
    assert ended.errors == ["error: no such session: nothing"]
    assert ended.hints == ["hint: agent sessions list --all"]


# -- prune


def names(root: Path) -> str:
    return "".join(each.id[-1] for each in kept(root))


@pytest.fixture
def aged(keep: Keep) -> None:
    for name, days in (("a", 40), ("b", 35), ("c", 10), ("d", 1)):
        keep(name * 6, days=days)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("--older", "30"), "dc"),
        (("--older", "36"), "dcb"),
        (("--older", "30", "--keep", "3"), "dcb"),
        (("--keep", "1"), "d"),
        (("--older", "100"), "dcba"),
        (("--older", "0"), ""),
    ],
)
def test_prune_removes_what_is_old_and_not_to_be_kept(
    aged: None, root: Path, words: tuple[str, ...], left: str
) -> None:
    assert agent("sessions", "prune", *words, "--yes", cwd=root).code == 0
    assert names(root) == left


def test_prune_asks_and_where_nobody_is_it_removes_nothing(aged: None, root: Path) -> None:
    ended = agent("sessions", "prune", "--older", "30", cwd=root)
    assert ended.code == 2 and ended.hints == ["hint: --yes agrees"]
    assert names(root) == "dcba"


@pytest.mark.parametrize(("answer", "left"), [(b"n\n", "dcba"), (b"\n", "dcba"), (b"y\n", "dc")])
def test_prune_asks_on_a_terminal(aged: None, root: Path, answer: bytes, left: str) -> None:
    ours, theirs = pty.openpty()
    words = [str(AGENT), "sessions", "prune", "--older", "30"]
    process = subprocess.Popen(words, cwd=root, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"[y/N] " not in seen:
        seen += os.read(ours, 1024)
    assert b"remove 2 sessions" in seen
    os.write(ours, answer)
    process.wait(timeout=60)
    os.close(ours)
    assert names(root) == left


def test_prune_leaves_one_that_is_in_use(aged: None, root: Path) -> None:
    oldest = kept(root)[-1]
    writer = log.LogWriter(oldest.path)
    os.utime(oldest.path, (1, 1))
    ended = agent("sessions", "prune", "--older", "30", "--yes", cwd=root)
    assert names(root) == "dca" and "in use: 20260101-000000-aaaaaa" in ended.err
    writer.close()


def test_prune_removes_what_stands_beside_a_log(keep: Keep, root: Path) -> None:
    path = keep("aaaaaa", days=40)
    agent("sessions", "name", "last", "mine", cwd=root)
    path.with_suffix(".corrupt").write_text("torn")
    assert agent("sessions", "prune", "--older", "30", "--yes", cwd=root).code == 0
    assert not path.parent.exists()


@pytest.mark.parametrize("words", [(), ("--older", "-1"), ("--keep", "-1"), ("--older", "x")])
def test_prune_wants_to_be_told_which(aged: None, root: Path, words: tuple[str, ...]) -> None:
    ended = agent("sessions", "prune", *words, "--yes", cwd=root)
    assert ended.code == 2 and len(ended.errors) == len(ended.hints) == 1
    assert names(root) == "dcba"


def test_a_name_shows_and_is_taken_away(keep: Keep, root: Path, tmp_path: Path) -> None:
    keep("aaaaaa")
    for name, said in (("two words", "is called two words"), ("", "has no name")):
        ended = agent("sessions", "name", "last", *([name] if name else []), cwd=root)
        assert ended.code == 0 and said in ended.err
    model = script(tmp_path / "s.yaml", "Done.")
    assert agent("run", "-r", "two words", "-p", "x", "-m", model, cwd=root).code == 2

"""Going on with a session through the front door."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import AGENT, Ended, agent, lines, put, script

from agent import log
from agent.events import (
    SCHEMA,
    UNLOGGED,
    Base,
    SessionResumed,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.history import History
from agent.log import INTERRUPTED
from agent.messages import Message
from agent.sessions import folder, kept

OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"
Run = Callable[..., Ended]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(
        tmp_path / "work",
        {"calc.py": "def add(a, b):\n    return a - b\n", "AGENTS.md": "Use tabs.\n", "sub/x": ""},
    )


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Run:
    """Run one turn of a script; each call is a reply, and `Done.` the last."""

    def go(*words: str, calls: tuple[dict[str, Any], ...] = (), cwd: Path | None = None) -> Ended:
        model = script(tmp_path / "s.yaml", *({"calls": [call]} for call in calls), "Done.")
        return agent("run", "-m", model, "--json", *words, cwd=cwd or root)

    return go


def only(root: Path) -> Path:
    (session,) = kept(root)
    return session.path


def messages(path: Path) -> list[Message]:
    return History.of(log.read(path).events).messages


def of(path: Path, kind: type[Base]) -> list[Any]:
    return [each for each in log.read(path).events if isinstance(each, kind)]


EDIT = {"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}


def test_continue_goes_on_in_the_same_log_with_the_same_prefix(run: Run, root: Path) -> None:
    assert run("-p", "one", calls=({"read": {"path": "calc.py"}},)).code == 0
    before = messages(only(root))
    ended = run("-c", "-p", "two", calls=(EDIT,))
    assert ended.code == 3, ended.err
    after = messages(only(root))
    assert after[: len(before)] == before
    assert after[len(before)].text == "two"
    events = log.read(only(root)).events
    assert [each.seq for each in events] == sorted({each.seq for each in events})
    told = lines(ended.out)
    assert (told[0]["type"], told[0]["turns"]) == ("session_resumed", 1)
    assert told[-1]["session"] == only(root).stem
    logged = [
        each
        for each in told
        if each["type"] not in {k.model_fields["type"].default for k in UNLOGGED}
    ]
    assert logged == lines(only(root).read_text())[-len(logged) :]


def test_turns_are_counted_on_so_that_undo_knows_them(run: Run, root: Path, home: Path) -> None:
    run("-p", "one", calls=(EDIT,))
    run("-c", "-p", "two", calls=({"write": {"path": "new.py", "content": "x = 1\n"}},))
    (file,) = (home / "state/wisp/checkpoints").rglob("turns.jsonl")
    assert [each["turn"] for each in lines(file.read_text())] == [1, 2]


def test_what_was_seen_may_be_changed_without_another_look(run: Run, root: Path) -> None:
    run("-p", "one", calls=({"read": {"path": "calc.py"}}, {"shell": {"command": "cd sub"}}))
    write = {"write": {"path": "calc.py", "content": "x = 1\n"}}
    ended = run("-c", "-p", "two", calls=(write, {"shell": {"command": "pwd"}}))
    results = [each.result for each in of(only(root), ToolFinished)][2:]
    assert results[0].ok and (root / "calc.py").read_text() == "x = 1\n", ended.err
    assert f"{root}/sub\n" in results[1].text


def test_what_changed_since_is_stale_and_the_model_is_told(run: Run, root: Path) -> None:
    run("-p", "one", calls=({"read": {"path": "calc.py"}},))
    (root / "calc.py").write_text("mine = 1\n")
    run("-c", "-p", "two", calls=({"write": {"path": "calc.py", "content": "x = 1\n"}},))
    assert "changed since you read it" in of(only(root), ToolFinished)[-1].result.text
    assert (root / "calc.py").read_text() == "mine = 1\n"
    told = of(only(root), TurnStarted)[-1].context
    assert told == "Changed since you saw them, read them again: calc.py"


def test_new_instructions_go_last_and_the_prefix_stays(run: Run, root: Path) -> None:
    run("-p", "one")
    before = messages(only(root))
    (root / "AGENTS.md").write_text("Use spaces.\n")
    ended = run("-c", "-p", "two")
    assert "the instructions changed since (AGENTS.md)" in ended.out
    after = messages(only(root))
    assert after[: len(before)] == before and "Use tabs." in after[0].text
    assert after[len(before)].text.endswith("They are now:\n# AGENTS.md\nUse spaces.")
    run("-c", "-p", "three")
    assert messages(only(root))[-2].text == "three", "what is known is not told again"
    (root / "AGENTS.md").unlink()
    run("-c", "-p", "four")
    assert messages(only(root))[-2].text.endswith("They are now:\n(none)")


def test_new_instructions_are_told_once_where_the_model_may_only_read(run: Run, root: Path) -> None:
    run("-p", "one", "--autonomy", "observe")
    (root / "AGENTS.md").write_text("Use spaces.\n")
    run("-c", "-p", "two", "--autonomy", "observe")
    assert "Use spaces." in messages(only(root))[-2].text
    run("-c", "-p", "three", "--autonomy", "observe")
    assert "Use spaces." not in messages(only(root))[-2].text


def test_resume_takes_what_people_type(run: Run, root: Path) -> None:
    run("-p", "one")
    path = only(root)
    assert agent("sessions", "name", "last", "my parser", cwd=root).code == 0
    for word in ("last", "my parser", path.stem[-6:], str(path)):
        assert run("-r", word, "-p", "two").code == 0
    assert len(of(path, TurnStarted)) == 5


def test_a_session_of_another_folder_is_refused_but_for_a_fork(
    run: Run, root: Path, tmp_path: Path
) -> None:
    run("-p", "one")
    other = put(tmp_path / "other", {"b.py": ""})
    ended = run("-r", only(root).stem, "-p", "two", cwd=other)
    assert ended.code == 2 and f"of another folder: {root}" in ended.out
    assert run("-r", only(root).stem, "--fork", "-p", "two", cwd=other).code == 0
    assert [each.prompt for each in of(only(other), TurnStarted)] == ["one", "two"]


def test_a_fork_leaves_the_other_as_it_was(run: Run, root: Path) -> None:
    run("-p", "one", calls=(EDIT, {"read": {"path": "calc.py"}}))
    parent = only(root)
    before = parent.read_bytes()
    ended = run("-c", "--from", "1.1", "-p", "two", "--effort", "4")
    assert ended.code == 0, ended.out
    assert parent.read_bytes() == before
    (child,) = [each.path for each in kept(root) if each.path != parent]
    (event,) = of(child, SessionResumed)
    assert (event.forked_from, event.id, event.effort) == (parent.stem, child.stem, 4)
    assert len(of(child, ToolRequested)) == 1
    assert messages(child)[:4] == messages(parent)[:4]


def test_a_fork_that_came_to_nothing_leaves_no_session(run: Run, root: Path) -> None:
    run("-p", "one")
    ended = agent("run", "-c", "--fork", "-p", "two", "-m", "no-such-model", cwd=root)
    assert ended.code == 2 and len(ended.errors) == 1
    assert len(kept(root)) == 1


def test_the_model_and_the_more_careful_level_are_those_of_the_session(
    root: Path, tmp_path: Path
) -> None:
    model = script(tmp_path / "s.yaml", {"calls": [EDIT]}, "Done.")
    agent("run", "-p", "one", "-m", model, "--autonomy", "observe", cwd=root)
    ended = agent("run", "-c", "-p", "two", "--json", cwd=root)
    (event,) = of(only(root), SessionResumed)
    assert (event.model, event.autonomy) == (model, 0)
    assert ended.code == 4
    agent("run", "-c", "-p", "three", "--autonomy", "edit", cwd=root)
    assert of(only(root), SessionResumed)[-1].autonomy == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-c",), "no session here yet"),
        (("-r", "nothing"), "no such session: nothing"),
        (("-c", "-r", "last"), "two sessions"),
        (("--fork",), "--fork is of a session"),
        (("--from", "1"), "--fork is of a session"),
    ],
)
def test_what_cannot_go_on_is_one_line_with_a_hint(
    root: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ended = agent("run", *words, "-p", "x", "-m", script(tmp_path / "s.yaml", "Hi."), cwd=root)
    assert ended.code == 2
    assert len(ended.errors) == len(ended.hints) == 1 and said in ended.errors[0]


def test_a_session_in_use_is_not_gone_on_with_but_forked(run: Run, root: Path) -> None:
    run("-p", "one")
    writer = log.LogWriter(only(root))
    ended = run("-c", "-p", "two")
    assert ended.code == 2 and "in use by another process" in ended.out
    assert run("-c", "--fork", "-p", "two").code == 0
    writer.close()


# -- logs of other versions


def test_a_log_of_an_earlier_version_goes_on(run: Run, root: Path) -> None:
    path = folder(root) / "20260101-000000-abcdef.jsonl"
    path.parent.mkdir(parents=True)
    shutil.copy(OLD, path)
    before = messages(path)
    whole = path.read_bytes()
    ended = run("-r", "abcdef", "-p", "go on", calls=({"shell": {"command": "pwd"}},))
    assert ended.code == 0, ended.out
    assert path.read_bytes().startswith(whole)
    after = messages(path)
    assert after[: len(before)] == before
    assert len(before) == 11 and before[-1].text == "Mended é."
    context = of(path, TurnStarted)[-1].context
    assert "calc.py, notes.txt" in context and "top folder" in context


def test_a_log_of_a_newer_version_is_refused_in_one_line(run: Run, root: Path) -> None:
    run("-p", "one")
    path = only(root)
    first, rest = path.read_text().split("\n", 1)
    newer = json.loads(first) | {"schema_version": SCHEMA + 1, "what": "comes"}
    path.write_text(json.dumps(newer) + "\n" + rest)
    before = path.read_bytes()
    for words in (
        ("run", "-c", "-p", "x"),
        ("run", "-c", "--fork", "-p", "x"),
        ("sessions", "show", "last"),
    ):
        ended = agent(*words, cwd=root)
        assert ended.code == 2 and len(ended.errors) == 1
        assert "written by a newer version" in ended.errors[0]
    assert path.read_bytes() == before and len(kept(root)) == 1


def test_damage_is_told_and_the_rest_goes_on(run: Run, root: Path) -> None:
    run("-p", "one")
    path = only(root)
    found = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*found[:3], b"\0\0garbage\n", *found[3:]]))
    ended = run("-c", "-p", "two")
    assert ended.code == 0 and f"the log is damaged: {path.name}, line 4: not an event" in ended.out
    assert b"\0\0garbage\n" in path.read_bytes()


# -- kills


def test_a_turn_that_was_killed_is_closed_and_never_run_again(root: Path, tmp_path: Path) -> None:
    mark = root / "ran"
    command = f"echo x >> {mark}; sleep 33"
    model = script(tmp_path / "k.yaml", {"calls": [{"shell": {"command": command}}]})
    words = [str(AGENT), "run", "-p", "one", "-m", model, "--json"]
    process = subprocess.Popen(words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert any(b'"tool_started"' in line for line in process.stdout)
    deadline = time.monotonic() + 20
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ended = agent("run", "-c", "-p", "two", "-m", script(tmp_path / "s.yaml", "Hi."), cwd=root)
    assert ended.code == 0, ended.err
    assert f"session {only(root).stem} goes on with turn 2\n" in ended.err
    events = log.read(only(root)).events
    assert [each.outcome for each in events if isinstance(each, TurnFinished)] == [
        "cancelled",
        "done",
    ]
    (answer,) = of(only(root), ToolFinished)
    assert answer.result.text == INTERRUPTED
    assert mark.read_text() == "x\n"
    told = [each.text for each in messages(only(root))]
    assert told[3] == INTERRUPTED and told[-1] == "Hi."


KILLS = 12


@pytest.mark.timeout(300)
def test_kills_while_going_on_lose_at_most_the_turn_under_way(run: Run, root: Path) -> None:
    chance = random.Random(seed := random.randrange(2**32))
    print(f"seed {seed}")  # shown when it fails
    run("-p", "first", calls=({"read": {"path": "calc.py"}},))
    path = only(root)
    model = script(root.parent / "s.yaml", {"calls": [{"read": {"path": "calc.py"}}]}, "Done.")
    for number in range(KILLS):
        before = messages(path)
        whole = path.read_bytes()
        whole = whole[: whole.rindex(b"\n") + 1]
        words = [str(AGENT), "run", "-c", "-p", f"turn {number}", "-m", model, "--json"]
        process = subprocess.Popen(
            words,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        for count, _ in enumerate(process.stdout, 1):
            if count >= number:
                break
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if number % 3 == 0:  # as if the kill had come within a write
            data = path.read_bytes()
            lost = chance.randrange(1, max(2, len(data) - len(whole)))
            path.write_bytes(data[: max(len(whole), len(data) - lost)])
        assert path.read_bytes().startswith(whole)
        assert messages(path)[: len(before)] == before
    assert run("-c", "-p", "last").code == 0
    view = log.read(path)
    assert (view.damage, view.torn) == ([], False)
    kinds = [type(each) for each in view.events]
    assert kinds.count(TurnStarted) == kinds.count(TurnFinished)
    assert kinds.count(ToolRequested) == kinds.count(ToolFinished)
    assert [each.seq for each in view.events] == sorted({each.seq for each in view.events})
    assert len(kept(root)) == 1

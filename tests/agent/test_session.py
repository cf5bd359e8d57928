from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    CheckStarted,
    Notice,
    SessionStarted,
    TextDelta,
    TurnStarted,
)
from agent.log import read
from agent.session import Session, new_id, workspace_key
from sandbox.base import Containment


@pytest.fixture
def seen() -> list[Base]:
    return []


@pytest.fixture
def session(tmp_path: Path, seen: list[Base]) -> Session:
    return Session("s1", tmp_path / "logs" / "s1.jsonl", (seen.append,))


def begin(session: Session) -> None:
    session.start(
        SessionStarted(
            id=session.id,
            cwd="/",
            model="m",
            autonomy=3,
            effort=2,
            containment=Containment.FULL,
            system="Be.",
        )
    )


def test_a_session_that_never_started_leaves_no_file(session: Session) -> None:
    session.emit(Notice(text="before"))
    session.close()
    assert not session.log_path.exists()


def test_readers_log_and_history_have_the_same_events(session: Session, seen: list[Base]) -> None:
    begin(session)
    session.emit(TurnStarted(prompt="p"))
    session.emit(TextDelta(text="d"))
    session.emit(Notice(text="n"))
    session.close()
    assert [each.seq for each in seen] == [1, 2, 3, 4]
    logged = read(session.log_path).events
    assert logged[:3] == [seen[0], seen[1], seen[3]]
    assert [each.text for each in session.history.messages] == ["Be.", "p"]


def test_what_happens_within_an_attempt_carries_its_number(
    session: Session, seen: list[Base]
) -> None:
    for event in (
        CheckStarted(command="pytest"),
        AttemptStarted(attempt=1, detail="rewrite"),
        CheckStarted(command="pytest"),
        AttemptFinished(verdict="failed"),
        Notice(text="between"),
        AttemptStarted(attempt=2, detail="again"),
        Notice(text="of another", attempt=7),
        AttemptFinished(attempt=2, verdict="verified"),
        CheckStarted(command="pytest"),
    ):
        session.emit(event)
    assert [each.attempt for each in seen] == [None, 1, 1, 1, None, 2, 7, 2, None]


def test_names_of_sessions_sort_by_time_and_differ() -> None:
    early, late = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    assert new_id(early).startswith("20260102-030405-")
    assert new_id(early) < new_id(late)
    assert len({new_id(early) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("root", "readable"),
    [
        ("/home/u/my project", "my-project"),
        ("/", "root"),
        ("/x/..", "root"),
        ("/x/" + "a" * 300, "a" * 40),
        ("/x/\udcff\n", "root"),
    ],
)
def test_the_key_of_a_workspace_is_readable_and_safe_as_a_name(root: str, readable: str) -> None:
    name, _, digest = workspace_key(Path(root)).rpartition("-")
    assert name == readable
    assert len(digest) == 12


def test_two_folders_of_one_name_have_two_keys() -> None:
    assert workspace_key(Path("/a/x")) != workspace_key(Path("/b/x"))
    assert workspace_key(Path("/a/x")) == workspace_key(Path("/a/x"))

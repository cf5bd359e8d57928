"""How a free loop ends: by a limit, by a cancellation, and what it leaves behind."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from metres import KILO, NO, PROJECT, PROJECT_BYTES, READ, REPAIR, TIMES, fix, unchanged, worked
from sessions import living
from support import picture, put, result

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    HarnessSpoke,
    ToolStarted,
)
from agent.loop import Limits

pytestmark = pytest.mark.full


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", PROJECT)


@pytest.mark.parametrize(
    ("words", "error", "steps"),
    [
        (("--max-steps", "2"), "the limit of 2 steps was reached", 2),
        (("--max-tokens", "9"), "the limit of 9 tokens was reached", 1),
    ],
)
def test_the_limits_of_the_turn_hold(
    root: Path, words: tuple[str, ...], error: str, steps: int
) -> None:
    ended = fix(root, {"calls": [READ]}, {"calls": [TIMES]}, *[NO] * 9, words=words)
    told = result(ended)
    unchanged(ended, root, 5)
    assert (told.error, told.steps) == (error, steps)


def test_what_was_done_until_the_limit_is_tried(root: Path) -> None:
    ended = fix(root, REPAIR, {"calls": [READ]}, words=("--max-steps", "1"))
    assert (ended.code, result(ended).steps) == (0, 1), result(ended).error


async def test_the_limit_on_time_ends_it(root: Path, tmp_path: Path) -> None:
    waits = {"calls": [{"shell": {"command": "sleep 600"}}]}
    ran = await worked(root, waits, limits=Limits(wall_s=15))
    assert (ran.end.exit_code, ran.end.error) == (5, "the limit of 15 seconds was reached")
    assert picture(root) == PROJECT_BYTES and living("sleep\x00600") == []


async def test_a_cancel_leaves_no_copy_and_no_process(root: Path, tmp_path: Path) -> None:
    at_work = asyncio.Event()

    def reached(event: Base) -> None:
        if isinstance(event, ToolStarted) and event.call_id == "c3":
            at_work.set()

    mark = f"600.{secrets.randbelow(10**6)}"
    job = {"shell": {"command": f"trap '' TERM; sleep {mark}", "background": True}}
    waits = {"shell": {"command": f"sleep {mark}"}}
    task = asyncio.ensure_future(worked(root, {"calls": [TIMES, job, waits]}, at=reached))
    await asyncio.wait({task, asyncio.ensure_future(at_work.wait())}, return_when="FIRST_COMPLETED")
    await asyncio.sleep(0.05)
    assert len(living(mark)) > 0
    task.cancel()
    async with asyncio.timeout(10):
        ran = await task
    assert (ran.end.exit_code, ran.end.outcome) == (130, "cancelled")
    (attempt,) = ran.of(AttemptFinished)
    assert attempt.verdict == "cancelled"
    assert living(mark) == [] and picture(root) == PROJECT_BYTES
    assert [each for each in (root.parent / "state/cache/copies").iterdir() if each.is_dir()] == []


async def test_a_job_that_is_left_running_ends_with_the_attempt(root: Path) -> None:
    mark = f"600.{secrets.randbelow(10**6)}"
    job = {"shell": {"command": f"sleep {mark}", "background": True}}
    seen: list[int] = []

    def look(event: Base) -> None:
        if isinstance(event, AttemptStarted | HarnessSpoke | AttemptFinished):
            seen.append(len(living(mark)))

    ran = await worked(root, {"calls": [TIMES, KILO, job]}, "Done.", at=look)
    assert ran.end.exit_code == 0 and seen == [0, 0, 0]
    assert any("running" in each.summary for each in ran.results)

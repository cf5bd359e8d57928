"""A session is done again over its log: today's program does the same, and a changed one is found.

That sessions of all kinds are done again without a difference is looked at behind every test that
makes one (`conftest._replayed`); here is that a difference is found, and how it is named.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import log
from agent.events import Base, CallDecided, HarnessSpoke, StepStarted, TurnFinished
from agent.replay.strict import Again, again
from tests.support import agent, put, script

PROJECT = Path(__file__).parents[2]
START = "import sys; from agent.entry import main; sys.exit(main())"


@pytest.fixture
def place(tmp_path: Path, home: Path) -> Path:
    """The log of a session: reads, a change, the same call again and again, a refused one."""
    work = put(tmp_path / "work", {"a.py": "def add(a, b):\n    return a - b\n"})
    look = {"calls": [{"read": {"path": "a.py"}}]}
    model = script(
        tmp_path / "script.yaml",
        *[look, look, look],
        {"calls": [{"edit": {"path": "a.py", "old": "a - b", "new": "a + b"}}]},
        {"calls": [{"shell": {"command": "curl http://x.test", "network": True}}]},
        "It adds now.",
    )
    ended = agent("run", "Repair add", "-m", model, cwd=work)
    assert ended.code == 4, ended.err
    (found,) = home.glob("state/wisp/sessions/*/*.jsonl")
    return found


def events(place: Path) -> list[Base]:
    return list(log.read(place).events)


def done_again(events: list[Base]) -> Again:
    return asyncio.run(again(events))


def test_the_command_says_what_was_compared(place: Path, tmp_path: Path) -> None:
    ended = agent("sessions", "replay", "--strict", place, cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("1 turn, ") and ended.err.endswith("compared: nothing differs\n")
    with place.open("a") as log:
        log.write("no event\n")
    ended = agent("sessions", "replay", place, "--strict", cwd=tmp_path)
    assert ended.code == 0 and "not an event" in ended.err
    assert agent("sessions", "replay", "--strict", "/none.jsonl", cwd=tmp_path).code == 2
    ended = agent("sessions", "replay", place, "--check", "true", cwd=tmp_path)
    assert (ended.code, ended.errors) == (2, ["error: --check goes with --strict"])


def test_the_same_program_does_the_same(place: Path) -> None:
    found = done_again(events(place))
    assert (found.turns, found.differences, found.left) == (1, [], [])
    assert found.events > 25


CHANGES = {
    "what the model is told": (
        "agent/nudges.py",
        '"You made the same calls again with',
        '"You did make the same calls again with',
        "step 3: HarnessSpoke: `text` was 'You made the same calls",
    ),
    "the table of the policy": (
        "agent/policy.py",
        "Autonomy.RUN: (A, A, C, K, K, K)",
        "Autonomy.RUN: (A, A, C, A, K, K)",
        "step 5: CallDecided (c5): `verdict` was 'ask' and is 'allow'",
    ),
    "a tool's words": (
        "tools/plan.py",
        '    """',
        '    """Always. ',
        "step 1: the model is not told of `plan` as it was",
    ),
    "what a message is made of": (
        "agent/history.py",
        "text=result.text,",
        "text=result.text.upper(),",
        "step 2: message 4 of the request is another one now, tool: ",
    ),
    "how a turn ends": (
        "agent/outcome.py",
        '"blocked", 4)',
        '"blocked", 7)',
        "step 6: TurnFinished: `exit_code` was 4 and is 7",
    ),
    "when it is thought to go round in circles": (
        "agent/stall.py",
        "NUDGE_AFTER, STOP_AFTER = 3, 5",
        "NUDGE_AFTER, STOP_AFTER = 2, 5",
        "step 2: HarnessSpoke where the log has StepStarted",
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_of_the_program_is_found_and_named(
    change: tuple[str, str, str, str], place: Path, tmp_path: Path
) -> None:
    name, old, new, named = change
    for package in ("agent", "tools", "sandbox"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / package, tmp_path / "changed" / package, ignore=leave)
    source = tmp_path / "changed" / name
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    done = subprocess.run(
        [sys.executable, "-c", START, "sessions", "replay", "--strict", str(place)],
        cwd=tmp_path / "changed",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "changed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    assert named in line and line.startswith("turn 1, ")


def test_of_a_log_the_first_thing_that_is_otherwise_is_named(place: Path) -> None:
    told = events(place)
    spoken = next(at for at, each in enumerate(told) if isinstance(each, HarnessSpoke))
    without = done_again([*told[:spoken], *told[spoken + 1 :]])
    assert [each.step for each in without.differences] == [3]
    assert "HarnessSpoke where the log has StepStarted" in without.differences[0].what
    decided = [at for at, each in enumerate(told) if isinstance(each, CallDecided)]
    event = told[decided[0]]
    assert isinstance(event, CallDecided)
    told[decided[0]] = event.model_copy(update={"reason": "because"})
    (found,) = done_again(told).differences
    assert "(c1): `reason` was 'because' and is 'level RUN" in found.what


def test_a_kill_at_any_place_is_no_difference(place: Path) -> None:
    """A session that goes on closes in its log what the kill left open."""
    told = events(place)
    for end in range(1, len(told)):
        left = told[:end]
        assert done_again([*left, *log.closing(left)]).differences == [], end


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_log_that_breaks_off_is_compared_as_far_as_it_goes(place: Path, share: float) -> None:
    told = events(place)
    found = done_again(told[: int(len(told) * share)])
    assert (found.differences, found.left) == ([], [])


def test_of_older_logs_and_of_none_it_says_that_nothing_was_compared(place: Path) -> None:
    assert done_again([]) == Again()
    older = [
        each.model_copy(update={"request": None}) if hasattr(each, "request") else each
        for each in events(place)
    ]
    found = done_again(older)
    assert found.differences == []
    assert "did not note" in found.left[0]
    headless = [each for each in events(place) if isinstance(each, (StepStarted, TurnFinished))]
    assert done_again(headless) == Again()


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_in_any_disorder_is_done_again_without_a_failure(
    place: Path, data: st.DataObject
) -> None:
    told = events(place)
    places = st.integers(0, len(told) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        first, second = data.draw(places), data.draw(places)
        first, second = min(first, len(told) - 1), min(second, len(told) - 1)
        match data.draw(st.sampled_from(["drop", "double", "swap", "strange"])):
            case "drop":
                del told[first]
            case "double":
                told.insert(second, told[first])
            case "swap":
                told[first], told[second] = told[second], told[first]
            case _:
                told[first] = told[first].model_copy(update=data.draw(STRANGE))
    done_again(told)


STRANGE = st.sampled_from(
    [
        {"settings": {"max_steps": "many", "rungs": 7}},
        {"form": {"type": 7}},
        {"attempt": 3},
        {"step": -1},
        {"call_id": "none"},
    ]
)

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grammar import holds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import Ran, carried, prepare

from agent import log
from agent.events import UNLOGGED, Base, TurnFinished
from agent.form import Form
from agent.history import History
from agent.policy import Autonomy

CALLS: tuple[dict[str, Any], ...] = (
    {"read": {"path": "a.py"}},
    {"read": {"path": "missing.py"}},
    {"read": {"path": "/etc/hostname"}},
    {"search": {"pattern": "one"}},
    {"write": {"path": "new.py", "content": "x = 1\n"}},
    {"write": {"path": "bad.py", "content": "def ("}},
    {"edit": {"path": "a.py", "old": "return 1", "new": "return 2"}},
    {"edit": {"path": "a.py", "old": "not there", "new": ""}},
    {"shell": {"command": "echo hello; echo there"}},
    {"shell": {"command": "exit 3"}},
    {"ask": {"question": "Which?"}},
    {"plan": {"items": ["one", "two"]}},
    {"plan": {"items": 7}},
    {"fly": {"to": "the moon"}},
    {"read": {}},
)

replies = st.builds(
    lambda say, think, calls, problem: {
        "say": say,
        "think": think,
        "calls": calls,
        "problem": problem,
    },
    say=st.sampled_from(["", "I will look.\nThen more."]),
    think=st.sampled_from(["", "hm"]),
    calls=st.lists(st.sampled_from(CALLS), max_size=3),
    problem=st.sampled_from(["", "", "", "the call is cut off"]),
)


@dataclass(frozen=True)
class Story:
    """One run: what the model says, what people answer, when somebody stops it."""

    replies: tuple[dict[str, Any], ...]
    ends: bool  # with a reply that rests; else the script runs out, which is an error of the model
    level: Autonomy
    answers: tuple[bool | str, ...]
    window: int
    cancel: int | None  # the number of the event at which the user stops it
    # what the model says when it is asked for an answer in a form; None when it is not
    answered: tuple[dict[str, Any] | str, ...] | None


stories = st.builds(
    Story,
    replies=st.lists(replies, max_size=4).map(tuple),
    ends=st.booleans(),
    level=st.sampled_from(Autonomy),
    answers=st.lists(st.sampled_from([True, False, "rather not"]), max_size=4).map(tuple),
    window=st.sampled_from([8192, 1400, 900]),
    cancel=st.none() | st.integers(2, 40),
    answered=st.none()
    | st.lists(replies | st.sampled_from(["no", '{"a": 1}']), max_size=5).map(tuple),
)


async def told(story: Story, folder: Path) -> Ran:
    root = folder / "work"
    root.mkdir()
    (root / "a.py").write_text("def one():\n    return 1\n" * 40)
    script: list[Any] = [
        *story.replies,
        *(["Done."] if story.ends else []),
        *(story.answered or ()),
    ]
    tasks: list[asyncio.Task[TurnFinished]] = []

    def stop(event: Base) -> None:
        if event.seq == story.cancel and tasks:
            tasks[0].cancel()

    ran = await prepare(
        root,
        script,
        level=story.level,
        answers=story.answers,
        window=story.window,
        readers=(stop,),
    )
    if story.answered is not None:
        ran.turn.form = Form({"type": "object"})
    tasks.append(asyncio.ensure_future(carried(ran)))
    async with asyncio.timeout(30):
        await tasks[0]
    return ran


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(story=stories)
def test_every_run_is_in_the_grammar_and_its_log_says_the_same(story: Story, home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home) as name:
        ran = asyncio.run(told(story, Path(name)))
        holds(ran.events)
        kept = log.read(ran.session.log_path)
    assert kept.damage == [] and not kept.torn
    assert kept.events == [each for each in ran.events if not isinstance(each, UNLOGGED)]
    assert History.of(kept.events).messages == ran.session.history.messages
    assert ran.session.history.open == {}
    if story.answered is None or ran.end.outcome in ("cancelled", "failed"):
        assert ran.end.structured is None
    if story.cancel is None:
        assert ran.end.outcome != "cancelled"

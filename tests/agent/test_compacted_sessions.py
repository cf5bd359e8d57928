"""Sessions that outgrow the window, and those that the user has summed up."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import prepare, run
from support import UNITTEST, put

from agent import log
from agent.compaction import (
    HEAD,
    SUMMARY,
    result_bytes,
)
from agent.errors import ContextOverflow, ModelError, ModelUnusable, ProviderFailed
from agent.essentials import DONE
from agent.events import (
    HistoryCompacted,
    Notice,
    TurnFinished,
)
from agent.history import History
from agent.loop import Limits
from agent.messages import Message
from agent.models.base import Chunk, ModelRequest
from agent.models.scripted import ScriptedModel
from agent.run import SHORT, SUMMED, compact


@pytest.fixture
def root(tmp_path: Path) -> Path:
    code = "def add(a, b):\n    return a - b\n"
    tests = (
        "import unittest\nfrom calc import add\n\n\nclass T(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n"
    )
    return put(
        tmp_path / "work", {"calc.py": code, "test_calc.py": tests, "long.txt": "yes it is\n" * 900}
    )


def calling(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"calls": list(calls)}


def edit(number: int) -> dict[str, Any]:
    call = {"write": {"path": f"made{number}.py", "content": f"x = {number}\n" * 60}}
    return {"say": f"What I know at {number}.", "calls": [call]}


async def test_a_session_in_a_small_window_is_summed_up_and_goes_on(root: Path) -> None:
    plan = {"items": [{"text": "find it", "state": "done"}, {"text": "mend it"}]}
    script = [
        calling({"plan": plan}),
        calling({"check": {}}),
        *map(edit, range(60)),
        "Done.",
    ]
    ran = await run(
        root, script, prompt="Mend the sum, please", window=4096, check=UNITTEST, limits=Limits(99)
    )
    assert ran.end.outcome in ("done", "unverified")
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert len(summed) > 1
    for each in summed:
        assert f"{SUMMARY}What I know at " in each.text, "the model told it"
        assert each.after < each.before and each.usage.output
    failed = next(each.text for each in ran.results if "AssertionError" in each.text)
    for request in ran.model.requests:
        text = "\n".join(each.text for each in request.messages)
        assert "Mend the sum, please" in text
        assert ran.model.count(request.messages, request.tools) <= 4096
        if HEAD in text:
            assert "[ ] mend it" in text and failed in text
    assert any(HEAD in "".join(m.text for m in r.messages) for r in ran.model.requests)
    again = History.of(log.read(ran.session.log_path).events)
    assert again.messages == ran.session.history.messages


async def test_where_the_model_says_nothing_it_is_told_by_the_calls(root: Path) -> None:
    mute = [{**edit(number), "say": ""} for number in range(60)]
    ran = await run(root, mute, window=4096, limits=Limits(99))
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert summed and all(DONE in each.text and SUMMARY not in each.text for each in summed)


class Faulty(ScriptedModel):
    """Fails at a sum-up, and has a window that is smaller than it says, in messages."""

    bears = 1000
    error: ModelError = ProviderFailed("overloaded", "try again")

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        if request.words:
            raise self.error
        if len(request.messages) > self.bears:
            raise ContextOverflow("maximum context length exceeded", "shorten it")
        async for chunk in super().stream(request):
            yield chunk


@pytest.mark.parametrize(
    "error",
    [
        ProviderFailed("overloaded", "try again"),
        ContextOverflow("too long", "shorten it"),
        ModelUnusable("the key expired"),
    ],
)
async def test_where_the_sum_up_fails_the_harness_makes_it(root: Path, error: ModelError) -> None:
    model = Faulty.of([*map(edit, range(60)), {"say": "Done."}], window=4096)
    model.error = error
    ran = await run(root, [], model=model, prompt="Make sixty", limits=Limits(99))
    assert ran.end.outcome in ("done", "unverified") and ran.end.steps == 61
    summed = [each for each in ran.of(HistoryCompacted) if each.replaced]
    assert summed and all(DONE in each.text and "Make sixty" in each.text for each in summed)


async def test_a_window_that_is_smaller_than_the_model_said_is_borne(root: Path) -> None:
    model = Faulty.of([*map(edit, range(40)), {"say": "Done."}], window=100_000)
    model.bears = 20
    ran = await run(root, [], model=model, prompt="Make forty", limits=Limits(99))
    assert ran.end.outcome in ("done", "unverified") and ran.end.steps == 41
    for request in model.requests:
        assert "Make forty" in "\n".join(each.text for each in request.messages)


async def test_a_model_that_never_takes_a_request_ends_the_turn(root: Path) -> None:
    model = Faulty.of([{"say": "Done."}], window=100_000)
    model.bears = 0
    ran = await run(root, [], model=model, prompt="go")
    assert (ran.end.outcome, ran.end.exit_code) == ("limit", 5)


async def test_the_user_can_have_it_summed_up_and_say_what_to_keep(root: Path) -> None:
    script = [*map(edit, range(3)), "Done.", "All of it is made."]
    ran = await run(root, script[:4], prompt="Make three")
    again = await prepare(root, script[4:], again=True)
    ended = await again.turn.carry("the names", "compact", compact)
    again.session.close()
    assert (ended.outcome, ended.text) == ("done", SUMMED)
    [summed] = again.of(HistoryCompacted)
    assert summed.after < summed.before
    [asked] = again.model.requests
    assert asked.messages[:-1] == tuple(ran.session.history.messages), "its prefix is known"
    assert asked.messages[-1].text.endswith("Above all keep: the names")
    _, whole, last = again.session.history.messages
    assert f"{SUMMARY}All of it is made." in whole.text and "Make three" in whole.text
    assert last.text == "Done.", "the last step stands as it was"
    once_more = await prepare(root, ["Nothing new."], again=True)
    ended = await once_more.turn.carry("", "compact", compact)
    once_more.session.close()
    assert ended.text == SHORT and not once_more.model.requests
    assert [each.text for each in once_more.of(Notice)] == [SHORT]


async def test_an_answer_is_no_longer_than_the_window_bears(root: Path) -> None:
    both = calling({"read": {"path": "long.txt"}}, {"shell": {"command": "cat long.txt"}})
    ran = await run(root, [both, "Done."], window=2048)
    page, printed = (each.text for each in ran.results)
    assert len(page) < result_bytes(2048) and "continue with read path=long.txt start=" in page
    assert len(printed) < result_bytes(2048) + 200 and "ask for less at once" in printed


actions = st.lists(
    st.one_of(
        st.just(calling({"read": {"path": "calc.py"}})),
        st.just(calling({"read": {"path": "long.txt"}})),
        st.just(calling({"search": {"pattern": "add"}})),
        st.just(calling({"read": {"path": "nowhere.py"}})),
        st.just(calling({"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}})),
        st.just({"say": "", "calls": []}),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(script=actions, window=st.sampled_from([1300, 2048, 8192]))
def test_each_request_begins_with_the_one_before_it_but_after_a_compaction(
    script: list[dict[str, Any]], window: int, home: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=home) as name:
        root = put(Path(name) / "work", {"calc.py": "a - b\n" * 30, "long.txt": "y\n" * 900})
        ran = asyncio.run(run(root, [*script, "Done."], window=window))
        assert isinstance(ran.events[-1], TurnFinished)
        moved = 0
        asked = [each for each in ran.model.requests if not _sums_up(each.messages)]
        for one, other in pairwise(asked):
            if other.messages[: len(one.messages)] != one.messages:
                moved += 1
        assert moved <= len(ran.of(HistoryCompacted))


def _sums_up(messages: Sequence[Message]) -> bool:
    return "Sum it up" in messages[-1].text

"""Many proposals tried on the targets in one go, where checks are run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from support import PYTEST, UNITTEST, picture, put
from trees import UNCONTAINED

from agent.bench import Bench
from agent.copies import Copies
from agent.events import Base, CandidatesScreened
from sandbox.base import Sandbox
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory

LIB = b"def add(a, b):\n    return a - b\n"
RIGHT = LIB.replace(b"-", b"+")
WRONG = LIB.replace(b"-", b"*")
TEST = b"from lib import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"
T = "test_lib.py::test_add"

Open = Callable[..., AbstractAsyncContextManager[tuple[Bench, list[Base]]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"lib.py": LIB, "test_lib.py": TEST})


@pytest.fixture
def opened(root: Path, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(
        check: str = PYTEST, sandbox: Sandbox | None = None
    ) -> AsyncIterator[tuple[Bench, list[Base]]]:
        workspace = Workspace(root)

        async def nobody(question: str, choices: tuple[str, ...]) -> None:
            return None

        context = ToolContext(
            workspace=workspace,
            sandbox=sandbox or await open_sandbox(workspace, "auto"),
            memory=ToolMemory(),
            output=lambda text: None,
            question=nobody,
            check_command=check,
        )
        events: list[Base] = []
        copies = Copies(workspace.root, cache=tmp_path / "cache")
        async with Bench.open(context, events.append, copies) as bench:
            yield bench, events

    return opened


@pytest.mark.full
async def test_each_proposal_has_its_answer_and_one_event_counts_them(
    opened: Open, root: Path
) -> None:
    before = picture(root)
    # files that a candidate makes stay in the copy until the next check
    makes = b"def add(a, b):\n    open('made', 'w').close()\n    return 0\n"
    unknown = b"import os\n" + RIGHT
    proposals = [{"lib.py": text} for text in (WRONG, RIGHT, makes, unknown, RIGHT + b"\n")]
    async with opened() as (bench, events):
        assert bench.isolated
        answers = await bench.screen(proposals, (T,))
        (event,) = events
        after = await bench.check({"lib.py": RIGHT}, (T,))
    assert [each.number for each in answers] == [0, 1, 2, 3, 4]
    assert [each.passed for each in answers] == [False, True, False, None, True]
    assert (answers[0].test, answers[0].message) == (T, "assert 2 == 3")
    assert isinstance(event, CandidatesScreened)
    assert (event.tried, event.passed, event.failed) == (5, 2, 2)
    assert after.green
    assert picture(root) == before


@pytest.mark.full
async def test_a_test_that_was_written_for_the_bug_is_laid_over_the_tree(opened: Open) -> None:
    extra = {"test_new.py": TEST}
    proposals = [{**extra, "lib.py": WRONG}, {**extra, "lib.py": RIGHT}]
    async with opened() as (bench, _):
        answers = await bench.screen(proposals, ("test_new.py::test_add",), extra)
    assert [each.passed for each in answers] == [False, True]


async def test_in_place_the_tree_stays_as_it_is(opened: Open, root: Path) -> None:
    before = picture(root)
    extra = {"test_new.py": TEST}
    proposals = [{**extra, "lib.py": WRONG}, {**extra, "lib.py": RIGHT}]
    async with opened(sandbox=UNCONTAINED) as (bench, _):
        assert not bench.isolated
        answers = await bench.screen(proposals, ("test_new.py::test_add",), extra)
    assert [each.passed for each in answers] == [False, True]
    after = {name: data for name, data in picture(root).items() if "__pycache__" not in name}
    assert after == before


async def test_what_comes_after_the_end_of_the_run_is_not_known(opened: Open) -> None:
    kills = b"def add(a, b):\n    import os\n    os.kill(os.getppid(), 9)\n    return 3\n"
    proposals = [{"lib.py": text} for text in (RIGHT, kills, RIGHT)]
    async with opened(sandbox=UNCONTAINED) as (bench, events):
        answers = await bench.screen(proposals, (T,))
    assert [each.passed for each in answers] == [True, None, None]
    assert answers[2].message == "not reached"
    assert [(each.tried, each.passed, each.failed) for each in events] == [(3, 1, 0)]  # type: ignore[attr-defined]  # there is no other


async def test_where_it_cannot_be_done_there_is_no_answer(opened: Open) -> None:
    proposals = [{"lib.py": RIGHT}]
    async with opened(check=UNITTEST, sandbox=UNCONTAINED) as (bench, events):
        assert await bench.screen(proposals, ("test_lib.T.test_add",)) == ()
        assert events == []
    async with opened(sandbox=UNCONTAINED) as (bench, events):
        assert await bench.screen(proposals, ()) == ()
        assert await bench.screen([], (T,)) == ()
        assert events == []
        assert await bench.screen(proposals, ("test_lib.py::test_none",)) == ()
        assert len(events) == 1

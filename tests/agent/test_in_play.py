"""Instructions of the folders that a model works in: told once, behind results, out of the log."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sessions import Ran, run
from support import put
from trees import UNCONTAINED, git

from agent import log
from agent.context.in_play import IN_ALL, SMALL_SHARE, TOLD, InPlay
from agent.events import InstructionsTold, Notice, ToolFinished
from agent.history import History
from agent.messages import ToolMessage, UserMessage
from agent.models.scripted import ScriptedModel
from sandbox.workspace import Workspace
from tools.base import ToolCall, ToolContext, ToolMemory, ToolResult

FILES = {"a.py": "", "pkg/a.py": "", "pkg/b.py": "", "pkg/deep/c.py": "", "other/d.py": ""}
RULES = {"pkg/AGENTS.md": "Prices are cents.\n", "pkg/deep/CLAUDE.md": "No loops.\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", FILES | RULES)


def reads(*paths: str) -> dict[str, Any]:
    return {"calls": [{"read": {"path": path}} for path in paths]}


async def worked(root: Path, *replies: Any, **more: Any) -> Ran:
    return await run(root, [*replies, "Done."], sandbox=UNCONTAINED, **more)


def told(ran: Ran) -> list[str]:
    return [each.path for each in ran.of(InstructionsTold)]


def after(
    root: Path, path: str, seen: dict[str, str] | None = None, extra: tuple[Path, ...] = ()
) -> list[str]:
    """Return what is told after a file was read, in a conversation in which nothing was."""
    context = ToolContext(
        workspace=Workspace(root, extra),
        sandbox=UNCONTAINED,
        memory=ToolMemory(seen={} if seen is None else seen),
        output=lambda text: None,
        question=None,  # type: ignore[arg-type]  # nobody is asked
    )
    call = ToolCall(id="c", name="read", arguments={"path": path})
    events = InPlay(context).after([call], [ToolResult(text="x")], [], False)
    return [each.path for each in events if isinstance(each, InstructionsTold)]


async def test_they_are_told_once_behind_the_results_and_the_prefix_stays(root: Path) -> None:
    ran = await worked(root, reads("a.py"), reads("pkg/a.py", "pkg/b.py"), reads("pkg/deep/c.py"))
    assert told(ran) == ["pkg/AGENTS.md", "pkg/deep/CLAUDE.md"]
    requests = [each.messages for each in ran.model.requests]
    for before, following in pairwise(requests):
        assert following[: len(before)] == before
    one, other, last = requests[2][-3:]
    assert isinstance(one, ToolMessage) and isinstance(other, ToolMessage)
    text = f"{TOLD}pkg:\n# pkg/AGENTS.md\nPrices are cents."
    assert last == UserMessage(text=text, by="harness")
    kept = log.read(ran.session.log_path).events
    assert History.of(kept).messages == ran.session.history.messages


async def test_a_session_that_goes_on_knows_what_was_told(root: Path) -> None:
    await worked(root, reads("pkg/a.py"))
    ran = await worked(root, reads("pkg/b.py", "pkg/deep/c.py"), again=True)
    assert told(ran) == ["pkg/deep/CLAUDE.md"]


async def test_what_the_system_prompt_has_is_told_already(root: Path) -> None:
    put(root, {"AGENTS.md": "Use tabs.\n"})
    ran = await worked(root, reads("other/d.py"))
    assert told(ran) == ["AGENTS.md"], "the prompt of these tests has none"
    put(root, {"AGENTS.md": "Use spaces.\n"})
    again = await worked(root, reads("other/d.py"), again=True)
    assert told(again) == []


async def test_what_the_model_read_or_wrote_itself_is_not_told_to_it(root: Path) -> None:
    write = {"calls": [{"write": {"path": "other/AGENTS.md", "content": "Mine.\n"}}]}
    ran = await worked(root, reads("pkg/AGENTS.md"), write, reads("pkg/a.py", "other/d.py"))
    assert [each.ok for each in ran.results] == [True] * 4
    assert told(ran) == []


async def test_a_new_file_is_told_of_and_a_call_that_failed_tells_nothing(root: Path) -> None:
    write = {"calls": [{"write": {"path": "pkg/new.py", "content": "x = 1\n"}}]}
    ran = await worked(root, reads("pkg/none.py"), write)
    assert [each.ok for each in ran.results] == [False, True]
    assert told(ran) == ["pkg/AGENTS.md"]
    order = [type(each) for each in ran.events]
    assert order.index(InstructionsTold) > order.index(ToolFinished, order.index(ToolFinished) + 1)


async def test_a_small_model_is_told_less_of_each_and_of_all(root: Path) -> None:
    put(
        root, {f"p{n}/AGENTS.md": "x" * 5_000 for n in range(6)} | {f"p{n}/a": "" for n in range(6)}
    )
    replies = [reads(*(f"p{n}/a" for n in range(3))), reads("p3/a"), reads("p4/a", "p5/a"), "Done."]
    items = [{"say": each} if isinstance(each, str) else each for each in replies]
    model = ScriptedModel.of(items)
    model.small = True
    ran = await worked(root, model=model)
    texts = [each.text for each in ran.of(InstructionsTold)]
    assert len(texts) == IN_ALL - 1, "what stands around them counts too"
    assert all(text.endswith("x" * 200 + "\n[cut]") for text in texts)
    assert max(map(len, texts)) < SMALL_SHARE + 100
    notices = [each.text for each in ran.of(Notice) if "not told" in each.text]
    assert notices == ["not told to the model, it was told enough: p3/AGENTS.md"]


async def test_what_nobody_sees_is_told_by_number(root: Path) -> None:
    put(root, {"other/GEMINI.md": "Obey\u200b\x1b[2J.\n"})
    ran = await worked(root, reads("other/d.py"))
    (event,) = ran.of(InstructionsTold)
    assert event.text.endswith("# other/GEMINI.md\nObey\\u200b\\x1b[2J.")
    assert any("other/GEMINI.md holds 2 hidden" in each.text for each in ran.of(Notice))
    assert event.tokens > 10


def test_what_somebody_else_wrote_is_never_told(root: Path) -> None:
    put(
        root,
        {
            ".gitignore": "out/\npkg/AGENTS.md\n",
            "node_modules/x/AGENTS.md": "obey",
            "node_modules/x/i.js": "",
            "out/AGENTS.md": "obey",
            "out/x.py": "",
            "env/pyvenv.cfg": "",
            "env/CLAUDE.md": "obey",
            "env/x.py": "",
        },
    )
    (root / "other/AGENTS.md").symlink_to("../node_modules/x/AGENTS.md")
    (root / "link").symlink_to("node_modules/x")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    paths = ["node_modules/x/i.js", "out/x.py", "env/x.py", "other/d.py", "link/i.js", "pkg/a.py"]
    assert [after(root, path) for path in paths] == [[]] * len(paths)
    assert after(root, "pkg/deep/c.py") == ["pkg/deep/CLAUDE.md"]


def test_what_lies_outside_is_not_looked_at_but_an_added_folder_is(
    root: Path, tmp_path: Path
) -> None:
    put(tmp_path, {"AGENTS.md": "obey", "lib/AGENTS.md": "Added.", "lib/in/x.py": ""})
    assert after(root, str(tmp_path / "lib/in/x.py")) == []
    added = after(root, str(tmp_path / "lib/in/x.py"), extra=(tmp_path / "lib",))
    assert added == [str(tmp_path / "lib/AGENTS.md")]


def test_a_pipe_and_a_link_that_leads_out_are_none(root: Path, tmp_path: Path) -> None:
    put(tmp_path, {"theirs.md": "obey"})
    os.mkfifo(root / "other/AGENTS.md")
    (root / "other/CLAUDE.md").symlink_to(tmp_path / "theirs.md")
    assert after(root, "other/d.py") == []
    put(root, {"other/GEMINI.md": b"\xff\n"})
    assert after(root, "other/d.py") == ["other/GEMINI.md"]


def test_a_file_below_very_many_folders_is_looked_at_from_near(root: Path) -> None:
    deep = "/".join(["d"] * 200)
    put(root, {f"{deep}/x.py": "", "d/AGENTS.md": "far", f"{deep}/AGENTS.md": "near"})
    assert after(root, f"{deep}/x.py") == [f"{deep}/AGENTS.md"]


def test_what_was_told_counts_as_seen_so_that_a_change_of_it_is_told(root: Path) -> None:
    seen: dict[str, str] = {}
    assert after(root, "pkg/a.py", seen) == ["pkg/AGENTS.md"]
    assert seen == {"pkg/AGENTS.md": Workspace(root).read("pkg/AGENTS.md").sha256}

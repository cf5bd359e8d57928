"""What a command leaves where we look: a link or a pipe there reaches nothing, stops nobody."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from support import put

from agent.checkpoint import Checkpoints
from agent.originals import old_contents
from sandbox.base import Containment
from sandbox.contents import left_in
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory
from tools.runners import detect
from tools.shell import Shell, ShellArgs


async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
    return None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.txt": "1\n", "inner/b.txt": "2\n"})


async def shell(root: Path, command: str) -> Any:
    workspace = Workspace(root)
    sandbox = await open_sandbox(workspace, "auto")
    assert sandbox.containment is not Containment.NONE
    memory = ToolMemory()
    context = ToolContext(workspace, sandbox, memory, lambda text: None, nobody)
    async with asyncio.timeout(60):  # a pipe that is read would never end
        result = await Shell().run(ShellArgs(command=command), context)
    return result, memory.directory


@pytest.mark.parametrize(
    "trick",
    [
        'mkfifo "$_wisp_end"',
        'ln -s /etc/passwd "$_wisp_end"',
        'mkdir "$_wisp_end"',
        'ln -s /dev/zero "$_wisp_end"',
    ],
)
async def test_what_stands_for_the_last_directory_is_a_file_or_nothing(
    root: Path, trick: str
) -> None:
    result, directory = await shell(root, f"trap - EXIT; cd inner; {trick}; echo done")
    assert "done" in result.text and directory == "."
    result, directory = await shell(root, "cd inner; echo done")
    assert directory == "inner"


def test_only_a_regular_file_is_read_back(tmp_path: Path) -> None:
    put(tmp_path, {"file": "x"})
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert left_in(tmp_path, "file") == b"x"
    for name in ("link", "pipe", ".", "missing"):
        with pytest.raises(OSError):
            left_in(tmp_path, name)


def test_a_project_is_recognised_by_its_files_not_by_what_they_lead_to(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", {"tox.ini": "[pytest]\n"})
    root = put(tmp_path / "work", {"a.txt": ""})
    assert detect(Workspace(root)) == []
    (root / "tox.ini").symlink_to(outside / "tox.ini")
    os.mkfifo(root / "setup.cfg")
    assert detect(Workspace(root)) == []
    (root / "tox.ini").unlink()
    put(root, {"tox.ini": "[pytest]\n"})
    assert [each.name for each in detect(Workspace(root))] == ["pytest", "unittest"]


async def test_how_a_link_was_before_is_not_read_from_where_it_leads(
    root: Path, tmp_path: Path
) -> None:
    put(tmp_path / "secrets", {"id": "secret\n"})
    (root / "test_x.py").symlink_to(tmp_path / "secrets" / "id")
    (root / "keys").symlink_to(tmp_path / "secrets")
    (root / "near.py").symlink_to("a.txt")
    sandbox = await open_sandbox(Workspace(root), "auto")
    checkpoints = Checkpoints(root, sandbox, state=tmp_path / "state")
    made = await checkpoints.make("before")
    old = await old_contents(checkpoints, made.id, ["test_x.py", "keys/id", "a.txt", "near.py"])
    assert old == {"test_x.py": None, "keys/id": None, "a.txt": b"1\n", "near.py": b"1\n"}

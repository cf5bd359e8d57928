"""The commands that go back: take a turn back, do it again, go back to before a step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError, WispError
from agent.lines import out, say

if TYPE_CHECKING:
    from agent.checkpoint import Checkpoints
    from agent.undo import Undone


def take_back(folder: Path, redo: bool) -> int:
    """Undo the last turn of a workspace, or the last undo, and say what was done."""
    return asyncio.run(_take_back(folder, redo))


async def _take_back(folder: Path, redo: bool) -> int:
    from agent import undo

    checkpoints = await _checkpoints(folder)
    with _alone(checkpoints.root):
        done = await (undo.redo(checkpoints) if redo else undo.undo(checkpoints))
    _tell(done, "redone" if redo else "undone")
    say("hint: agent undo" if redo else "hint: agent undo --redo takes this back")
    return 0


def go_back(folder: Path, to: str, session: str, *, files: bool, talk: bool, preview: bool) -> int:
    """Go back to before a turn or a step, and say what was done."""
    if not files and not talk:
        raise UsageError("--files and --talk are both, which is without either", "neither of them")
    return asyncio.run(_go_back(folder, to, session, files, talk, preview))


async def _go_back(
    folder: Path, to: str, session: str, files: bool, talk: bool, preview: bool
) -> int:
    from agent.rewinding import Point, files_back, talk_back

    checkpoints = await _checkpoints(folder)
    point = Point.of(to, session, checkpoints.root)
    done = None
    with _alone(checkpoints.root):
        if files:
            done = await files_back(point, checkpoints, preview=preview)
        name = talk_back(point, checkpoints.root) if talk and not preview else ""
    if talk:
        end = point.end()
        said = f"ends after {end}" if end else "begins anew"
        hint = f": agent run -r {name}" if name else ""
        say(f"the conversation {said}{hint}")
    if done is None:
        say("no file was changed since" if files else "files are as they were")
        return 0
    _tell(done, "would go back" if preview else "went back")
    if not preview:
        say("hint: agent undo --redo takes this back")
    return 0


async def _checkpoints(folder: Path) -> Checkpoints:
    from agent.checkpoint import Checkpoints
    from agent.footing import open_workspace
    from sandbox.detect import open_sandbox

    workspace = open_workspace(folder)
    return Checkpoints(workspace.root, await open_sandbox(workspace, "auto"))


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep sessions from changing files meanwhile. Raises Blocked where one does."""
    from agent.place import Place

    place = Place(root, "agent undo")
    place.take()
    try:
        yield
    finally:
        place.leave()


def _tell(done: Undone, word: str) -> None:
    """Say which files went back; raises WispError where some were left alone."""
    for path in done.files:
        out(f"{word}: {path}")
    for path in done.refused:
        say(f"left alone, changed since: {path}")
    if done.refused:
        raise WispError(
            f"{len(done.refused)} files were left alone", "commit or move your changes, then again"
        )

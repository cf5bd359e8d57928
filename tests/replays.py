"""What the sessions of a test did, done again over their logs: nothing may be different.

With `WISP_REPLAY_REPAIRS=1` repairs are done again too, with their tests, in the tree as it was
before: that is how CI runs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from agent import log, secret_values
from agent.checkpoint import Checkpoints
from agent.errors import WispError
from agent.events import Base, CheckpointMade, CheckStarted, SessionStarted, TurnStarted
from agent.footing import open_workspace
from agent.holding import contain
from agent.redaction import Redaction
from agent.replay.strict import Here, again
from sandbox.base import Containment
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory
from tools.runners import detect

REPAIRS = "WISP_REPLAY_REPAIRS"


def differences(place: Path) -> list[str]:
    """Return what is different when the session of a log is done again."""
    try:
        view = log.read(place)
    except WispError:
        return []  # of a newer version, or taken away
    events = view.events[: len(view.ends)]
    root = _tree(events) if os.environ.get(REPAIRS) == "1" else None
    return asyncio.run(_again(events, root))


async def _again(events: Sequence[Base], root: Path | None) -> list[str]:
    here = await _as_it_was(events, root) if root else None
    return [str(each) for each in (await again(events, here)).differences]


def _tree(events: Sequence[Base]) -> Path | None:
    """Return the tree of a repair, where nobody else has changed it since."""
    first = events[0] if events else None
    turns = [each for each in events if isinstance(each, TurnStarted)]
    if not isinstance(first, SessionStarted) or [each.kind for each in turns] != ["fix"]:
        return None
    root = Path(first.cwd)
    if not root.is_dir():
        return None
    if any(isinstance(each, CheckpointMade) for each in events):
        return root  # that puts it back
    ours = (each for each in root.rglob("*") if not {".git", "__pycache__"} & set(each.parts))
    return None if any(each.lstat().st_ctime > first.time for each in ours) else root


async def _as_it_was(events: Sequence[Base], root: Path) -> Here | None:
    first = events[0]
    assert isinstance(first, SessionStarted), "looked at before"
    workspace = open_workspace(root)
    sandbox = await contain(workspace, "auto")
    if sandbox.containment is not Containment.FULL:
        return None
    made = [each.id for each in events if isinstance(each, CheckpointMade)]
    checkpoints = Checkpoints(workspace.root, sandbox)
    if made and made[0] not in await checkpoints.ids():
        return None  # kept elsewhere by the test
    if made:
        await checkpoints.restore(made[0])
        _without_compiled(root)

    async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
        return None

    context = ToolContext(
        workspace=workspace,
        sandbox=sandbox,
        memory=ToolMemory(),
        output=lambda text: None,
        question=nobody,
        check_command=_check(first, events, workspace),
    )
    redaction = Redaction(secret_values.outside())
    redaction.learn(secret_values.within(workspace))
    return Here(context, root, redaction)


def _without_compiled(root: Path) -> None:
    """Take away what Python compiled: it counts for another text of the same second and size."""
    for each in [*root.rglob("__pycache__")]:
        shutil.rmtree(each, ignore_errors=True)


def _check(first: SessionStarted, events: Sequence[Base], workspace: Workspace) -> str:
    """Return the command that was said to prove it; nobody else's log may say what is run."""
    if first.settings:
        return str(first.settings.get("check", ""))
    # a session that a test made by hand has no settings
    command = next((each.command for each in events if isinstance(each, CheckStarted)), "")
    found = {each.command for each in detect(workspace)}
    return "" if command in found else command

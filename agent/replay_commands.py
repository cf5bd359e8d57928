"""`agent sessions replay --strict`: whether today's program does what a session did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent import config, secret_values
from agent.events import Base
from agent.footing import open_workspace
from agent.holding import contain
from agent.lines import out, say
from agent.log import read
from agent.redaction import Redaction
from tools.base import ToolContext, ToolMemory

if TYPE_CHECKING:
    from agent.replay.strict import Again

DIFFERENT = 1
"""The exit code where something is done otherwise."""


def strict(place: Path, folder: Path, check: str) -> int:
    """Do a session again over its log; print what is different, a line each.

    With a `check` its repairs are done again too, by that command in the tree of a folder. Raises
    UsageError for what is no log, and for what is no tree.
    """
    view = read(place)
    for damage in view.damage:
        say(f"note: {damage}")
    found = asyncio.run(_again(view.events[: len(view.ends)], folder, check))
    for left in found.left:
        say(f"note: {left}")
    for each in found.differences:
        out(str(each))
    same = "nothing differs" if not found.differences else f"{len(found.differences)} differ"
    say(f"{_many(found.turns, 'turn')}, {_many(found.events, 'event')} compared: {same}")
    return DIFFERENT if found.differences else 0


async def _again(events: Sequence[Base], folder: Path, check: str) -> Again:
    from agent.replay.strict import Here, again

    if not check:
        return await again(events)
    workspace = open_workspace(folder)
    redaction = Redaction(secret_values.outside())
    redaction.learn(secret_values.within(workspace))
    settings = config.load({"check": check}, workspace.root).settings

    async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
        return None

    context = ToolContext(
        workspace=workspace,
        sandbox=await contain(workspace, "auto"),
        memory=ToolMemory(),
        output=lambda text: None,
        question=nobody,
        check_command=check,
        network=settings.network,
        diagnostics=settings.diagnostics,
    )
    return await again(events, Here(context, folder, redaction))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

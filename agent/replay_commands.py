"""`agent sessions replay --strict`: whether today's program does what a session did."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.commands import out
from agent.faces import say
from agent.log import read

DIFFERENT = 1
"""The exit code where something is done otherwise."""


def strict(place: Path) -> int:
    """Do a session again over its log; print what is different, a line each.

    Raises UsageError for what is no log.
    """
    from agent.replay.strict import again

    view = read(place)
    for damage in view.damage:
        say(f"note: {damage}")
    found = asyncio.run(again(view.events[: len(view.ends)]))
    for left in found.left:
        say(f"note: {left}")
    for each in found.differences:
        out(str(each))
    same = "nothing differs" if not found.differences else f"{len(found.differences)} differ"
    say(f"{_many(found.turns, 'turn')}, {_many(found.events, 'event')} compared: {same}")
    return DIFFERENT if found.differences else 0


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

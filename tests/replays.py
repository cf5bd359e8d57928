"""What the sessions of a test did, done again over their logs: nothing may be different."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent import log
from agent.errors import WispError
from agent.replay.strict import again


def differences(place: Path) -> list[str]:
    """Return what is different when the session of a log is done again."""
    try:
        view = log.read(place)
    except WispError:
        return []  # of a newer version, or taken away
    found = asyncio.run(again(view.events[: len(view.ends)]))
    return [str(each) for each in found.differences]

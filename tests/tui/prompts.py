"""A prompt on a stage of its own, and what is typed at it."""

from __future__ import annotations

import re
from typing import Any

from textual import events
from textual.pilot import Pilot

from tests.tui.screen import text_of
from tui.widgets.prompt import READY

CSS = "Static { height: 1fr; }"  # what stands above


async def write(pilot: Pilot[Any], text: str) -> None:
    """Type a text, and wait until all that follows from it is done."""
    for char in text:
        pilot.app.post_message(events.Key("space" if char == " " else char, char))
    await settled(pilot)


async def paste(pilot: Pilot[Any], text: str) -> None:
    """Paste a text as a terminal does."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until nothing is listed or ranked any more."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def seen(pilot: Pilot[Any]) -> str:
    """Return the screen with its long runs counted, so that it fits a page, and a plain sign."""
    shown = (await text_of(pilot)).strip("\n").replace(READY, ">")
    return re.sub(r"([ ─])\1{59,}", lambda run: f"{run[1] * 3}({len(run[0])}){run[1] * 3}", shown)

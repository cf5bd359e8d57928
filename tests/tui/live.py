"""The whole app under Pilot, with a scripted model in a repository of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from agent.config import Settings
from agent.job import Job
from agent.policy import Autonomy
from agent.resumption import Resume
from tests.support import script
from tests.tui.screen import shown
from tui.app import Wisp

PATIENCE_S = 30.0
_WORDS = {"/": "slash", "!": "exclamation_mark", " ": "space", ".": "full_stop", "@": "at"}


class Live:
    """An app that runs: what a person sees, and does."""

    def __init__(self, app: Wisp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> str:
        """What stands on the screen now."""
        return shown(self.app)

    @property
    def session(self) -> str:
        """The id of the session that is open."""
        desk = self.app.work.desk
        assert desk is not None, "no session is open"
        return desk.talk.session.id

    async def until(self, seen: str | Callable[[], Any]) -> None:
        """Wait until words stand on the screen, or until something holds."""
        holds = (lambda: seen in self.screen) if isinstance(seen, str) else seen
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"not seen: {seen}\n{self.screen}"
            await self.pilot.pause()
            await asyncio.sleep(0)
        await self.pilot.pause()

    async def say(self, text: str) -> None:
        """Type a line and send it."""
        self.app.main.prompt.put(text)
        await self.pilot.press("enter")
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def rest(self) -> None:
        """Wait until nothing is left to be done."""
        await self.until(lambda: self.app.work.desk is not None and not self.app.work.busy)

    async def answer(self, *keys: str) -> None:
        """Press keys of the card in front, which takes them a moment after it came."""
        card = self.app.main.wanted.front
        assert card is not None, self.screen
        clock = itertools.count(time.monotonic() + 10, 10.0)  # as if each key were thought about
        card._clock = lambda: next(clock)
        card.focus()
        await self.press(*keys)


@contextlib.asynccontextmanager
async def live(
    work: Path,
    *replies: Mapping[str, Any] | str,
    size: tuple[int, int] = (100, 32),
    level: Autonomy = Autonomy.ASK,
    prompt: str = "",
    resume: Resume | None = None,
    model: str = "",
    worktree: bool = False,
    **settings: Any,
) -> AsyncIterator[Live]:
    """Run the app until the end of the block."""
    model = model or script(work.parent / "model.yaml", *replies)
    chosen = Settings(model=model, autonomy=level, **settings)
    job = Job("run", prompt, chosen, work, resume=resume, worktree=worktree)
    app = Wisp(job)
    async with app.run_test(size=size) as pilot:
        at = Live(app, pilot)
        await at.until(lambda: app.work.desk is not None)
        yield at
        app.work.leave()
        await at.until(lambda: app.work.desk is None)

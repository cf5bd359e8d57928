"""A session played back: on a screen of its own, or in lines. It needs nothing but the log."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from textual.app import App

from agent import config, secret_values
from agent.errors import UsageError
from agent.lines import say
from agent.log import read
from agent.redaction import Redaction
from tui import looks
from tui.driver import Driver
from tui.playback.clock import AT_ONCE, SPEEDS
from tui.playback.lines import tell
from tui.playback.recording import IDLE_S, Recording
from tui.screens.playback import Playback
from tui.theme import THEMES

BYTES = 256 << 20  # of a log; no session has nearly as many


def play(
    log: Path, speed: str | None, idle: float | None, theme: str | None, plain: bool
) -> tuple[int, str]:
    """Play a log; return the exit code, and where to go on live, as `--from` takes it, or nothing.

    Without a terminal, or in `plain` lines, nothing is waited for unless a speed is named.
    Raises UsageError.
    """
    wanted = _speed(speed)
    recording = recorded(log, IDLE_S if idle is None else idle)
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        if recording.damage:
            say(f"note: {recording.damage}")
        tell(recording, sys.stdout, AT_ONCE if wanted is None else wanted)
        return 0, ""
    app = Player(recording, 1.0 if wanted is None else wanted, _theme(theme))
    left = app.run() or ""
    if app._exception is not None:  # a bug of ours: told as any other, without secrets
        raise app._exception
    return app.return_code or 0, left


def recorded(log: Path, idle: float = IDLE_S) -> Recording:
    """Read a log as something that can be played. Raises UsageError."""
    if not (math.isfinite(idle) and idle >= 0):
        raise UsageError("--idle is a number of seconds, and 0 cuts no pause", "--idle 2")
    if log.stat().st_size > BYTES:
        raise UsageError(f"{log} is too long to be played: over {BYTES >> 20} MB")
    view = read(log)
    if not view.events:
        raise UsageError(f"there is no event in {log}", "agent sessions list --all")
    return Recording.of(view, Redaction(secret_values.outside()), idle)


class Player(App[str]):
    """Shows one recording; its result is where to go on live, or nothing."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "wisp.tcss"

    def __init__(
        self,
        recording: Recording,
        speed: float = 1.0,
        theme: str = "wisp-dark",
        now: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(driver_class=Driver)
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        more = {} if now is None else {"now": now}
        self.playback = Playback(recording, self.leave, speed=speed, **more)

    def get_default_screen(self) -> Playback:
        """Return the one screen."""
        return self.playback

    def on_mount(self) -> None:
        """End with the terminal, and when it is told to."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self.leave, "", 128 + each)
        loop.add_signal_handler(signal.SIGINT, self.leave, "", 128 + signal.SIGINT)

    def leave(self, at: str, code: int = 0) -> None:
        """End, and go on live from there if that is said."""
        self.exit(at, return_code=code)

    def _fatal_error(self) -> None:
        """End after a bug of ours; Textual would print the values of all variables."""
        self._close_messages_no_wait()


def _speed(word: str | None) -> float | None:
    """Return how fast it is to be played; None where nobody said. Raises UsageError."""
    if word is None:
        return None
    if word == "max":
        return AT_ONCE
    try:
        speed = float(word.removesuffix("x"))
    except ValueError:
        speed = math.nan
    if not SPEEDS[0] <= speed <= SPEEDS[-2]:  # also where it is no number
        raise UsageError(
            f"no such speed: {word}", f"--speed {SPEEDS[0]:g} to {SPEEDS[-2]:g}, or max"
        )
    return speed


def _theme(name: str | None) -> str:
    return looks.theme(config.load({"theme": name}, None).settings.theme)

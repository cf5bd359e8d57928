"""Where a playback stands: a position that goes on with a clock, as fast as was chosen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

AT_ONCE = math.inf
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, AT_ONCE)


@dataclass
class Clock:
    """Counts the seconds of a recording from 0 to its `length`; it stands still at the end.

    `now` tells seconds that only go on.
    """

    length: float
    speed: float = 1.0
    now: Callable[[], float] = time.monotonic
    _at: float = 0.0
    _since: float | None = None  # when it was at `_at`, while it plays

    @property
    def at(self) -> float:
        """The position, in seconds of the recording."""
        if self._since is None:
            return self._at
        if self.speed == AT_ONCE:
            return self.length
        return min(self.length, self._at + (self.now() - self._since) * self.speed)

    @property
    def ended(self) -> bool:
        """Whether it has come to the end."""
        return self.at >= self.length

    @property
    def playing(self) -> bool:
        """Whether the position moves by itself."""
        return self._since is not None and not self.ended

    def play(self) -> None:
        """Go on; from the beginning where it had come to the end."""
        self._at, self._since = (0.0 if self.ended else self.at), self.now()

    def pause(self) -> None:
        """Stand still."""
        self._at, self._since = self.at, None

    def seek(self, at: float) -> None:
        """Go to a position, and go on from there or stand there as before; at the end it stood."""
        moving = self.playing
        self._at = min(max(0.0, at), self.length)
        self._since = self.now() if moving else None

    def change(self, by: int) -> None:
        """Go faster (1) or slower (-1) from here on, to the next of SPEEDS."""
        others = [each for each in SPEEDS if (each > self.speed if by > 0 else each < self.speed)]
        if not others:
            return
        self._at = self.at
        self._since = None if self._since is None else self.now()
        self.speed = others[0] if by > 0 else others[-1]

    def wait(self, due: float) -> float:
        """Return in how many seconds a position is reached, while it plays."""
        return 0.0 if self.speed == AT_ONCE else max(0.0, due - self.at) / self.speed

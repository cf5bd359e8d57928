"""How many lanes to write at once: the width that was seen to write the most tokens a second.

What a step costs by its width is a matter of the hardware: a GPU or a processor with matrix
instructions reads eight tokens in little more time than one, another one pays for each. So each
step is timed. The first batch is as wide as may be; as its lanes end it gets narrower, which times
the other widths for nothing.
"""

from __future__ import annotations

ENOUGH = 4  # steps of one width before its time counts
NEWEST = 0.2  # what the newest step counts for in the mean
PAYS = 1.1  # how many times the tokens a second another width must write to be chosen


class Pace:
    """The mean seconds of a step by its width, in tokens."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._steps: dict[int, int] = {}

    def took(self, width: int, seconds: float) -> None:
        """Take in a step."""
        mean = self._seconds.get(width, seconds)
        self._seconds[width] = mean + NEWEST * (seconds - mean)
        self._steps[width] = self._steps.get(width, 0) + 1

    def forget(self) -> None:
        """Begin anew: the number of threads is another one."""
        self._seconds.clear()
        self._steps.clear()

    def best(self, most: int) -> int:
        """Return the width to write with, of at most so many lanes."""
        if self._steps.get(most, 0) < ENOUGH:
            return most
        known = [
            (width / self._seconds[width], width)
            for width, steps in self._steps.items()
            if steps >= ENOUGH and width <= most
        ]
        rate, width = max(known)
        return width if rate > PAYS * most / self._seconds[most] else most

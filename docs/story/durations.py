"""Durations as people write them: `1h 30m`."""

from __future__ import annotations

import re

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+)\s*([dhms])")


def parse(text: str) -> int:
    """Return the seconds of a duration such as `1h 30m`; raises ValueError."""
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"not a duration: {text!r}")
    total = 0
    for number, unit in parts:
        total = int(number) * SECONDS[unit]
    return total


def words(seconds: int) -> str:
    """Return a duration as people write it; nothing of it is lost."""
    parts = []
    for unit, size in SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"

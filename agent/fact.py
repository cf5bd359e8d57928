"""What every event has: its place in the stream, its time, and the attempt that it belongs to."""

from __future__ import annotations

from tools.base import Frozen


class Base(Frozen):
    """What every event has; `time` is seconds since the epoch, `seq` counts from 1."""

    seq: int = 0
    time: float = 0.0
    attempt: int | None = None

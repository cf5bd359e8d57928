"""Doing something once, a little later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump


def later(pump: MessagePump, seconds: float, act: Callable[[], object]) -> asyncio.TimerHandle:
    """Do something once, for a widget or the app; what is returned can be cancelled.

    Textual's own timer skips ticks that come too late, and with them the only tick of a timer that
    has one: on a machine that was busy at the wrong moment it would never be done.
    """
    return asyncio.get_running_loop().call_later(max(0.0, seconds), pump.call_next, act)

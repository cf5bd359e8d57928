"""The ledger of what left this machine, by host: a reader of events.

It counts what models were sent. What a command sent that was allowed the network nobody can count
from outside, so such commands are named beside the sum.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.events import (
    Base,
    BytesLeft,
    CallDecided,
    CheckFinished,
    ToolRequested,
    ToolStarted,
)
from tools.base import Effect


class Ledger:
    """Sums what left, from the events of a session."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.online = 0  # calls and checks with the network that were run
        self._asked: set[str] = set()

    def read(self, event: Base) -> None:
        """Take in one event."""
        match event:
            case BytesLeft(to=to, count=count):
                self.left[to] = self.left.get(to, 0) + count
            case CallDecided(call_id=call_id, effects=effects) if Effect.NETWORK in effects:
                self._asked.add(call_id)
            case ToolRequested(call=call, by="harness"):
                self._asked.discard(call.id)
            case ToolStarted(call_id=call_id) if call_id in self._asked:
                self.online += 1
            case CheckFinished(online=True):
                self.online += 1
            case _:
                pass


def told(left: Mapping[str, int], online: int = 0) -> str:
    """Return the ledger in words."""
    count = sum(left.values())
    if count:
        words = f"{count:,} byte{'' if count == 1 else 's'} left this machine, to {_and(left)}"
    else:
        words = "nothing left this machine"
    if online:
        calls = "one call that" if online == 1 else f"{online} calls that"
        words += f", not counting {calls} used the network"
    return words


def _and(hosts: Mapping[str, int]) -> str:
    names = sorted(hosts, key=lambda host: (-hosts[host], host))
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)

"""The shared hosts of local models that run for this user, and how one is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.models import _peer
from agent.models._berth import Berth, folder_in
from sandbox.bounds import resident

LEAVE_S = 5.0  # seconds a host has to leave by itself
_PAUSE_S = 0.05
# how a host is ended, the first way first: by what signal, and within how many seconds
_WAYS: tuple[tuple[Literal["left", "killed"], signal.Signals, float], ...] = (
    ("left", signal.SIGTERM, LEAVE_S),
    ("killed", signal.SIGKILL, 2.0),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A host that runs; `idle_s` is None while it loads or answers, `memory` is in bytes."""

    berth: Berth
    pid: int
    model: str
    path: Path
    window: int
    version: str
    memory: int
    idle_s: float | None
    clients: int

    def is_called(self, name: str) -> bool:
        """Whether a person means this one: by its model's name or file, or by its process."""
        return name in (self.model, str(self.path), self.path.name, self.path.stem, str(self.pid))


def running(state: Path) -> list[Running]:
    """Return the hosts below a state folder; what dead ones left there is removed."""
    folder = folder_in(state) if state.is_dir() else None
    found = []
    for card in sorted(folder.glob("*.card") if folder else ()):
        berth = Berth(card.parent, card.stem)
        if not berth.taken():
            berth.clear()
            continue
        told = berth.told()
        with contextlib.suppress(KeyError):  # it has only just come, or is of a later version
            found.append(
                Running(
                    berth=berth,
                    pid=told["pid"],
                    model=told["model"],
                    path=Path(told["path"]),
                    window=told["window"],
                    version=told["wisp"],
                    memory=resident(told["pid"]),
                    idle_s=None if told["busy"] else time.monotonic() - told["idle_since"],
                    clients=told["clients"],
                )
            )
    return found


def stop(host: Running) -> Literal["left", "killed", "stays"]:
    """End a host, and return how: it calls off what it does and leaves, or it is killed.

    One that cannot be reached stays, unless it was about to leave.
    """
    pid = _process(host)
    for how, number, within in _WAYS if pid else _WAYS[:1]:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if _gone(host, within):
            host.berth.clear()
            return how
    return "stays"


def _process(host: Running) -> int:
    """Return the number of the process that listens, 0 where none does.

    As the kernel has it: what stands on a card may be a number in another container.
    """
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.setblocking(False)  # one that hangs may have too many who wait
        connection.connect(str(host.berth.socket))
        return _peer.pid_of(connection) if _peer.is_of(connection) else 0
    return 0


def _gone(host: Running, within: float) -> bool:
    """Wait until its place is free, or another's."""
    deadline = time.monotonic() + within
    while host.berth.taken() and host.berth.told().get("pid", host.pid) == host.pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True

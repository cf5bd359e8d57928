"""What a host is asked, by however many clients: first come, first served.

Threads that read from clients put requests in, the one that has the model takes them out. A request
belongs to the client that sent it: its number, its cancel, and its end when that client is gone.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from agent.models._frames import Frame


class Stop(Protocol):
    """What the model looks at while it computes."""

    def set(self) -> None:
        """Have it stop. Callable from any thread."""
        ...

    def clear(self) -> None:
        """Have it go on with the next request."""
        ...


class Client(Protocol):
    """Whoever asks."""

    def send(self, frame: Frame) -> None:
        """Write one frame; a client that is gone is no error. Callable from any thread."""
        ...


class Requests:
    """The requests that wait, and the one that is being answered."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Client, Frame]] = deque()
        self._change = threading.Condition()
        self._stop: Stop | None = None
        self._current: tuple[Client, int] | None = None
        self._over = False

    def put(self, client: Client, frame: Frame) -> None:
        """Take in what a client sent: a request, or the cancel of one.

        A request that another client's keeps waiting is answered with `waits` at once, a waiting
        one that is cancelled with `cancelled`.
        """
        if "cancel" in frame:
            self._cancel(client, frame["cancel"])
            return
        with self._change:
            before = {each for each, _ in (self._current or (client, 0), *self._waiting)}
        if before - {client}:
            client.send({"id": frame["id"], "waits": True})
        with self._change:
            self._waiting.append((client, frame))
            self._change.notify()

    def _cancel(self, client: Client, number: int) -> None:
        with self._change:
            if self._stop is not None and self._current == (client, number):
                self._stop.set()
            waited = self._drop(lambda other, frame: other is client and frame["id"] == number)
        if waited:
            client.send({"id": number, "cancelled": True})

    def leave(self, client: Client) -> None:
        """Drop what a client asked that is gone, and call off what is being answered to it."""
        with self._change:
            self._drop(lambda other, _: other is client)
            if self._stop is not None and self._current and self._current[0] is client:
                self._stop.set()

    def end(self) -> None:
        """Have the model's thread leave, and call off what it does."""
        with self._change:
            self._over = True
            if self._stop is None:
                os._exit(0)  # it still loads: nothing calls that off, and there is nothing to keep
            self._stop.set()
            self._change.notify()

    def take(self, stop: Stop, idle: float | None = None) -> tuple[Client, Frame] | None:
        """Wait for the next one, whose cancel reaches the model by `stop`.

        None once there is nothing more to wait for, also when nothing came for `idle` seconds; from
        then on nothing is taken in.
        """
        with self._change:
            self._stop, self._current = stop, None
            self._change.wait_for(lambda: self._over or self._waiting, idle)
            stop.clear()
            if self._over or not self._waiting:
                self._over = True
                return None
            client, frame = self._waiting.popleft()
            self._current = client, frame["id"]
            return client, frame

    def _drop(self, which: Callable[[Client, Frame], bool]) -> int:
        kept = [each for each in self._waiting if not which(*each)]
        dropped = len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        return dropped

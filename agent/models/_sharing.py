"""The host's side of sharing: sessions that connect, ask and leave, and what the card says of them.

A session first says which host it means, which has to be this one to the letter. It is told
`{"loading": pid}`, then how loading went, and from then on may ask as over a pipe. `{"left": why}`
is the last word of a host that goes by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.models import _peer
from agent.models._frames import HEAD, Frame, length, packed
from agent.models._requests import Client, Requests, Stop

if TYPE_CHECKING:
    from agent.models._berth import Card

SEND_S = 5.0  # seconds in which a session has to read what it asked for
TOLD_S = 5.0  # seconds that a host which cannot load waits for somebody to tell that
HELLO_BYTES = 1 << 16  # of a first frame, which may come from anybody of this user


class Visitor:
    """A session that is connected."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._gone = False

    def send(self, frame: Frame, within: float = SEND_S) -> None:
        """Write one frame; a session that does not read it within so many seconds is dropped."""
        with self._lock:
            if self._gone:
                return
            try:
                self._write(memoryview(packed(frame)), time.monotonic() + within)
            except OSError:
                self._gone = True
                with contextlib.suppress(OSError):  # so that whoever reads from it sees the end
                    self._connection.shutdown(socket.SHUT_RDWR)

    def _write(self, data: memoryview, deadline: float) -> None:
        while data:
            try:
                data = data[self._connection.send(data, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                room = select.poll()
                room.register(self._connection, select.POLLOUT)
                if not room.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise TimeoutError from None

    def close(self) -> None:
        """Let go of the connection, which nobody may write to then: its number may be another's."""
        with self._lock:
            self._gone = True
            self._connection.close()

    def receive(self, most: int | None = None) -> Frame:
        """Wait for the next frame; raises EOFError at the end, ValueError for what is no frame."""
        size = length(self._exactly(HEAD))
        if most is not None and size > most:
            raise ValueError(f"a frame of {size} bytes")
        frame: Frame = json.loads(self._exactly(size))
        return frame

    def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            more = self._connection.recv(min(size - len(data), 1 << 20))
            if not more:
                raise EOFError
            data += more
        return data


class Sharing:
    """The sessions of one host. `requests` are theirs; threads of ours put them in."""

    def __init__(
        self, listener: socket.socket, card: Card, identity: Frame, model: str, idle: float
    ) -> None:
        self.requests = Requests()
        self._listener = listener
        self._card = card
        self._identity = identity
        self._idle = idle
        self._lock = threading.Condition()
        self._visitors: set[Visitor] = set()
        self._opening: Frame | None = None
        self._facts: dict[str, Any] = {"model": model, "pid": os.getpid()}
        self._why = "it was idle"
        self._tell(busy=True, idle_since=0.0)

    def start(self) -> None:
        """Let sessions in, and leave when asked to by SIGTERM, which no other thread may take."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for work in (self._admit, self._await_end):
            threading.Thread(target=work, daemon=True).start()

    def opened(self, frame: Frame) -> None:
        """Tell everybody how loading went."""
        with self._lock:
            self._opening = frame
            visitors = [*self._visitors]
        for visitor in visitors:
            visitor.send(frame)

    def failed(self, frame: Frame) -> None:
        """Tell everybody that loading failed, and wait until somebody knows."""
        with self._lock:
            self._lock.wait_for(lambda: self._visitors, TOLD_S)
        self._leave_the_place()
        self.opened(frame)

    def take(self, stop: Stop) -> tuple[Client, Frame] | None:
        """Wait for the next request, as `Requests.take` does, and say meanwhile that we do."""
        self._tell(busy=False, idle_since=time.monotonic())
        taken = self.requests.take(stop, self._idle)
        if taken is None:
            self._leave_the_place()
            with self._lock:
                visitors = [*self._visitors]
            for visitor in visitors:
                visitor.send({"left": self._why}, within=0.0)
        self._tell(busy=True)
        return taken

    def _leave_the_place(self) -> None:
        # the card stays locked: until the end nobody else begins here
        self._card.berth.socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def _await_end(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self._why = "it was stopped"
        self.requests.end()

    def _admit(self) -> None:
        with contextlib.suppress(OSError):  # how the end of the listener shows
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        """Read from a session until it leaves."""
        visitor = Visitor(connection)
        # what it sent last may be torn, and what comes from elsewhere may be anything
        with contextlib.closing(visitor), contextlib.suppress(OSError, EOFError, ValueError):
            if not _peer.is_of(connection):
                return
            if visitor.receive(HELLO_BYTES) != {"hello": self._identity}:
                visitor.send({"refused": "this is a host of another version"})
                return
            self._greet(visitor)
            try:
                while True:
                    self.requests.put(visitor, visitor.receive())
            finally:
                self.requests.leave(visitor)
                self._tell(lambda: self._visitors.discard(visitor))

    def _greet(self, visitor: Visitor) -> None:
        visitor.send({"loading": os.getpid()})
        with self._lock:
            self._visitors.add(visitor)
            opening = self._opening
            self._lock.notify()
        self._tell()
        if opening is not None:
            visitor.send(opening)

    def _tell(self, change: Callable[[], None] = lambda: None, **facts: Any) -> None:
        """Write the card anew."""
        with self._lock:
            change()
            self._facts |= facts
            about = {name: self._identity[name] for name in ("path", "window", "wisp")}
            self._card.write({**about, **self._facts, "clients": len(self._visitors)})

"""A session's side of a shared host: find it, or start it, and speak to it over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from agent.models import _peer
from agent.models._berth import LISTENS, TAKEN, Berth, berth_of, identity_of
from agent.models._frames import HEAD, Frame, length, packed
from agent.models._link import HostEnded, environment
from sandbox.base import SandboxError
from sandbox.process import start_child, to_the_end

HELLO_S = 10.0  # seconds a host has to say anything; it does so while it loads, too
START_S = 30.0  # seconds for one to come up, or for another to leave its place
GONE_S = 2.0  # seconds in which the place of a host is free whose connection broke
PAUSE_S = 0.05  # between two looks at a place that another is about to leave, or to listen at

_READ = 1 << 18  # bytes at once
# what every program may see says nothing of how a model is run
_COMMON = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"})
_FATAL = re.compile(r"^Fatal Python error: (.+?)$", re.MULTILINE)
# how `faulthandler` calls them
_SIGNALS: Mapping[str, signal.Signals] = {
    "Illegal instruction": signal.SIGILL,
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Floating-point exception": signal.SIGFPE,
    "Floating point exception": signal.SIGFPE,
}


class _Unshared(Exception):
    """There is no speaking to what has the place."""


class SharedLink:
    """A connection to a shared host, from when it has said that it loads, or has loaded."""

    def __init__(self, connection: socket.socket, berth: Berth) -> None:
        self._connection = connection
        self._berth = berth
        self._pid = 0
        self._unread = bytearray()
        self._torn = False

    async def greet(self, identity: Frame) -> bool:
        """Say which host is meant; False when it has just left. Raises _Unshared."""
        try:
            async with asyncio.timeout(HELLO_S):
                await self.send({"hello": identity})
                answer = await self.receive()
        except HostEnded:
            return False
        except TimeoutError:
            raise _Unshared from None
        if "refused" in answer:
            raise _Unshared
        self._pid = answer["loading"]
        return True

    async def send(self, frame: Frame) -> None:
        """Write one frame; raises HostEnded."""
        if self._torn:
            raise await self._ended()
        self._torn = True  # until all of it is sent: a cancellation may come in between
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, packed(frame))
        except OSError:
            while True:  # its last word may still be there
                await self.receive()
        self._torn = False

    async def receive(self) -> Frame:
        """Return the next frame; raises HostEnded."""
        # no frame leaves before all of it is there, so that a cancellation tears none
        await self._fill(HEAD)
        size = HEAD + length(self._unread[:HEAD])
        await self._fill(size)
        frame: Frame = json.loads(self._unread[HEAD:size])
        del self._unread[:size]
        if "left" in frame:
            raise HostEnded(frame["left"], None, left=True)
        return frame

    async def _fill(self, size: int) -> None:
        loop, reset = asyncio.get_running_loop(), False
        while len(self._unread) < size:
            try:
                data = await loop.sock_recv(self._connection, _READ)
            except ConnectionResetError:
                data = b""
                if not reset:  # for what it did not read of ours; what it wrote comes after that
                    reset = True
                    continue
            if not data:
                raise await self._ended()
            self._unread += data

    async def _ended(self) -> HostEnded:
        """Say why the connection broke: nobody is told the status of a process that is no child."""
        if not self._pid:
            return HostEnded("it went away", None, left=True)
        for _ in range(round(GONE_S / PAUSE_S)):
            if not self._berth.taken() or self._berth.told().get("pid") != self._pid:
                return _how(self._berth.log, self._pid)
            await asyncio.sleep(PAUSE_S)
        return HostEnded("it dropped this session, which did not read for a while", None)

    async def close(self) -> None:
        """Hang up; what was asked is called off by that."""
        self._connection.close()


async def opened(
    state: Path, settings: Frame, *, model: str, idle: float
) -> tuple[SharedLink, Frame] | None:
    """Return a connection to the host of these settings, with its word on how loading went.

    It is started where there is none. `state` is where Wisp keeps its state, `model` what people
    call the model, `idle` for how many seconds the host stays without being asked. None where no
    host can be shared. Raises HostEnded where it dies while it loads.
    """
    if not _peer.known():
        return None
    seen = environment(os.environ)
    try:
        own = {name: value for name, value in seen.items() if name not in _COMMON}
        identity = identity_of(settings, own)
    except OSError:
        return None
    berth = berth_of(state, identity)
    if berth is None:
        return None
    start: Frame = {
        "folder": str(berth.folder),
        "name": berth.name,
        "identity": identity,
        "model": model,
        "idle": idle,
    }
    async with contextlib.aclosing(_reached(berth, start, seen)) as links:
        with contextlib.suppress(_Unshared):
            async for link in links:
                if answer := await _answer(link, identity):
                    return link, answer
    return None


async def _answer(link: SharedLink, identity: Frame) -> Frame | None:
    """Return a host's word on how loading went; None, and the link closed, when it has left."""
    try:
        if await link.greet(identity):
            return await link.receive()
    except HostEnded as end:
        await link.close()
        if not end.left:
            raise
    except BaseException:
        await link.close()
        raise
    await link.close()
    return None


async def _reached(
    berth: Berth, start: Mapping[str, Any], seen: Mapping[str, str]
) -> AsyncGenerator[SharedLink, None]:
    """Yield connections to a host until the caller is content, or that takes too long.

    Raises _Unshared where none can be started.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_S
    while loop.time() < deadline:
        connection = await _connected(berth)
        if connection is not None:
            yield SharedLink(connection, berth)
        elif not berth.taken():
            status = await _started(berth, start, seen)
            if status == LISTENS:
                continue
            if status != TAKEN:
                raise _Unshared
        await asyncio.sleep(PAUSE_S)


async def _connected(berth: Berth) -> socket.socket | None:
    """Return a connection, None where nobody listens; raises _Unshared for a stranger."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, str(berth.socket))
        if not _peer.is_of(connection):
            raise _Unshared
    except OSError:
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


async def _started(berth: Berth, start: Mapping[str, Any], seen: Mapping[str, str]) -> int | None:
    """Start a host, and return with what status its first process ended, None for a signal."""
    program = Path(__file__).with_name("_shared_host.py")
    argv = (sys.executable, "-I", str(program))
    try:
        child = start_child(argv, cwd=Path("/"), env=seen, log=berth.log)
    except OSError:
        return None

    async def begin() -> int | None:
        with contextlib.suppress(BrokenPipeError):
            await child.send(json.dumps(start).encode())
        child.close_input()
        try:
            async with asyncio.timeout(START_S):
                return (await child.wait()).exit_code
        except TimeoutError:
            await child.stop()
            return None
        finally:
            child.close()

    # a cancellation waits for it: to end the first process now would end the host for others too
    with contextlib.suppress(SandboxError):
        return await to_the_end(begin())
    return None


def _how(log: Path, pid: int) -> HostEnded:
    """Return how a host ended, by what it wrote: faulthandler's word, a traceback, or nothing."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    own = f"\n{text}".rpartition(f"\nhost {pid}\n")[2]
    own = f"\n{own}".partition("\nhost ")[0]
    fatal = _FATAL.search(own)
    said = own[: fatal.start()] if fatal else own
    words = next((line.strip() for line in reversed(said.split("\n")) if line.strip()), "")
    # whatever is not by force leaves a word
    number = _SIGNALS.get(fatal[1]) if fatal else signal.SIGKILL
    if "Traceback (most recent call last)" in own:
        number = None
    how = "status 1" if number is None else f"killed by {number.name}"
    return HostEnded(f"{how}: {words}" if words else how, number)

"""The way out of one command in a network of its own: loopback, hosts, or none.

Inside, `_listen.py` opens the doors and hands them to us; here they are attended. Whatever comes
through one is decided here, so it does not matter what the command does to its side. When the
command is gone, or we are, so are the doors.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.base import Command, CommandResult, Process
from sandbox.reach import LEAST_PORT, OFF, Reach

if TYPE_CHECKING:  # most commands have no network: what it needs is loaded with the first that has
    from sandbox.dialing import Resolve

_MOST_PORTS = 100  # of loopback, when all are to be reached
_MOST_DOORS = 2 * _MOST_PORTS + 2
_MOST_TALKS = 200  # connections at once; each takes two of our descriptors
_BUFFER = 256 << 10
_SETTLE_S = 1.0
_LISTENS = "0A"
_LOCAL = ("00000000", "0100007F", "0" * 32, "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")


class Gateway:
    """Attends to the doors of one command; for one without any it does nothing.

    Made in a running loop, and closed by whoever made it.
    """

    def __init__(self, command: Command, lookup: Resolve | None = None) -> None:
        self._reach = OFF if command.network else command.reach
        self._talks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._ports: list[int] = []
        self._doors = 0
        self._ours: socket.socket | None = None
        self._theirs: socket.socket | None = None
        if self._reach:
            from sandbox.dialing import resolve
            from sandbox.proxy import Proxy

            self._proxy = Proxy(self._reach, lookup or resolve)
            self._loop = asyncio.get_running_loop()
            self._ports = sorted(_ports(self._reach))
            self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._ours.setblocking(False)
            self._loop.add_reader(self._ours, self._take)

    def wrap(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command line that opens the doors first."""
        if self._theirs is None:
            return argv
        ports = ",".join(map(str, self._ports))
        own = (sys.executable, "-I", "-S", "-c", _source(), str(self._theirs.fileno()))
        return (*own, "1" if self._reach.hosts else "0", ports, *argv)

    def hand_over(self) -> tuple[int, ...]:
        """Return the descriptors that the command needs; they are the caller's from then on."""
        given, self._theirs = self._theirs, None
        return () if given is None else (given.detach(),)

    async def ended(self, result: CommandResult) -> CommandResult:
        """Return the result of the command with what was refused, and what was reached."""
        if not self._reach:
            return result
        if self._talks:  # what it sent last may still be on its way
            await asyncio.wait(self._talks, timeout=_SETTLE_S)
        notes = tuple(f"network: {note}" for note in self._proxy.notes)
        return replace(result, notes=(*result.notes, *notes), reached=tuple(self._proxy.reached))

    def close(self) -> None:
        """Shut every door and end every talk."""
        self._stop_taking()
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None
        for server in self._servers:
            server.close()
        for talk in self._talks:
            talk.cancel()

    # -- within

    def _take(self) -> None:
        """Take the next door that is handed out."""
        assert self._ours is not None
        try:
            word, rows, _, _ = self._ours.recvmsg(64, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            word, rows = b"", []
        descriptors = array.array("i")
        for level, kind, data in rows:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        self._doors += 1
        if not word or self._doors > _MOST_DOORS:  # all are there
            for descriptor in descriptors:
                os.close(descriptor)
            self._stop_taking()
            return
        for descriptor in descriptors:
            try:
                door = socket.socket(fileno=descriptor)
            except OSError:
                os.close(descriptor)
            else:
                self._attend(door, word == b"proxy")

    def _attend(self, door: socket.socket, is_proxy: bool) -> None:
        """Serve what comes through a door, if it is one that was ordered."""
        inet = door.family in (socket.AF_INET, socket.AF_INET6)
        if not inet or not door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            door.close()
            return
        port = door.getsockname()[1]
        if not (self._reach.hosts if is_proxy else port in self._ports):
            door.close()
            return

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            if len(self._talks) >= _MOST_TALKS:
                self._proxy.note(f"more than {_MOST_TALKS} connections at once were cut off")
                writer.transport.abort()
                return
            self._talks.add(task)
            try:
                if is_proxy:
                    await self._proxy.serve(reader, writer)
                else:
                    await self._loopback(port, reader, writer)
            except (OSError, asyncio.CancelledError):
                pass  # one side went away, or the command ended: nobody is left to tell
            finally:
                self._talks.discard(task)
                with contextlib.suppress(OSError):
                    writer.close()

        async def start() -> None:
            try:
                self._servers.append(await asyncio.start_server(serve, sock=door, limit=_BUFFER))
            except (OSError, asyncio.CancelledError):
                door.close()

        task = asyncio.ensure_future(start())
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _loopback(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        from sandbox.proxy import splice

        for address in ("127.0.0.1", "::1"):
            try:
                there, out = await asyncio.open_connection(address, port, limit=_BUFFER)
            except OSError:
                continue
            try:
                return await splice(reader, writer, there, out)
            finally:
                out.transport.abort()
        self._proxy.note(f"nothing listens on port {port} of this machine")
        writer.transport.abort()

    def _stop_taking(self) -> None:
        if self._ours is not None:
            self._loop.remove_reader(self._ours)
            self._ours.close()
            self._ours = None


class Attended:
    """A running command and its gateway, which closes with it."""

    def __init__(self, process: Process, gateway: Gateway) -> None:
        self._process = process
        self._gateway = gateway
        self.pid = process.pid

    async def read(self, limit: int = 65536) -> bytes:
        """Return the next output, as the seam says."""
        return await self._process.read(limit)

    async def send(self, data: bytes) -> None:
        """Write to its standard input, as the seam says."""
        await self._process.send(data)

    async def wait(self) -> CommandResult:
        """Wait for its end, as the seam says."""
        try:
            return await self._gateway.ended(await self._process.wait())
        finally:
            self._gateway.close()

    async def stop(self) -> CommandResult:
        """End it, as the seam says."""
        try:
            return await self._gateway.ended(await self._process.stop())
        finally:
            self._gateway.close()


@contextlib.contextmanager
def gateway(command: Command, lookup: Resolve | None) -> Iterator[Gateway]:
    """Open a command's gateway, and close it in the end."""
    opened = Gateway(command, lookup)
    try:
        yield opened
    finally:
        opened.close()


def _ports(reach: Reach) -> set[int]:
    """Return the ports of loopback that are to be reached."""
    ports = {*reach.loopback}
    if 0 in ports:
        ports.discard(0)
        ports |= {*sorted(_listening())[:_MOST_PORTS]}
    return ports


def _listening() -> Iterator[int]:
    """Yield the ports that something on this machine listens on, for itself or for everybody."""
    for name in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:  # without IPv6
            continue
        for row in rows:
            _, local, _, state, *_ = row.split()
            address, _, port = local.partition(":")
            if state == _LISTENS and address in _LOCAL and int(port, 16) >= LEAST_PORT:
                yield int(port, 16)


@cache
def _source() -> str:
    # by its text: the folder of this package may be hidden inside
    return Path(__file__).with_name("_listen.py").read_text(encoding="utf-8")

"""Servers on loopback that stand for the world, and names that lead to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Site:
    """A web server that keeps what it was asked, byte for byte, and answers with its name."""

    name: str
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0
    another: asyncio.Event = field(default_factory=asyncio.Event)

    async def connected(self, count: int) -> None:
        """Wait until so many have come."""
        while self.connections < count:
            self.another.clear()
            await self.another.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.another.set()
        self.asked.append(b"")
        at = len(self.asked) - 1
        try:
            while b"\r\n\r\n" not in self.asked[at]:
                if not (data := await reader.read(65536)):
                    return
                self.asked[at] += data
            body = self.name.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            while data := await reader.read(65536):  # whatever else somebody sends
                self.asked[at] += data
        finally:
            writer.close()


@asynccontextmanager
async def site(name: str, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Site]:
    found = Site(name)
    server = await asyncio.start_server(found.serve, address, port)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@dataclass
class Names:
    """A resolver: where each name leads; what was looked up is kept."""

    leads: Mapping[str, Sequence[str]]
    looked_up: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        if host not in self.leads:
            raise OSError("no such name")
        return self.leads[host]

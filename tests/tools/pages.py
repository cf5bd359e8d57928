"""A server of pages on loopback, and the names that lead to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.sandbox.servers import Names
from tests.tools.bench import Bench
from tests.tools.running import use
from tools.base import ToolResult
from tools.fetch import Fetch
from tools.network import NetworkRules

HTML = "text/html; charset=utf-8"
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Web:
    """A server of pages by their path; what it was asked is kept."""

    bench: Bench
    port: int
    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    host: str = "ok.test"
    scheme: str = "http"
    leads: dict[str, list[str]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, path: str, body: str | bytes, kind: str = HTML, **more: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        headers = {"Content-Type": kind, **more} if kind else more
        self.pages[path] = (200, headers, data)

    def url(self, path: str = "/", host: str = "") -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    @property
    def tool(self) -> Fetch:
        return Fetch(Names(self.leads))

    async def get(self, path: str = "/", **more: int) -> ToolResult:
        return await use(self.tool, self.bench, url=self.url(path), **more)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            self.came.set()
            path = head.split(" ")[1]
            if path == "/hang":
                await reader.read()
            status, headers, body = self.pages.get(path, (404, {"Content-Type": HTML}, b"<p>gone"))
            rows = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            if "Transfer-Encoding" not in headers:
                rows += f"Content-Length: {len(body)}\r\n"
            writer.write(f"HTTP/1.1 {status} Said\r\n{rows}\r\n".encode() + body)
            await writer.drain()
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(bench: Bench, secure: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    web = Web(bench, 0, scheme="https" if secure else "http")
    async with await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=secure) as server:
        web.port = server.sockets[0].getsockname()[1]
        rules = NetworkRules.of({"fetch": [f"loopback:{web.port}"]})
        bench.context = replace(bench.context, network=rules)
        web.leads = {"ok.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
        yield web


def moved(target: str, status: int = 302) -> Answer:
    return status, {"Location": target}, b""

"""One small question to a web server: JSON back, bounded in size, nowhere else than asked.

No redirect is followed and no proxy of the environment is used, so that what is asked of this
machine stays on it. How long to wait is the caller's to say; leaving early closes the connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MOST = 4 << 20  # bytes of an answer; a list of every model of a large provider is a tenth of it
_HEAD = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `value` is None where that was no JSON."""

    status: int
    value: Any

    @property
    def found(self) -> dict[str, Any]:
        """The object that a good answer holds, else an empty one."""
        return self.value if self.status == 200 and isinstance(self.value, dict) else {}


async def ask(url: str, body: Mapping[str, Any] | None = None, key: str = "") -> Answer:
    """GET an address, or POST a body to it; raises OSError where nobody answers properly."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=secure or None, limit=_HEAD)
    try:
        writer.write(_request(parts.path or "/", parts.netloc.rpartition("@")[2], body, key))
        await writer.drain()
        return await _answer(reader)
    except (ValueError, EOFError, asyncio.LimitOverrunError) as error:
        raise OSError(f"no answer in HTTP: {error}") from None
    finally:
        writer.transport.abort()  # a polite end would wait for the other side


def _request(path: str, host: str, body: Mapping[str, Any] | None, key: str) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json",
        "Connection: close",
    ]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status, *_ = head[0].split(" ")
    if not version.startswith("HTTP/"):
        raise ValueError(head[0][:40])
    told = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in head)}
    if told.get("transfer-encoding", "").lower() == "chunked":
        data = await _chunks(reader)
    elif "content-length" in told:
        data = await reader.readexactly(_within(int(told["content-length"])))
    else:
        data = await _rest(reader)
    try:
        return Answer(int(status), json.loads(data))
    except (ValueError, RecursionError):
        return Answer(int(status), None)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        _within(len(data) + size)
        data += await reader.readexactly(size)
        await reader.readexactly(2)
    return data


async def _rest(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while more := await reader.read(_HEAD):
        data += more
        _within(len(data))
    return data


def _within(size: int) -> int:
    if not 0 <= size <= MOST:
        raise ValueError(f"{size} bytes")
    return size

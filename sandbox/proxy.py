"""The proxy that a command's programs talk to: it alone decides which hosts they reach.

It speaks CONNECT, and plain HTTP by absolute URI. What it is asked is taken apart strictly, since a
request that two readers understand differently is how a list of hosts is got round; and of plain
HTTP it writes the request anew. Every refusal is told twice: to the program, as an answer of 403
with a line, and in `notes`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from sandbox.dialing import Ends, Refused, Resolve, dial
from sandbox.reach import Address, Reach, host_and_port

_HEAD_S = 60.0  # for a request's head to arrive
_CHUNK = 256 << 10
_MOST_NOTES = 12
_MOST_HEADERS = 200
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# those that speak of one connection only
_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"}
)


class _Bad(Exception):
    """A request that is not taken; why, and the status that says so."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    host: str | Address
    port: int
    head: bytes = b""  # as it goes on; empty for a tunnel
    body: int = 0  # bytes that follow the head


class Proxy:
    """Serves the connections of one command."""

    def __init__(self, reach: Reach, lookup: Resolve) -> None:
        self._reach = reach
        self._lookup = lookup
        self.notes: list[str] = []  # what was refused or went wrong, each once
        self.reached: list[str] = []  # the hosts that were connected to

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection of a program, to its end."""
        try:
            async with asyncio.timeout(_HEAD_S):
                request = _read(await reader.readuntil(b"\r\n\r\n"))
            ends = await self._open(request)
        except _Bad as bad:
            self.note(str(bad))
            await _answer(writer, bad)
            return
        except (EOFError, TimeoutError, asyncio.LimitOverrunError):
            return  # no request came
        there, out = ends
        try:
            if request.head:
                await _exchange(reader, writer, there, out, request)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await splice(reader, writer, there, out)
        finally:
            out.transport.abort()

    def note(self, text: str) -> None:
        """Keep what the person and the model should read."""
        if text not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.append(text)

    async def _open(self, request: _Request) -> Ends:
        host, port = request.host, request.port
        where = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
        try:
            if why := self._reach.why_not(host, port):
                raise Refused(why)
            ends = await dial(host, port, self._reach, self._lookup)
        except Refused as refused:
            raise _Bad(f"{where}:{port} was refused: {refused}", 403) from None
        except OSError as error:
            raise _Bad(f"{where}:{port} was not reached: {error}", 502) from None
        if str(host) not in self.reached:
            self.reached.append(str(host))
        return ends


def _read(data: bytes) -> _Request:
    """Take the head of a request apart; raises _Bad for whatever is not exactly one."""
    lines = data[:-4].decode("latin-1").split("\r\n")
    if any(set(line) & set("\r\n\0") for line in lines):
        raise _Bad("a line of the request ends in an odd way")
    words = lines[0].split(" ")
    if (
        len(words) != 3
        or words[2] not in ("HTTP/1.1", "HTTP/1.0")
        or not _TOKEN.fullmatch(words[0])
    ):
        raise _Bad("this is no request in HTTP/1.1")
    method, target, _ = words
    if method == "CONNECT":
        host, port = _place(target)
        if not port:
            raise _Bad("CONNECT needs a port")
        return _Request(method, host, port)
    scheme, slashes, rest = target.partition("://")
    if scheme.lower() != "http" or not slashes:
        raise _Bad("this is a proxy: ask by http://host/path, or CONNECT")
    found = re.fullmatch(r"([^/?#]*)((?:[/?][\x21-\x7e\x80-\xff]*)?)", rest)
    if found is None:
        raise _Bad("the address of the request is odd")
    host, port = _place(found[1])
    path = found[2] if found[2].startswith("/") else f"/{found[2]}"
    authority = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
    authority += f":{port}" if port not in (0, 80) else ""
    headers, length = _headers(lines[1:], host, port or 80)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *headers, "Connection: close"]
    head = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
    return _Request(method, host, port or 80, head, length)


def _place(text: str) -> tuple[str | Address, int]:
    try:
        return host_and_port(text)
    except ValueError as error:
        raise _Bad(f"a request was refused: {error}", 403) from None


def _headers(lines: list[str], host: str | Address, port: int) -> tuple[list[str], int]:
    """Return the headers that go on, and the length of the body; raises _Bad."""
    rows: list[tuple[str, str]] = []
    for line in lines[: _MOST_HEADERS + 1]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise _Bad("a header of the request is odd")
        rows.append((name, value.strip(" \t")))
    if len(rows) > _MOST_HEADERS:
        raise _Bad("a request has too many headers", 431)
    said = {name: [v for n, v in rows if n.lower() == name] for name in ("host", "content-length")}
    if any(len(values) > 1 for values in said.values()):
        raise _Bad("a header stands twice that may stand once")
    for value in said["host"]:
        named, at = _place(value)
        if (named, at or 80) != (host, port):
            raise _Bad("Host names another host than the address")
    length = (said["content-length"] or ["0"])[0]
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise _Bad("Content-Length is no length")
    if any(name.lower() == "transfer-encoding" for name, _ in rows):
        raise _Bad("a plain request needs a Content-Length here; or use https", 411)
    named_hop = {
        each.strip().lower()
        for name, value in rows
        if name.lower() == "connection"
        for each in value.split(",")
    }
    gone = _HOP | (named_hop - {"content-length", "host"}) | {"host"}
    return [f"{name}: {value}" for name, value in rows if name.lower() not in gone], int(length)


async def _answer(writer: asyncio.StreamWriter, bad: _Bad) -> None:
    # as the reason too, since of a failed CONNECT most programs show no more
    why = f"Wisp: {bad}".encode("ascii", "backslashreplace").replace(b"\n", b" ")
    head = f"Content-Type: text/plain\r\nContent-Length: {len(why) + 1}\r\nConnection: close"
    writer.write(b"HTTP/1.1 %d %s\r\n%s\r\n\r\n%s\n" % (bad.status, why, head.encode(), why))
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.write_eof()


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    out: asyncio.StreamWriter,
    request: _Request,
) -> None:
    """Pass one request on, and its answer back; a second request needs a second connection."""

    async def send() -> None:
        out.write(request.head)
        await _pass(reader, out, request.body)
        while await reader.read(_CHUNK):
            pass  # what comes after it goes nowhere
        out.write_eof()

    sending = asyncio.ensure_future(send())
    try:
        await _pass(there, writer)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    with contextlib.suppress(OSError):
        writer.write_eof()


async def splice(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    out: asyncio.StreamWriter,
) -> None:
    """Pass bytes both ways until both sides have ended, or one is gone."""

    async def one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await _pass(source, sink)
        sink.write_eof()

    ways = [asyncio.ensure_future(one_way(*ends)) for ends in ((reader, out), (there, writer))]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pass(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: int | None = None
) -> None:
    """Pass `count` bytes on, or all there are."""
    while count is None or count > 0:
        data = await source.read(_CHUNK if count is None else min(_CHUNK, count))
        if not data:
            return
        sink.write(data)
        await sink.drain()
        if count is not None:
            count -= len(data)

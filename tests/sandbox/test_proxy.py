"""The proxy alone, over real connections: what it passes on, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from sandbox.proxy import Proxy
from sandbox.reach import Reach
from tests.sandbox.servers import Names, Site, site

LISTED = "127.0.0.2"  # where the listed names lead
OTHER = "127.0.0.3"


@dataclass
class Line:
    """A proxy that reaches `ok.test` at the port of `listed`; `other` has the same port."""

    proxy: Proxy
    names: Names
    listed: Site
    other: Site
    door: int

    async def send(self, request: bytes) -> bytes:
        """Send the bytes, and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.door)
        writer.write(request.replace(b"PORT", b"%d" % self.listed.port))
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def served(proxy: Proxy) -> AsyncIterator[int]:
    """Serve the proxy on loopback; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await proxy.serve(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with site("listed", LISTED) as listed, site("other", OTHER, listed.port) as other:
        names = Names(
            {
                "ok.test": [LISTED],
                "evil.test": [OTHER],
                "inward.test": ["127.0.0.1"],
                "both.test": ["127.0.0.1", OTHER, LISTED],
                "mapped.test": ["::ffff:127.0.0.1"],
                "none.test": [],
            }
        )
        words = ["ok.test", "inward.test", "both.test", "mapped.test", "none.test", "gone.test"]
        reach = Reach.parse([*(f"{word}:{listed.port}" for word in words), LISTED])
        proxy = Proxy(reach, names)
        async with served(proxy) as door:
            yield Line(proxy, names, listed, other, door)


async def test_a_tunnel_to_a_listed_host_passes_bytes_as_they_are(line: Line) -> None:
    said = await line.send(
        b"CONNECT OK.test:PORT HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"\r\n\r\nlisted")
    assert line.listed.asked == [b"GET / HTTP/1.1\r\n\r\n"]
    assert (line.proxy.notes, line.proxy.reached) == ([], ["ok.test"])


async def test_a_plain_request_is_written_anew(line: Line) -> None:
    said = await line.send(
        b"POST http://OK.test:PORT/a?b HTTP/1.1\r\nhost: ok.TEST:PORT\r\nConnection: x-gone\r\n"
        b"X-Gone: 1\r\nProxy-Authorization: secret\r\nX-Kept: yes\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert said.endswith(b"\r\n\r\nlisted")
    assert line.listed.asked == [
        b"POST /a?b HTTP/1.1\r\nHost: ok.test:%d\r\nX-Kept: yes\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n\r\nhi" % line.listed.port
    ]


async def test_a_second_request_on_one_connection_is_not_passed_on(line: Line) -> None:
    await line.send(
        b"GET http://ok.test:PORT/ HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: other.ok.test\r\n\r\n"
    )
    assert len(line.listed.asked) == 1
    assert b"other" not in line.listed.asked[0]


@pytest.mark.parametrize(
    "host",
    [
        b"evil.test", b"evil\0.ok.test", b"ok.test\0.evil.test", b"ok.test.", b"evil.test@ok.test",
        b"ok.test@evil.test", b"a.ok.test", b"xok.test", b"ok.test.evil.test",
        b"ok.test%00.evil.test",
        b"127.0.0.1", b"127.0.0.3", b"127.1", b"2130706433", b"0x7f000001", b"0177.0.0.1",
        b"[::1]", b"[::ffff:127.0.0.1]", b"[::ffff:7f00:1]", b"[::ffff:7f00:3]",
        b"[0:0:0:0:0:0:0:1]",
        b"[::127.0.0.1]", b"[fe80::1%25lo]", b"localhost", b"ok\xe3\x80\x82test", b"\xff.test", b"",
        b"inward.test", b"mapped.test", b"none.test", b"gone.test", b"127.0.0.2",
    ],
)  # fmt: skip
async def test_no_other_spelling_gets_round_the_list(line: Line, host: bytes) -> None:
    for request in (
        b"CONNECT %s:PORT HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n" % host,
        b"GET http://%s:PORT/ HTTP/1.1\r\n\r\n" % host,
    ):
        said = await line.send(request)
        line_, _, rest = said.partition(b"\r\n")
        assert line_.startswith(
            (b"HTTP/1.1 400 Wisp: ", b"HTTP/1.1 403 Wisp: ", b"HTTP/1.1 502 Wisp: ")
        )
        assert rest.endswith(b"\r\n\r\n" + line_.partition(b" ")[2][4:] + b"\n")
    assert (line.listed.connections, line.other.connections) == (0, 0)
    assert line.proxy.notes
    assert line.proxy.reached == []


@pytest.mark.parametrize(
    "request_",
    [
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nHost: ok.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nHost: ok.test:PORT\r\nHost: evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nHost : evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nX: y\r\n Host: evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nX: y\nHost: evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nX: y\rHost: evil.test\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nX: \0\r\n\r\n",
        b"GET http://ok.test:PORT/\thttp://evil.test/ HTTP/1.1\r\n\r\n",
        b"GET  http://ok.test:PORT/ HTTP/1.1\r\n\r\n",
        b"GET http://ok.test:PORT\\@evil.test/ HTTP/1.1\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"POST http://ok.test:PORT/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST http://ok.test:PORT/ HTTP/1.1\r\ntransfer-encoding:\tx\r\nContent-Length: 0\r\n\r\n",
        b"GET https://ok.test:PORT/ HTTP/1.1\r\n\r\n",
        b"GET ftp://ok.test:PORT/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: ok.test:PORT\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/2.0\r\n\r\n",
        b"GET http://ok.test:PORT/ HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"CONNECT ok.test HTTP/1.1\r\n\r\n",
        b"CONNECT ok.test:22 HTTP/1.1\r\n\r\n",
        b"CONNECT ok.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT http://ok.test:PORT HTTP/1.1\r\n\r\n",
        b"CONNECT ok.test:PORT/ HTTP/1.1\r\n\r\n",
        b"CONNECT ok.test:PORT HTTP/1.1 \r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ],
)
async def test_a_request_that_two_could_read_differently_is_not_taken(
    line: Line, request_: bytes
) -> None:
    said = await line.send(request_)
    assert said.startswith(
        (b"HTTP/1.1 400 Wisp: ", b"HTTP/1.1 403 ", b"HTTP/1.1 411 ", b"HTTP/1.1 431 ")
    )
    assert line.listed.connections == 0
    assert len(line.proxy.notes) == 1


async def test_a_name_is_looked_up_once_and_only_where_it_may_lead_is_tried(line: Line) -> None:
    said = await line.send(b"GET http://both.test:PORT/ HTTP/1.1\r\n\r\n")
    assert said.endswith(b"listed")
    assert line.names.looked_up == ["both.test"]
    assert line.other.connections == 0


async def test_a_refused_name_is_not_even_looked_up(line: Line) -> None:
    await line.send(b"CONNECT secret-data.evil.test:443 HTTP/1.1\r\n\r\n")
    assert line.names.looked_up == []


async def test_a_name_that_leads_inward_says_what_to_list(line: Line) -> None:
    said = await line.send(b"CONNECT inward.test:PORT HTTP/1.1\r\n\r\n")
    assert b"leads to 127.0.0.1, which is no public address; list 127.0.0.1 too" in said
    assert "list 127.0.0.1 too" in line.proxy.notes[0]


async def test_notes_are_few_however_many_requests_are_refused(line: Line) -> None:
    for number in range(30):
        await line.send(b"CONNECT a%d.test:443 HTTP/1.1\r\n\r\n" % number)
    assert len(line.proxy.notes) == 12

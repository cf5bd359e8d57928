"""One page of the web: asked for, its redirects followed on its own host, within bounds.

It goes out from this process, since only here the address that was checked can be the one that is
connected to, in every containment; what comes back is only bytes here, and is read elsewhere. No
cookie, no key, nothing of the user's is sent. The proxies of the environment are used where they
are set, since then there is often no other way out; names are looked up by them then.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from sandbox.dialing import Ends, Refused, Resolve, dial
from sandbox.reach import Address, Reach, host_and_port
from tools.upstream import Upstream, head

BYTES = 2 << 20  # of a page that are read
REDIRECTS = 5
_HEAD = 64 << 10
_LONGEST = 2000  # characters of an address
_PORTS = {"http": 80, "https": 443}
_MOVED = frozenset({301, 302, 303, 307, 308})


class NotFetched(Exception):
    """No page came; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address of a page, taken apart once."""

    scheme: str
    host: str | Address
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address. Raises NotFetched for all but plain http and https ones."""
        if not url.isprintable() or " " in url or "\\" in url or len(url) > _LONGEST:
            raise NotFetched(f"not an address of a page: {url[:80]!r}")
        try:
            parts = urlsplit(url)
            if parts.scheme not in _PORTS:
                raise NotFetched(f"only http:// and https:// can be fetched, not {url[:80]}")
            if "@" in parts.netloc:
                raise NotFetched("an address with a user or a password is not fetched")
            host, port = host_and_port(_ascii(parts.netloc))
        except ValueError as error:
            raise NotFetched(f"not an address of a page: {error}") from None
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], _path(parts))

    @property
    def authority(self) -> str:
        """The host, with the port where it is not the usual one."""
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def usual(self) -> bool:
        """Whether the port is the one of its scheme."""
        return self.port == _PORTS[self.scheme]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Page:
    """What came: from where in the end, and its first `BYTES`."""

    place: Place
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    cut: bool


async def get(
    place: Place, allowed: Callable[[Place], Reach], lookup: Resolve, environ: Mapping[str, str]
) -> Page:
    """Get a page. `allowed` says what beyond public addresses a place may lead to.

    Raises NotFetched; so it does where a redirect leads to another host, since nobody approved it.
    """
    for _ in range(REDIRECTS + 1):
        page = await _once(place, allowed(place), lookup, environ)
        target = page.headers.get("location", "")
        if page.status not in _MOVED or not target:
            return page
        to = Place.of(urljoin(str(place), quote(target, safe="%/:=&?~#+!$,;'@()*[]")))
        if place.scheme == "https" and to.scheme == "http":
            raise NotFetched(
                f"{place} leads on to {to}, which is not encrypted; fetch that instead"
            )
        if to.host != place.host or (to.port != place.port and not (to.usual and place.usual)):
            raise NotFetched(f"{place} leads on to {to}, on another host; fetch that instead")
        place = to
    raise NotFetched(f"{place} leads on and on: more than {REDIRECTS} redirects")


def _ascii(netloc: str) -> str:
    """Return the host and port with the name as IDNA; raises ValueError."""
    if netloc.isascii():
        return netloc
    host, colon, port = netloc.partition(":")
    return host.encode("idna").decode() + colon + port


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="%/:=&~+!$,;'@()*")
    query = quote(parts.query, safe="%/:=&?~+!$,;'@()*[]")
    return f"{path}?{query}" if query else path


async def _once(place: Place, reach: Reach, lookup: Resolve, environ: Mapping[str, str]) -> Page:
    """Ask once; raises NotFetched."""
    try:
        (reader, writer), form = await _open(place, reach, lookup, environ)
    except Refused as refused:
        raise NotFetched(f"{place} is not fetched: {refused}") from None
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        raise NotFetched(f"{place.authority} has no certificate to trust: {why}") from None
    except OSError as error:
        raise NotFetched(f"{place.authority} was not reached: {error}") from None
    try:
        writer.write(form)
        await writer.drain()
        return await _answer(reader, place)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, zlib.error) as error:
        raise NotFetched(f"{place.authority} sent no proper answer: {error}") from None
    finally:
        writer.transport.abort()  # a polite end would wait for the other side


async def _open(
    place: Place, reach: Reach, lookup: Resolve, environ: Mapping[str, str]
) -> tuple[Ends, bytes]:
    """Connect; return the ends and the request to send. Raises OSError, Refused, NotFetched."""
    target, extra = place.path, ""
    upstream = Upstream.of(place.scheme, str(place.host), environ)
    if upstream is not None or not isinstance(place.host, str):
        await _checked(place, reach, lookup)
    if upstream is None:
        ends = await dial(place.host, place.port, reach, lookup)
    elif place.scheme == "https":
        ends = await upstream.tunnel(place.authority, place.port)
    else:
        ends = await upstream.connect()
        target, extra = str(place), upstream.credentials
    if place.scheme == "https":
        try:
            await ends[1].start_tls(ssl.create_default_context(), server_hostname=str(place.host))
        except BaseException:
            ends[1].transport.abort()
            raise
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {place.authority}",
        "User-Agent: wisp",
        "Accept: text/html, text/plain, application/json, text/*, */*;q=0.1",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ends, ("\r\n".join(lines) + f"\r\n{extra}\r\n").encode()


async def _checked(place: Place, reach: Reach, lookup: Resolve) -> None:
    """Refuse what leads inward, as far as that can be known here; raises Refused."""
    if isinstance(place.host, str):
        try:
            addresses = [ip_address(each) for each in await lookup(place.host, place.port)]
        except OSError:  # the proxy may know it
            return
    else:
        addresses = [place.host]
    for address in addresses:
        if not reach.leads_to(address):
            raise Refused(f"{address} is no public address; only the user's settings can allow it")


async def _answer(reader: asyncio.StreamReader, place: Place) -> Page:
    status, reason, headers = 100, "", dict[str, str]()
    while 100 <= status < 200:
        status, reason, headers = head(await reader.readuntil(b"\r\n\r\n"))
    if status in _MOVED:
        return Page(place, status, reason, headers, b"", False)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunks(reader)
    else:
        length = headers.get("content-length", "")
        body = await _most(reader, min(int(length), BYTES + 1) if length else BYTES + 1)
    cut = len(body) > BYTES
    coding = headers.get("content-encoding", "identity").lower()
    if coding in ("gzip", "deflate"):  # though it was not asked for
        unpack = zlib.decompressobj(47 if coding == "gzip" else 15)
        body = unpack.decompress(body, BYTES + 1)
        cut = cut or len(body) > BYTES
    elif coding != "identity":
        raise ValueError(f"it is encoded as {coding}")
    return Page(place, status, reason, headers, body[:BYTES], cut)


async def _most(reader: asyncio.StreamReader, count: int) -> bytes:
    """Read so many bytes, or those that there are."""
    data = bytearray()
    while len(data) < count and (more := await reader.read(count - len(data))):
        data += more
    return bytes(data)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    data = bytearray()
    while len(data) <= BYTES:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size <= 0:
            break
        data += await _most(reader, min(size, BYTES + 1 - len(data)))
        if len(data) <= BYTES:
            await reader.readexactly(2)
    return bytes(data)

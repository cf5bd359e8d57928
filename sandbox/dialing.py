"""Connecting to a host by its name, once it is known where the name leads.

A name is looked up once, and what was looked at is what is connected to: between two look-ups its
owner could let it lead elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from sandbox.reach import Address, Reach

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the addresses of a name; raises OSError."""
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CONNECT_S = 20.0  # for the look-up, and for each address
_BUFFER = 256 << 10


class Refused(Exception):
    """Somebody's rule is against it; says which."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system, as it does for every program; raises OSError."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def give(found: Sequence[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found: Sequence[str] = ()
        failed: OSError | None = None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [str(row[4][0]) for row in rows]
        except (OSError, UnicodeError) as error:
            failed = error if isinstance(error, OSError) else OSError(str(error))
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(give, found, failed)

    # not one of the loop's own threads: a look-up that hangs would hold up our end
    threading.Thread(target=ask, daemon=True).start()
    return await answer


async def dial(host: str | Address, port: int, reach: Reach, lookup: Resolve = resolve) -> Ends:
    """Connect to a host whose name is covered.

    Raises Refused when it leads to where it may not, OSError when nobody answers.
    """
    if isinstance(host, str):
        addresses = await _addresses(host, port, lookup)
        allowed = [address for address in addresses if reach.leads_to(address)]
        if not allowed:
            raise Refused(_inward(host, addresses[0]))
    else:
        allowed = [host]
    last: OSError = OSError("no address")
    for address in allowed:
        try:
            return await _connect(address, port, reach)
        except OSError as error:
            last = error
    raise last


async def _addresses(host: str, port: int, lookup: Resolve) -> list[Address]:
    try:
        async with asyncio.timeout(CONNECT_S):
            found = await lookup(host, port)
    except TimeoutError as error:
        raise OSError(f"the name {host} was not found in time") from error
    except OSError as error:
        raise OSError(f"the name {host} was not found: {error.strerror or error}") from error
    if not found:
        raise OSError(f"the name {host} was not found")
    return [ip_address(each.partition("%")[0]) for each in dict.fromkeys(found)]


async def _connect(address: Address, port: int, reach: Reach) -> Ends:
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(str(address), port, limit=_BUFFER)
    except TimeoutError as error:
        raise OSError(f"{address} did not answer in {CONNECT_S:g} s") from error
    own, there = (writer.get_extra_info(end)[0] for end in ("sockname", "peername"))
    listed = any(address in block for block, _ in reach.blocks)
    if own == there and not listed:  # a public address may be this machine's
        writer.transport.abort()
        raise Refused(f"{address} is this machine itself")
    return reader, writer


def _inward(host: str, address: Address) -> str:
    return f"{host} leads to {address}, which is no public address; list {address} too to allow it"

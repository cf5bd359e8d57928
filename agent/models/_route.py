"""To whom a request really goes: the host that is connected to, directly or by way of a proxy.

It looks on at the connections beneath litellm, as httpcore traces them. What stays on this machine
goes to nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Left = Callable[[str], None]
"""Told as bytes begin to leave: to which host, or to nobody where they stay here."""


@dataclass(frozen=True, slots=True)
class Route:
    """A connection as it was made: the host that was named, the address that answered."""

    host: str
    address: str


def destination(host: str, route: Route | None) -> str:
    """Return who gets what is sent to a host, or nothing where that is this machine."""
    if route is None:  # nobody saw a connection: the name has to do
        return "" if here(host) else host
    if route.host == host:
        return "" if here(route.address) else host
    # by a proxy: one on this machine passes on what is meant for another, and the other way round
    if not here(host):
        return host
    return "" if here(route.address) else route.host


def here(host: str) -> bool:
    """Whether a name or an address is that of this machine by itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Routes:
    """The routes of one process, by origin: a connection may be used again."""

    def __init__(self) -> None:
        self._known: dict[str, Route] = {}

    def watch(self, request: Any, left: Left) -> Departure:
        """Look on at one request of httpx."""
        url = request.url
        host = url.raw_host.decode("ascii")
        watch = Departure(self._known, f"{url.scheme}://{host}:{url.port}", host, left)
        request.extensions = {**request.extensions, "trace": watch}
        return watch


class Departure:
    """Sees one request off. It is the `trace` of the request, and is told when that is over."""

    def __init__(self, known: dict[str, Route], origin: str, host: str, left: Left) -> None:
        self._known = known
        self._origin = origin
        self._host = host
        self._left = left
        self._connecting = ""
        self._seen = False  # any trace at all
        self._told = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take in what httpcore does."""
        self._seen = True
        if event.endswith(".connect_tcp.started"):
            self._connecting = str(info["host"])
        elif event.endswith(".connect_tcp.complete"):
            found = info["return_value"].get_extra_info("server_addr")
            self._known[self._origin] = Route(self._connecting, str(found[0]) if found else "")
        elif event.endswith(".send_request_headers.started") and not _for_a_way(info):
            self._tell()

    def over(self) -> None:
        """Tell of what another kind of connection carried, of which there was no trace."""
        if not self._told and not self._seen:
            self._tell()

    def _tell(self) -> None:
        self._told = True
        self._left(destination(self._host, self._known.get(self._origin)))


def _for_a_way(info: Mapping[str, Any]) -> bool:
    """Whether a proxy is only asked for a way, as yet with nothing to carry."""
    return bool(info["request"].method == b"CONNECT")

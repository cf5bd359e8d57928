"""What a command may reach of the network, in the words of a person: hosts, ports, loopback.

A word is `pypi.org`, `*.example.com` (what lies below it), either with `:PORT` in place of 80 and
443; `loopback` or `loopback:PORT`, this machine's own; an address or a block of them, such as
`10.0.0.0/8`; or `all`. Nothing is reached that no word covers, so no words are no network.

A name that is covered may still lead anywhere, since whoever owns it says where. So what it leads
to must be public, or be covered by an address too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Block = IPv4Network | IPv6Network

USUAL = frozenset({80, 443})
LOOPBACK = frozenset({"loopback", "localhost", "127.0.0.1", "[::1]", "::1"})
LEAST_PORT = 1024  # below it only a privileged program may listen, inside as outside
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last label, a name is an address
_GLOBAL_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Azure's own services: public by its number, and only ever the machine's keeper
_KEEPER = IPv4Address("168.63.129.16")


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything, or what the rest names; a port of 0 stands for the usual ones.

    `loopback` holds ports of this machine's own, 0 for all that anything listens on.
    """

    everything: bool = False
    loopback: frozenset[int] = frozenset()
    names: frozenset[tuple[str, int]] = frozenset()
    blocks: frozenset[tuple[Block, int]] = frozenset()

    @classmethod
    def parse(cls, words: Sequence[str]) -> Self:
        """Read the words; raises ValueError saying which one is wrong, and why."""
        loopback: set[int] = set()
        names: set[tuple[str, int]] = set()
        blocks: set[tuple[Block, int]] = set()
        for word in words:
            host, port = _split(word)
            if host in LOOPBACK:
                if 0 < port < LEAST_PORT:
                    raise ValueError(f"`{word}`: only ports from {LEAST_PORT} can be shown inside")
                loopback.add(port)
            elif block := _block(host):
                blocks.add((block, port))
            elif host == "all":
                raise ValueError("`all` stands alone")
            else:
                names.add((_pattern(word, host), port))
        return cls(False, frozenset(loopback), frozenset(names), frozenset(blocks))

    def __bool__(self) -> bool:
        return self.everything or bool(self.loopback or self.hosts)

    @property
    def hosts(self) -> bool:
        """Whether other machines are reached, through the proxy."""
        return bool(self.names or self.blocks)

    @property
    def leaves(self) -> bool:
        """Whether anything but this machine may be reached."""
        return self.everything or self.hosts

    @property
    def inward(self) -> Reach:
        """What of it is this machine's own."""
        return Reach(loopback=self.loopback)

    def why_not(self, host: str | Address, port: int) -> str:
        """Return why a host, as `meant` returns it, is not reached; empty when it is."""
        if isinstance(host, str):
            ports = {each for name, each in self.names if _covers(name, host)}
        else:
            ports = {each for block, each in self.blocks if host in block}
        if not ports:
            return f"{host} is not on the list ({self})"
        if port in ports or (0 in ports and port in USUAL):
            return ""
        return f"port {port} of {host} is not on the list ({self})"

    def leads_to(self, address: Address) -> bool:
        """Whether a name that is covered may lead to this address."""
        plain = unmapped(address)
        return is_public(plain) or any(plain in block for block, _ in self.blocks)

    def __str__(self) -> str:
        if self.everything:
            return "all"
        words = [(name, port) for name, port in sorted(self.names)]
        words += [(_written(block), port) for block, port in self.blocks]
        words += [("loopback", port) for port in sorted(self.loopback)]
        return ", ".join(f"{host}:{port}" if port else host for host, port in words) or "off"


def meant(host: str) -> str | Address:
    """Return the name or the address that the host of a request is.

    Raises ValueError for what two programs could read in two ways: other characters than those of
    names, a dot at the end, numbers that only some take for an address.
    """
    if host.startswith("[") and host.endswith("]") and "%" not in host:
        return unmapped(IPv6Address(host[1:-1]))
    name = host.lower()
    if not host.isascii() or len(name) > 253 or not _NAME.fullmatch(name):
        raise ValueError(f"{host[:80]!r} is no name of a host")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return IPv4Address(name)
    return name


def host_and_port(text: str) -> tuple[str | Address, int]:
    """Read the `host:port` of a request, the port 0 where there is none; raises ValueError."""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?", text)
    port = int(found[2] or 0) if found else 0
    if found is None or port > 65535 or (found[2] and not port):
        raise ValueError(f"{text[:80]!r} is no host and port")
    return meant(found[1]), port


def is_public(address: Address) -> bool:
    """Whether it is one of the world's, and not of a network or a machine of somebody's own."""
    plain = unmapped(address)
    if isinstance(plain, IPv4Address):
        return plain.is_global and not plain.is_multicast and plain != _KEEPER
    # tunnels carry another address within
    tunnel = plain.sixtofour is not None or plain.teredo is not None
    return plain in _GLOBAL_6 and plain.is_global and not tunnel


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _split(word: str) -> tuple[str, int]:
    """Return the host and the port of a person's word, the port 0 where it has none."""
    host, colon, port = word.rpartition(":")
    if "://" in word:
        raise ValueError(f"`{word}` is an address of a page; name its host alone")
    if not colon or "]" in port or (":" in host and not host.endswith("]")):
        return word.lower(), 0  # no port, or an IPv6 address without brackets
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"`{word}`: {port!r} is no port")
    return host.lower(), int(port)


def _block(host: str) -> Block | None:
    try:
        block = ip_network(host.strip("[]"))
    except ValueError:
        return None
    if block.prefixlen == 0:
        raise ValueError(f"`{host}` is every address; say `all` if that is meant")
    return block


def _pattern(word: str, host: str) -> str:
    wild = host.startswith("*.")
    try:
        name = meant(host.removeprefix("*.").encode("idna").decode())
    except ValueError as error:
        raise ValueError(f"`{word}` is no host, such as pypi.org or *.example.com:8443") from error
    if not isinstance(name, str) or (wild and "." not in name):
        raise ValueError(f"`{word}` is too wide: name a domain, such as *.example.com")
    return f"*.{name}" if wild else name


def _covers(pattern: str, name: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _written(block: Block) -> str:
    single = block.prefixlen == block.max_prefixlen
    return str(ip_address(block.network_address)) if single else str(block)


OFF = Reach()
EVERYTHING = Reach(everything=True)

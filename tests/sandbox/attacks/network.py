"""Attacks on what is behind a socket: the network, and the services of this machine."""

from __future__ import annotations

import socket

from tests.sandbox.attacks.case import Case, hole, lost, python, toothless
from tests.sandbox.attacks.witness import other_network, ports, unix

_MASKS = "what /proc/net/unix says is compared by its text"
_DIAL = """
import os, socket, time
def dial(family, kind, address, protocol=0):
    try:
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(2)
            s.connect(address)
            s.send(b"x")
            time.sleep(0.02)
    except OSError as error:
        print(error)
port = lambda name: int(os.environ[name])
"""
_PATH = _DIAL + 'dial(1, 1, os.environ["SOCKET"])'
_DATAGRAM = _DIAL + 'dial(1, 2, os.environ["SOCKET"])'
_ABSTRACT = _DIAL + 'dial(1, 1, "\\0" + os.environ["SOCKET"][1:])'

_ADDRESSES: dict[str, str] = {
    "a TCP service": 'dial(2, 1, ("127.0.0.1", port("TCP4")))',
    "a TCP service, by version 6": 'dial(10, 1, ("::1", port("TCP6")))',
    "a TCP service, by a mapped address": 'dial(10, 1, ("::ffff:127.0.0.1", port("TCP4")))',
    "a TCP service, by another loopback address": 'dial(2, 1, ("0.0.0.0", port("TCP4")))',
    "a TCP service, by name": 'dial(2, 1, ("localhost", port("TCP4")))',
    "a UDP service": 'dial(2, 2, ("127.0.0.1", port("UDP4")))',
    "a UDP service, by version 6": 'dial(10, 2, ("::1", port("UDP6")))',
    "a TCP service, by a fast open": (
        "s = socket.socket(2, 1)\n"
        's.sendto(b"x", 0x20000000, ("127.0.0.1", port("TCP4")))\ntime.sleep(0.02)'
    ),
    "a TCP service, by multipath": 'dial(2, 1, ("127.0.0.1", port("TCP4")), 262)',
    "a UDP service, without a connection": (
        'socket.socket(2, 2).sendto(b"x", ("127.0.0.1", port("UDP4")))'
    ),
}

# kinds of sockets that no build needs; a number where Python has no name everywhere
_FAMILIES: dict[str, tuple[int, int, int, bool]] = {  # family, kind, protocol, root alone
    "a socket of the kernel's ciphers": (38, socket.SOCK_SEQPACKET, 0, False),
    "a socket to other virtual machines": (40, socket.SOCK_STREAM, 0, False),
    "a socket of Bluetooth": (31, socket.SOCK_RAW, 1, False),
    "a socket of whole packets": (17, socket.SOCK_RAW, 3, True),
    "a raw socket": (2, socket.SOCK_RAW, 1, True),
    "a socket of the CAN bus": (29, socket.SOCK_RAW, 1, False),
    "a socket of TIPC": (30, socket.SOCK_STREAM, 0, False),
    "a socket of SMC": (43, socket.SOCK_STREAM, 0, False),
    "a socket of XDP": (44, socket.SOCK_RAW, 0, True),
}


def _family(name: str, numbers: tuple[int, int, int, bool]) -> Case:
    family, kind, protocol, root = numbers
    code = f"""
import socket
try:
    socket.socket({family}, {kind}, {protocol})
    print("GOT one")
except OSError as error:
    # whatever the kernel itself says of this family, the filter is to say no before it
    print("held" if error.errno == 1 else f"GOT past the filter: {{error}}")
"""
    return Case(name, python(code), only="root" if root else "")


CASES = (
    *(Case(name, python(_DIAL + code), witness=ports) for name, code in _ADDRESSES.items()),
    *(_family(name, numbers) for name, numbers in _FAMILIES.items()),
    Case(
        "a TCP service, by the shell",
        f"bash -c 'echo x > /dev/tcp/127.0.0.1/{'$'}TCP4'",
        witness=ports,
        needs=("bash",),
    ),
    Case(
        "a service behind a socket",
        python(_PATH),
        kept=("home",),
        witness=unix("{top}/outside/docker.sock"),
    ),
    Case(
        "a service behind a socket of datagrams",
        python(_DATAGRAM),
        kept=("home",),
        witness=unix("{top}/outside/journal.sock", kind=socket.SOCK_DGRAM),
    ),
    Case(
        "a service behind an abstract socket",
        python(_ABSTRACT),
        witness=unix("@wisp"),
    ),
    Case(
        "a service behind an abstract socket, with the network granted",
        python(_ABSTRACT),
        witness=unix("@wisp"),
        network=True,
        full=lost("the network that is granted is the host's, abstract sockets included"),
    ),
    Case(
        "a service behind a socket, with the network granted",
        python(_PATH),
        kept=("home",),
        witness=unix("{top}/outside/docker.sock"),
        network=True,
    ),
    Case(
        "a service that bound its socket through a link",
        python(_PATH),
        prepare='mkdir "$OUTSIDE/real"; ln -s real "$OUTSIDE/alias"',
        kept=("home",),
        witness=unix("{top}/outside/alias/s", "{top}/outside/real/s"),
    ),
    Case(
        "a service that bound its socket by a relative path",
        python(_PATH),
        kept=("home",),
        witness=unix("s", "{top}/outside/s", below="outside"),
        full=hole(_MASKS),
    ),
    Case(
        "a service that renamed its socket, as ssh's shared connections do",
        python(_PATH),
        kept=("home",),
        witness=unix("{top}/outside/s", rename=True),
    ),
    Case(
        "a service that bound its socket with a doubled slash",
        python(_PATH),
        kept=("home",),
        witness=unix("{top}/outside//s", "{top}/outside/s"),
    ),
    Case(
        "a service whose socket has a line break of another script in its name",
        python(_PATH),
        kept=("home",),
        witness=unix("{top}/outside/a\u2028s"),
    ),
    Case(
        "a service in a network of its own, as a container's is",
        python(_PATH),
        kept=("home",),
        witness=other_network,
        needs=("unshare",),
    ),
    Case(
        "a service of the user whose socket lies in the workspace",
        python(_PATH),
        witness=unix("{top}/work/.overmind.sock"),
    ),
    Case(
        "a descriptor of ours that stayed open",
        "for fd in /proc/self/fd/[3-9] /proc/self/fd/[1-9][0-9]; do"
        ' readlink "$fd" | grep -v "^/proc/" | sed "s/^/GOT /"; done',
        plain=toothless("there our descriptors are closed too"),
    ),
)

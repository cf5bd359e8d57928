"""Who is at the other end of a Unix socket, as the kernel knows it."""

from __future__ import annotations

import os
import socket
import struct
import sys

_LOCAL, _PEERCRED, _PEERPID = 0, 1, 2  # of macOS, <sys/un.h>: SOL_LOCAL, LOCAL_PEERCRED, …


def known() -> bool:
    """Whether this platform has Unix sockets and says who is at their other end."""
    return hasattr(socket, "AF_UNIX") and sys.platform in ("linux", "darwin")


def is_of(connection: socket.socket, uid: int | None = None) -> bool:
    """Whether the other end is a process of this user, or of the one who is named."""
    return _uid(connection) == (os.geteuid() if uid is None else uid)


def pid_of(connection: socket.socket) -> int:
    """Return the process at the other end, by its number here; 0 where it has none here."""
    if sys.platform == "linux":
        return _credentials(connection)[0]
    return int(connection.getsockopt(_LOCAL, _PEERPID))


def _uid(connection: socket.socket) -> int:
    if sys.platform == "linux":
        return _credentials(connection)[1]
    # struct xucred: its version, the uid, and groups
    return int(struct.unpack_from("2I", connection.getsockopt(_LOCAL, _PEERCRED, 128))[1])


def _credentials(connection: socket.socket) -> tuple[int, int, int]:
    """Return pid, uid and gid, as Linux has them."""
    form = struct.Struct("3i")
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    pid, uid, gid = form.unpack(found)
    return pid, uid, gid

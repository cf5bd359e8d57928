"""The proxy that the user's environment names, where it names one: often the only way out."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from sandbox.dialing import CONNECT_S, Ends

_HEAD = 64 << 10


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy; `credentials` is the header that it wants, or nothing."""

    host: str
    port: int
    credentials: str

    @classmethod
    def of(cls, scheme: str, host: str, environ: Mapping[str, str]) -> Self | None:
        """Return the proxy for a host, or None. Raises OSError for one that cannot be used."""
        if _spared(host, environ):
            return None
        names = [f"{scheme}_proxy", "all_proxy", "ALL_PROXY"]
        if scheme == "https":  # HTTP_PROXY may be a header of somebody's, as CGI has it
            names.insert(1, "HTTPS_PROXY")
        found = next((environ[name] for name in names if environ.get(name)), "")
        if not found:
            return None
        parts = urlsplit(found if "://" in found else f"http://{found}")
        if parts.scheme != "http" or not parts.hostname:
            raise OSError("the proxy of the environment is not of the form http://HOST:PORT")
        header = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            header = f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
        return cls(parts.hostname, parts.port or 80, header)

    async def connect(self) -> Ends:
        """Connect to the proxy itself; raises OSError."""
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(self.host, self.port, limit=_HEAD)

    async def tunnel(self, authority: str, port: int) -> Ends:
        """Return the ends of a tunnel to a host; raises OSError."""
        where = authority if authority.endswith(f":{port}") else f"{authority}:{port}"
        reader, writer = await self.connect()
        try:
            request = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n{self.credentials}\r\n"
            writer.write(request.encode())
            status, reason, _ = head(await reader.readuntil(b"\r\n\r\n"))
            if status != 200:
                raise OSError(f"the proxy said {status} {reason}")
        except (EOFError, ValueError, asyncio.LimitOverrunError):
            writer.transport.abort()
            raise OSError("the proxy sent no proper answer") from None
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer


def head(data: bytes) -> tuple[int, str, dict[str, str]]:
    """Take an answer's head apart; raises ValueError."""
    first, *rows = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("it does not speak HTTP/1.1")
    status, _, reason = rest.partition(" ")
    named = (row.partition(":") for row in rows)
    return int(status), reason[:60], {n.strip().lower(): value.strip() for n, _, value in named}


def _spared(host: str, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the host, or a domain that it lies in."""
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    words = [word.strip().lower() for word in given.split(",")]
    names = [word.removeprefix("*").lstrip(".") for word in words if word not in ("", "*")]
    return "*" in words or any(host == name or host.endswith(f".{name}") for name in names)

"""What is seen on the wire beneath litellm, and what is held back from it.

litellm hides whether a stream was cut, how long to wait and what the error was; it would follow a
redirection with the key, and ask again by itself.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

from agent.models._frames import Frame
from agent.models._route import Routes

BEAT_S = 0.2  # between two signs of life
BODY = 8000  # characters of an error that are passed on


class Wire:
    """What is seen of one request."""

    def __init__(self, tell: Callable[[Frame], None]) -> None:
        self._tell = tell
        self._beat = 0.0
        self.sent = False
        self.status: int | None = None
        self.retry_after = ""
        self.body = ""
        self.tail = b""  # of the stream

    def begins(self) -> None:
        """Forget the request before."""
        self.sent = True
        self.status, self.retry_after, self.body = None, "", ""

    def leaves(self, size: int, to: str) -> None:
        """Tell that a request goes out now, and to which host; to none where it stays here."""
        self._tell({"sent": size, "to": to})

    def answered(self, status: int, retry_after: str) -> None:
        """Note the head of the answer."""
        self.status, self.retry_after = status, retry_after
        self._tell({"beat": True})

    def heard(self, data: bytes) -> None:
        """Note a piece of the stream, and tell the parent that the server lives."""
        self.tail = (self.tail + data[-256:])[-256:]
        if time.monotonic() - self._beat >= BEAT_S:
            self._beat = time.monotonic()
            self._tell({"beat": True})

    @property
    def closed(self) -> bool:
        """Whether the stream said by its last event that it was whole."""
        return b"data: [DONE]" in self.tail or b"message_stop" in self.tail

    def fault(self, error: BaseException) -> Frame:
        """Return what went wrong, as litellm says it and as it was seen."""
        chain: list[BaseException] = []
        at: BaseException | None = error
        while at is not None and at not in chain:
            chain.append(at)
            at = at.__cause__ or at.__context__
        said = str(getattr(error, "message", "") or error)
        # in the middle of a stream litellm wraps what happened twice; the root is put last
        root = str(chain[-1])
        return {
            "status": self.status,
            "retry_after": self.retry_after,
            "body": self.body,
            "error": " ".join(type(each).__name__ for each in chain),
            "text": said[:BODY] if root in said else f"{said[:BODY]} ({root[:BODY]})",
            "sent": self.sent,
        }


class Watch:
    """Looks on at every client of every provider; what nobody has asked for does not go out."""

    def __init__(self) -> None:
        self.host = ""  # where the last request would have gone that was held back
        self._wire: Wire | None = None
        plain, routes = httpx.AsyncClient.send, Routes()

        async def send(client: Any, request: Any, **more: Any) -> Any:
            wire = self._wire
            if wire is None:
                self.host = request.url.host
                return httpx.Response(401, json={"error": "not now"}, request=request)
            if wire.status is not None and wire.status >= 300:
                # litellm would ask again by itself, without a word, where it thinks that helps
                return httpx.Response(wire.status, text=wire.body, request=request)
            wire.begins()
            size = len(request.content)
            departure = routes.watch(request, lambda to: wire.leaves(size, to))
            try:
                response = await plain(client, request, **{**more, "follow_redirects": False})
            finally:
                departure.over()
            wire.answered(response.status_code, response.headers.get("retry-after", ""))
            if response.status_code >= 300:
                wire.body = (await response.aread())[:BODY].decode("utf-8", "replace")
            elif not response.is_closed:
                response.stream = _Heard(response.stream, wire)
            return response

        httpx.AsyncClient.send = send

    @contextlib.contextmanager
    def request(self, tell: Callable[[Frame], None]) -> Iterator[Wire]:
        """Let a request out, and what litellm makes of it."""
        self._wire = Wire(tell)
        try:
            yield self._wire
        finally:
            self._wire = None


class _Heard(httpx.AsyncByteStream):  # type: ignore[misc]  # types of litellm and httpx are not read
    def __init__(self, stream: Any, wire: Wire) -> None:
        self._stream, self._wire = stream, wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._wire.heard(data)
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()

"""The protocol of language servers: JSON-RPC 2.0 over the streams of a process, within bounds."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from itertools import count
from typing import Any

from sandbox.base import Process

_LARGEST = 16 << 20  # bytes of one message
_HEAD = 4096  # bytes of the lines in front of one
_LENGTH = re.compile(rb"content-length:\s*(\d{1,9})", re.IGNORECASE)
_UNKNOWN = -32601  # the protocol's number for a method that is not known


class Gone(Exception):
    """The other side ended, refused, or does not speak the protocol."""


class Connection:
    """Speaks with one server; made inside a running event loop.

    `answer` is asked for the result of a request of the server's, and raises LookupError for a
    method that is not known; `told` is handed each of its notifications.
    """

    def __init__(
        self,
        process: Process,
        answer: Callable[[str, Any], Any],
        told: Callable[[str, Any], None],
    ) -> None:
        self._process = process
        self._answer, self._told = answer, told
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._sending = asyncio.Lock()
        self._pump = asyncio.create_task(self._read())

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._pump.done()

    async def request(self, method: str, params: object) -> Any:
        """Return the result of a request; raises Gone."""
        if self.over:
            raise Gone("it has ended")
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._send({"id": number, "method": method, "params": params})
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    async def notify(self, method: str, params: object) -> None:
        """Tell the server something; raises Gone."""
        await self._send({"method": method, "params": params})

    async def close(self) -> None:
        """End the process, and all that waits for it."""
        await self._process.stop()
        await asyncio.wait({self._pump})

    async def _send(self, message: dict[str, object]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            async with self._sending:
                await self._process.send(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        except OSError as error:
            raise Gone("it does not read") from error

    async def _read(self) -> None:
        """Take messages until the end; whoever waits then is told."""
        buffer = bytearray()
        try:
            while data := await self._process.read():
                buffer += data
                while (message := _taken(buffer)) is not None:
                    await self._take(message)
        except (Gone, ValueError, KeyError, TypeError, RecursionError):
            pass  # it does not speak the protocol: as good as ended
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Gone("it ended before it answered"))

    async def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            future = self._waiting.get(message["id"])
            if future is None or future.done():
                return  # nobody waits any more
            if "error" in message:
                future.set_exception(Gone(str(message["error"])[:200]))
            else:
                future.set_result(message.get("result"))
        elif "id" in message:
            said: dict[str, object]
            try:
                said = {"result": self._answer(method, message.get("params"))}
            except LookupError:
                said = {"error": {"code": _UNKNOWN, "message": f"not known here: {method}"}}
            await self._send({"id": message["id"], **said})
        else:
            self._told(method, message.get("params"))


def _taken(buffer: bytearray) -> dict[str, Any] | None:
    """Take the next whole message out of what was read, None where there is none yet.

    Raises Gone for what is none and will be none.
    """
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        if len(buffer) > _HEAD:
            raise Gone("no message")
        return None
    length = _LENGTH.search(buffer, 0, head)
    if length is None or head > _HEAD or (size := int(length[1])) > _LARGEST:
        raise Gone("no message")
    end = head + 4 + size
    if len(buffer) < end:
        return None
    message = json.loads(bytes(buffer[head + 4 : end]))
    del buffer[:end]
    if not isinstance(message, dict):
        raise Gone("no message")
    return message

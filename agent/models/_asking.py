"""One request after another to a child process, which is started when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from agent.models._frames import Frame
from agent.models._link import CANCEL_S, HostEnded, Line

_OVER = frozenset({"done", "fault", "error", "cancelled"})  # what ends the answers to a request


class Asker:
    """Sends numbered requests and yields their answers; leaving early calls a request off.

    `begin` starts a child and returns it ready, or raises what the caller of `ask` shall see.
    """

    def __init__(self, begin: Callable[[], Awaitable[Line]]) -> None:
        self._begin = begin
        self._link: Line | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    async def start(self) -> None:
        """Start the child now."""
        async with self._turn:
            await self._ready()

    async def ask(
        self, frame: Callable[[], Frame], left: Callable[[], float] | None = None
    ) -> AsyncGenerator[Frame, None]:
        """Yield the answers up to the one that ends them.

        `frame` makes the request once the child is ready; `left` returns for how many seconds
        more to wait for an answer. Raises HostEnded, and TimeoutError when nothing is left.
        """
        ended = False
        async with self._turn:
            while not ended:
                link = await self._ready()
                self._number += 1
                number, begun, left_alone = self._number, False, False
                try:
                    await link.send({**frame(), "id": number})
                    while not ended:
                        async with asyncio.timeout(None if left is None else left()):
                            answer = await link.receive()
                        # what nobody cancelled is called off by a host that leaves, and says so
                        if answer.get("id") == number and "cancelled" not in answer:
                            ended = not _OVER.isdisjoint(answer)
                            begun = begun or "waits" not in answer
                            yield answer
                except HostEnded as end:
                    left_alone = True
                    await self._drop()
                    if begun or not end.left:
                        raise
                    # it left before it began with this one, which another can do as well
                finally:
                    if not ended and not left_alone:
                        await self._cancel(link, number)

    async def close(self) -> None:
        """End the child."""
        async with self._turn:
            await self._drop()

    async def _ready(self) -> Line:
        if self._link is None:
            self._link = await self._begin()
        return self._link

    async def _cancel(self, link: Line, number: int) -> None:
        """Call a request off; a child that does not let go of it within a second is killed."""
        try:
            async with asyncio.timeout(CANCEL_S):
                await link.send({"cancel": number})
                while True:
                    answer = await link.receive()
                    if answer.get("id") == number and not _OVER.isdisjoint(answer):
                        return
        except (TimeoutError, HostEnded):
            await self._drop()
        except asyncio.CancelledError:
            await self._drop()
            raise

    async def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

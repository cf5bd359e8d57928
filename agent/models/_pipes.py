"""The child's side of the pipes to its parent: frames, out of reach of whatever else prints.

The first one that comes says what to load and who the parent is.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator

from agent.models._frames import HEAD, Frame, length, packed

PR_SET_PDEATHSIG = 1


class Pipes:
    """Standard input and output, taken for frames; a parent that is gone ends the process."""

    def __init__(self) -> None:
        # whatever a library prints must not land between frames: fd 1 becomes stderr
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        # without a buffer, so that an event loop may read on from here
        self._in = os.fdopen(os.dup(0), "rb", buffering=0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def first(self) -> Frame:
        """Return the first frame, and from now on die with the parent that it names."""
        try:
            frame = self.receive()
        except EOFError:
            os._exit(0)
        die_with(frame["parent"])
        return frame

    def send(self, frame: Frame) -> None:
        """Write one frame."""
        try:
            self._out.write(packed(frame))
            self._out.flush()
        except BrokenPipeError:
            os._exit(0)

    def receive(self) -> Frame:
        """Wait for the next frame; raises EOFError when the parent has closed the pipe."""
        frame: Frame = json.loads(self._exactly(length(self._exactly(HEAD))))
        return frame

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield what comes until the parent closes the pipe; nothing else may read then."""
        import asyncio  # the child of a local model goes without

        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._in)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                yield json.loads(await reader.readexactly(length(await reader.readexactly(HEAD))))

    def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            more = self._in.read(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def die_with(parent: int) -> None:
    """End this process when its parent dies, also when that happened before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)

"""The child's side of the pipes to its parent: frames, out of reach of whatever else prints.

A frame is four bytes of length, little endian, and that much JSON. The first one that comes says
what to load and who the parent is.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from typing import Any

PR_SET_PDEATHSIG = 1
Frame = dict[str, Any]


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
        frame = self.receive()
        _die_with(frame["parent"])
        return frame

    def send(self, frame: Frame) -> None:
        """Write one frame."""
        data = json.dumps(frame).encode()
        try:
            self._out.write(struct.pack("<I", len(data)) + data)
            self._out.flush()
        except BrokenPipeError:
            os._exit(0)

    def receive(self) -> Frame:
        """Wait for the next frame."""
        frame: Frame = json.loads(self._exactly(_length(self._exactly(4))))
        return frame

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield what comes until the parent closes the pipe; nothing else may read then."""
        import asyncio  # the child of a local model goes without

        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._in)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                yield json.loads(await reader.readexactly(_length(await reader.readexactly(4))))

    def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            more = self._in.read(size - len(data))
            if not more:
                os._exit(0)
            data += more
        return data


def _length(head: bytes | bytearray) -> int:
    size: int = struct.unpack("<I", head)[0]
    return size


def _die_with(parent: int) -> None:
    """End this process when its parent dies, also when that happened before we could ask."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)

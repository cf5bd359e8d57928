"""The pipes to the child process that holds a local model, or talks to a remote one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from agent.models._frames import HEAD, Frame, length, packed
from sandbox.process import Child, start_child

CANCEL_S = 1.0  # seconds a child has to let go of a request before it is killed
LEAVE_S = 0.5  # seconds it has to end by itself

# what llama.cpp, a GPU's libraries and our own interpreter may look at
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "LLAMA_CPP_LIB_PATH")
_PASSED_PREFIXES = ("CUDA_", "NVIDIA_", "HIP_", "ROCM_", "HSA_", "VK_", "GGML_", "OMP_")
LOCAL = "_host.py"


class HostEnded(Exception):
    """The host is gone; `how` it ended, with the last line it wrote. `left` is by its own will."""

    def __init__(self, how: str, signal: int | None, *, left: bool = False) -> None:
        super().__init__(how)
        self.how = how
        self.signal = signal
        self.left = left


class Line(Protocol):
    """Frames to a host and from it; both ways raise HostEnded."""

    async def send(self, frame: Frame) -> None:
        """Write one frame."""
        ...

    async def receive(self) -> Frame:
        """Return the next frame."""
        ...

    async def close(self) -> None:
        """Let go of the host; a private one ends."""
        ...


class Link:
    """A running child and the two pipes to it. Frames are as `_host` says."""

    def __init__(self, child: Child, log: Path) -> None:
        self._child = child
        self._log = log
        self._unread = bytearray()
        self._first: Frame | None = None
        self._torn = False

    @classmethod
    def start(cls, settings: Frame, program: str = LOCAL, passed: Sequence[str] = ()) -> Link:
        """Start a child and tell it what to load; its first frame says how that went.

        `passed` are variables that it may see too. Not a coroutine: no cancellation can come
        between the start and the return. Raises HostEnded when there is no starting it.
        """
        descriptor, name = tempfile.mkstemp(prefix="wisp-model-", suffix=".log")
        os.close(descriptor)
        host = Path(__file__).with_name(program)
        try:
            child = start_child(
                (sys.executable, "-I", str(host)),
                cwd=Path("/"),
                env=environment(os.environ, passed),
                log=Path(name),
            )
        except OSError as error:
            Path(name).unlink()
            raise HostEnded(f"it cannot be started: {error.strerror}", None) from None
        link = cls(child, Path(name))
        link._first = {**settings, "parent": os.getpid()}
        return link

    @classmethod
    async def opened(
        cls, settings: Frame, program: str = LOCAL, passed: Sequence[str] = ()
    ) -> tuple[Link, Frame]:
        """Start a child and return it with its first frame; raises HostEnded."""
        link = cls.start(settings, program, passed)
        try:
            return link, await link.receive()
        except BaseException:
            await link.close()
            raise

    @classmethod
    async def opened_beside(
        cls, work: Awaitable[None], settings: Frame, program: str, passed: Sequence[str] = ()
    ) -> tuple[Link, Frame]:
        """Start a child while other work is done; what that raises ends the child at once."""
        opening = asyncio.ensure_future(cls.opened(settings, program, passed))
        try:
            (found, _) = await asyncio.gather(opening, work)
        except BaseException:
            opening.cancel()
            with contextlib.suppress(HostEnded, asyncio.CancelledError):
                await (await opening)[0].close()
            raise
        return found

    async def send(self, frame: Frame) -> None:
        """Write one frame; raises HostEnded."""
        if self._torn:
            raise await self._ended()
        self._torn = True  # until all of it is sent: a cancellation may come in between
        try:
            await self._child.send(packed(frame))
        except BrokenPipeError:
            raise await self._ended() from None
        self._torn = False

    async def receive(self) -> Frame:
        """Return the next frame; raises HostEnded."""
        if self._first is not None:
            first, self._first = self._first, None
            await self.send(first)
        frame: Frame = json.loads(await self._take(length(await self._take(HEAD))))
        return frame

    async def _take(self, size: int) -> bytes:
        # what was read stays here when a cancellation comes in between, so no frame is torn
        while len(self._unread) < size:
            data = await self._child.read()
            if not data:
                raise await self._ended()
            self._unread += data
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    async def _ended(self) -> HostEnded:
        await self._child.stop()
        result = await self._child.wait()
        self._child.close()
        if result.signal is not None:
            how = f"killed by {signal.Signals(result.signal).name}"
        else:
            how = f"status {result.exit_code}"
        words = self._last_words()
        return HostEnded(f"{how}: {words}" if words else how, result.signal)

    def _last_words(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        finally:
            self._log.unlink(missing_ok=True)
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def close(self) -> None:
        """End the child: its input first, then by force."""
        self._child.close_input()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._child.wait()
        await self._child.stop()
        self._child.close()
        self._log.unlink(missing_ok=True)


def environment(ours: Mapping[str, str], more: Sequence[str] = ()) -> dict[str, str]:
    """Return what a child sees of our environment; `more` are variables that it may see too."""
    return {
        name: value
        for name, value in ours.items()
        if name in _PASSED or name in more or name.startswith(_PASSED_PREFIXES)
    }

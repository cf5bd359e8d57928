"""Starting processes: the only place that does.

A child gets its own session, an explicit environment and no descriptor that was not listed. It is
watched through a pidfd where there is one, so no thread waits for it. What wraps a command (which
backend, which limits) is decided by the callers; here is only how a process is started, read, fed
and ended, with everything that it started in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import subprocess
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from sandbox import bounds
from sandbox.base import CommandResult, Limits, SandboxError
from sandbox.descendants import alive, descendants
from sandbox.streams import close_all, open_streams

_CHUNK = 256 << 10  # bytes read at once
_GONE_S = 2.0  # seconds to wait for killed processes to vanish
_EXIT_CODE = re.compile(rb'"exit-code": (\d+)')
_FIRST_PID = re.compile(rb'"child-pid": (\d+)')
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Start:
    """What to start. `pass_fds` and `lifeline` belong to the child from then on.

    `stdin` is nothing, or a pipe that `send` writes to. `stderr` goes with the output, nowhere, or
    to the end of a file. `wrappers` says how many of the first processes are ours and not the
    command's. Closing `lifeline` makes the wrapper kill everything and end. The wrapper tells over
    `status` that the command was started, and how it ended: `"exit-code": N`. `after` is called
    once, when the last of its processes is gone, and returns what is to be told.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: Literal["none", "pipe"] = "none"
    stderr: Path | Literal["output", "none"] = "output"
    pty: bool = False
    pass_fds: tuple[int, ...] = ()
    wrappers: int = 0
    lifeline: int | None = None
    status: int | None = None
    limits: Limits = field(default_factory=Limits)
    after: Callable[[], tuple[str, ...]] | None = None


def start_child(
    argv: tuple[str, ...], *, cwd: Path, env: Mapping[str, str], log: Path | None
) -> Child:
    """Start one of our own programs, uncontained: pipes both ways, stderr appended to `log`.

    It should end when its standard input does, which also happens when this process is killed.
    Raises OSError when it cannot be started. Needs a running event loop.
    """
    limits = Limits(wall_s=None, memory_bytes=None)
    return Child(Start(argv, cwd, env, stdin="pipe", stderr=log or "none", limits=limits))


def start_detached(
    argv: tuple[str, ...], env: Mapping[str, str], *, pass_fds: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    """Start a program of ours that may outlive us, with a pipe to it; raises OSError."""
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(
        argv,
        cwd="/",
        env=env,
        stdin=pipe,
        stdout=null,
        stderr=null,
        pass_fds=pass_fds,
        start_new_session=True,
    )


class Child:
    """A running process. Made inside a running event loop; raises OSError when it cannot start."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._began = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._total = 0
        self._head = bytearray()  # the first output, for the message when a wrapper failed
        self._killed = False
        self._notes: list[str] = []
        self._settling: asyncio.Task[None] | None = None
        self._failed = ""
        self._eof = False
        self._lifeline = start.lifeline
        try:
            self._popen, self._output, self._input = _popen(start)
        except BaseException:
            for descriptor in (start.lifeline, start.status):
                if descriptor is not None:
                    os.close(descriptor)
            raise
        finally:
            for descriptor in start.pass_fds:
                os.close(descriptor)
        self.pid = self._popen.pid
        ends = {self._output, self._input, start.lifeline, start.status} - {None}
        self._open = {end for end in ends if end is not None}
        weakref.finalize(self, close_all, self._open)
        self._watch()
        self._bounding = self._loop.create_task(self._bound())

    # -- the life of a process

    async def read(self, limit: int = _CHUNK) -> bytes:
        """Return the next output; empty at the end, also when only a stray child holds the pipe."""
        while not self._eof:
            try:
                data = os.read(self._output, limit)
            except BlockingIOError:
                if await self._readable():
                    continue
                data = b""
            except OSError as error:
                if error.errno != errno.EIO:  # how a terminal says that its other end is closed
                    raise
                data = b""
            if data:
                self._total += len(data)
                self._head += data[: max(0, 2000 - len(self._head))]
                return data
            self._eof = True
            if self._output != self._input:
                self._close(self._output)
        return b""

    async def send(self, data: bytes) -> None:
        """Write to its standard input; raises BrokenPipeError when it no longer reads."""
        if self._input is None:
            raise BrokenPipeError(errno.EPIPE, "the process has no standard input")
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._input, view) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer, self._input)

    def close_input(self) -> None:
        """Let it read the end of its standard input."""
        if self._input is not None and not self._start.pty:
            self._close(self._input)
            self._input = None

    async def wait(self) -> CommandResult:
        """Wait for its end. Raises SandboxError when its wrapper could not start it."""
        await asyncio.shield(self._exited)
        return await self._result(timed_out=False)

    async def stop(self) -> CommandResult:
        """End it and everything it started: TERM, then KILL after the grace time."""
        await to_the_end(self._stop())
        return await self._result(timed_out=False)

    async def run(self, write: Callable[[bytes], None], stdin: bytes | None) -> CommandResult:
        """Feed it, pass its output on, and see it end within its limits.

        When cancelled, or when `write` raises, everything is killed before that is passed on.
        """
        pump = asyncio.create_task(self._pump(write))
        feed = asyncio.create_task(self._feed(stdin))
        try:
            ends: set[asyncio.Future[Any]] = {pump, self._exited}
            done, _ = await asyncio.wait(
                ends,
                timeout=self._start.limits.wall_s,
                return_when=asyncio.FIRST_EXCEPTION,
            )
            timed_out = not self._exited.done() and not (pump in done and pump.exception())
            if timed_out:
                await self._stop()
            await pump
            return await self._result(timed_out)
        finally:
            if not self._exited.done():
                await to_the_end(self._kill())
            for task in (pump, feed):
                task.cancel()
            await asyncio.gather(pump, feed, return_exceptions=True)
            if self._exited.done():
                await to_the_end(self._settle())
            self.close()

    def close(self) -> None:
        """Let go of its pipes; a process that still runs behind them is not ended by this."""
        self._eof = True
        close_all(self._open)

    # -- within

    async def _pump(self, write: Callable[[bytes], None]) -> None:
        most = self._start.limits.output_bytes
        while data := await self.read():
            write(data)
            if most is not None and self._total > most:
                self._notes.append(f"it printed more than {bounds.size(most)} and was ended")
                await self._stop()
                return

    async def _bound(self) -> None:
        """End it when its processes together hold too much memory."""
        most = self._start.limits.memory_bytes
        if most is None:
            return
        if held := await bounds.memory_above(self.pid, most, self._exited):
            self._notes.append(
                f"its processes held {bounds.size(held)} of memory, more than the"
                f" {bounds.size(most)} that are allowed, and were ended"
            )
            await self._kill()

    async def _feed(self, data: bytes | None) -> None:
        if data is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it need not read all of it
            await self.send(data)
        self.close_input()

    async def _readable(self) -> bool:
        """Wait until there is something to read; False when it ended and nothing more came."""
        ready = asyncio.ensure_future(
            self._ready(self._loop.add_reader, self._loop.remove_reader, self._output)
        )
        try:
            ends: set[asyncio.Future[Any]] = {ready, self._exited}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                await asyncio.wait({ready}, timeout=self._start.limits.drain_s)
            return ready.done()
        finally:
            ready.cancel()

    async def _ready(
        self,
        add: Callable[..., None],
        remove: Callable[[int], bool],
        descriptor: int,
    ) -> None:
        woken: asyncio.Future[None] = self._loop.create_future()
        add(descriptor, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            remove(descriptor)

    def _watch(self) -> None:
        """Have `_exited` set when the process ends."""
        if not hasattr(os, "pidfd_open"):
            waiting = asyncio.ensure_future(asyncio.to_thread(self._popen.wait))
            waiting.add_done_callback(lambda task: self._exited.set_result(task.result()))
            return
        descriptor = os.pidfd_open(self.pid)

        def ended() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._exited.set_result(self._popen.wait())

        self._loop.add_reader(descriptor, ended)

    async def _stop(self) -> None:
        if self._exited.done():
            return
        for pid in descendants(self.pid)[self._start.wrappers :]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
        await asyncio.wait({self._exited}, timeout=self._start.limits.kill_grace_s)
        await self._kill()

    async def _kill(self) -> None:
        """Kill the process and all it started, and see them gone."""
        if self._exited.done():
            return
        self._killed = True
        tree = descendants(self.pid)
        if self._lifeline is not None:
            self._close(self._lifeline)
            self._lifeline = None
            await asyncio.wait({self._exited}, timeout=_GONE_S)
            tree = descendants(self.pid)
        if not self._exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            for pid in tree:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        await asyncio.wait({self._exited}, timeout=_GONE_S)
        for pid in tree:
            await _gone(pid)

    async def _settle(self) -> None:
        """See the last of its processes gone, and do what is to be done after that, once."""
        if self._settling is None:
            self._settling = self._loop.create_task(self._end())
        await asyncio.shield(self._settling)

    async def _end(self) -> None:
        code = await asyncio.shield(self._exited)
        status = b""
        if self._start.status in self._open and self._start.status is not None:
            with contextlib.suppress(BlockingIOError):
                status = os.read(self._start.status, 65536)
            self._close(self._start.status)
            first = _FIRST_PID.search(status)
            if first:  # of a PID namespace: with it the last of its processes is gone
                await _gone(int(first[1]))
            if code > 0 and not self._killed and not _EXIT_CODE.search(status):
                said = self._head.decode(errors="replace").strip()
                self._failed = f"the command was not started: {said or f'status {code}'}"
        if self._start.after is not None:
            self._notes += await asyncio.to_thread(self._start.after)
        if note := bounds.hit(code, self._start.limits):
            self._notes.append(note)

    async def _result(self, timed_out: bool) -> CommandResult:
        """Say how it ended, once it has."""
        await self._settle()
        if self._failed:
            raise SandboxError(self._failed)
        code = self._exited.result()
        return CommandResult(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            timed_out=timed_out,
            seconds=time.monotonic() - self._began,
            total_bytes=self._total,
            notes=tuple(self._notes),
        )

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)


def _popen(start: Start) -> tuple[subprocess.Popen[bytes], int, int | None]:
    """Start it; return it with our ends of its output and its input."""
    streams = open_streams(stdin=start.stdin, stderr=start.stderr, pty=start.pty)
    stdin, stdout, stderr = streams.theirs
    try:
        popen = subprocess.Popen(
            start.argv,
            cwd=start.cwd,
            env=start.env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=start.pass_fds,
            start_new_session=True,
        )
    except BaseException:
        close_all({end for end in (streams.output, streams.input) if end is not None})
        raise
    finally:
        close_all({*streams.theirs})
    return popen, streams.output, streams.input


async def _gone(pid: int) -> None:
    """Wait, within reason, until a process that was killed is no more."""
    deadline = time.monotonic() + _GONE_S
    # no event tells of the end of a process that is not ours
    while alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110  # the kernel has no event to wait for here
        await asyncio.sleep(0.002)


async def to_the_end(work: Awaitable[_T]) -> _T:
    """Finish the work even when cancelled meanwhile; then pass the cancellation on."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()

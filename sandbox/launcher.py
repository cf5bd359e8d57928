"""Starting a command through `_launch.py`, which keeps track of all that the command starts."""

from __future__ import annotations

import contextlib
import marshal
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict

from sandbox.base import Command, SandboxError
from sandbox.limits import Bounded
from sandbox.process import Child, Start
from sandbox.streams import memory_file

# last on the path, so that nothing beside our package hides the standard library; imported, since
# a script would be compiled anew each time
_MAIN = (
    f"import sys; sys.path.append({str(Path(__file__).parents[1])!r});"
    " from sandbox._launch import main; main()"
)


class Orders(TypedDict):
    """What the launcher is to do; plain values only, since they travel marshalled."""

    argv: list[str]
    cwd: str
    terminal: bool
    limits: list[tuple[int, int, int]]  # kind, soft, hard
    group: str  # where to enter a group of processes; empty for none
    lifeline: int
    status: int
    temporary: str  # removed afterwards; empty for none
    contained: bool
    network: bool
    rules: list[tuple[str, int]]
    filter: bytes


def private_folder() -> Path:
    """Make the temporary folder of one command; raises SandboxError when that is impossible."""
    try:
        return Path(tempfile.mkdtemp(prefix="wisp-")).resolve()
    except OSError as error:
        raise SandboxError(f"no temporary folder can be made: {error.strerror}") from error


def launch(
    command: Command,
    environment: Mapping[str, str],
    *,
    temporary: Path | None = None,
    rules: list[tuple[str, int]] | None = None,
    call_filter: bytes = b"",
    after: Callable[[], tuple[str, ...]] | None = None,
    pipe: bool,
    pty: bool = False,
) -> Child:
    """Start the command, held by `rules` and `call_filter` where these are given.

    `temporary` is removed when the command has ended, then `after` is called. Raises SandboxError.
    """
    if command.mounts:
        raise SandboxError("showing a folder at another path needs bubblewrap")
    bounded = Bounded(command.limits, after)
    ours, theirs = os.pipe(), os.pipe()  # (their end, our end) and (our end, their end)
    lifeline, status = ours[1], theirs[0]
    os.set_blocking(status, False)
    orders = Orders(
        argv=list(command.argv),
        cwd=str(command.cwd),
        terminal=pty,
        limits=bounded.limits,
        group=bounded.door,
        lifeline=ours[0],
        status=theirs[1],
        temporary=str(temporary or ""),
        contained=rules is not None,
        network=command.network,
        rules=rules or [],
        filter=call_filter,
    )
    orders_fd = memory_file(marshal.dumps(dict(orders)))
    try:
        return Child(
            Start(
                (sys.executable, "-I", "-S", "-c", _MAIN, str(orders_fd)),
                cwd=Path("/"),
                env=environment,
                stdin="pipe" if pipe else "none",
                pty=pty,
                pass_fds=(orders_fd, ours[0], theirs[1]),
                wrappers=1,
                lifeline=lifeline,
                status=status,
                limits=command.limits,
                after=bounded.release,
            )
        )
    except OSError as error:
        bounded.release()
        if temporary is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary)
        raise SandboxError(f"the command was not started: {error}") from error

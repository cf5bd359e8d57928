"""The descriptors between us and a child: pipes or a terminal, a log, a file in memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PIPE = 1 << 20  # bytes the kernel may hold for us; fewer wake-ups for a flood


@dataclass(frozen=True, slots=True)
class Streams:
    """The child's first three, and our ends of its output and its input, which do not block.

    On a terminal all of the child's are one, and both of ours. Without an input there is no end.
    """

    theirs: tuple[int, int, int]
    output: int
    input: int | None


def open_streams(
    *, stdin: Literal["none", "pipe"], stderr: Path | Literal["output", "none"], pty: bool
) -> Streams:
    """Open them; whoever asked closes both sides. Raises OSError, and leaves nothing open then."""
    opened: list[int] = []
    try:
        to_input = None
        if pty:
            output, stdout = os.openpty()
            opened += (output, stdout)
            to_input, child_in = output, stdout
        else:
            output, stdout = os.pipe()
            opened += (output, stdout)
            if stdin == "pipe":
                child_in, to_input = os.pipe()
                opened += (child_in, to_input)
            else:
                child_in = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                opened.append(child_in)
        errors = stdout
        if isinstance(stderr, Path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            errors = os.open(stderr, flags, 0o600)
            opened.append(errors)
        elif stderr == "none":
            errors = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            opened.append(errors)
        for end in {output, to_input} - {None}:
            assert end is not None
            os.set_blocking(end, False)
        _widen(output)
    except BaseException:
        close_all(set(opened))
        raise
    return Streams((child_in, stdout, errors), output, to_input)


def memory_file(data: bytes) -> int:
    """Return a descriptor that reads as these bytes, for a child."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("wisp", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def close_all(descriptors: set[int]) -> None:
    """Close them, each once, also when called again."""
    while descriptors:
        os.close(descriptors.pop())


def _widen(pipe: int) -> None:
    """Ask for a larger pipe, where that exists and is not used up."""
    import fcntl

    command = getattr(fcntl, "F_SETPIPE_SZ", None)
    if command is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, command, _PIPE)

"""The terminal as Textual writes to it, also when it is taken away."""

from __future__ import annotations

import os
from typing import Any

from textual.drivers.linux_driver import LinuxDriver


class Driver(LinuxDriver):
    """Textual's own, whose output goes nowhere once the terminal is gone.

    Its writer is a thread that dies of the first error; whoever writes to it then waits for ever.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._file: Any = _Steady(self._file)


class _Steady:
    """A stream that is not there any more, once it failed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except OSError:
            self._gone()

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._gone()

    def fileno(self) -> int:
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        return bool(self._stream.isatty())

    def _gone(self) -> None:
        # what is still buffered is flushed at the end of the process, and must not fail there
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

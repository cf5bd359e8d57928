"""A terminal for a program of ours: a PTY, an emulator behind it, and how it was left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte

PATIENCE_S = 30.0
_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
# private modes that a program must have taken back at its end: mouse, focus, alternate screen,
# bracketed paste, in-band sizes
BACK = ("1000", "1002", "1003", "1004", "1006", "1015", "1049", "2004", "2048")
CURSOR = "25"
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "alt+left": "\x1b[1;3D",
    "alt+right": "\x1b[1;3C",
    "pageup": "\x1b[5~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
}


class NotSeen(AssertionError):
    """What was waited for did not come."""


class Terminal:
    """One program on a terminal of its own; `screen` is what a person would see."""

    def __init__(self, argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> None:
        self.columns, self.rows = 100, 30
        self._screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self._screen)
        self.written = bytearray()
        self._ended: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:  # pragma: no cover  # another process
            os.chdir(cwd)
            os.execvpe(str(argv[0]), [str(each) for each in argv], dict(env))
        self.resize(self.columns, self.rows)
        self._before = termios.tcgetattr(self._fd)

    # -- what is on it

    def screen(self) -> str:
        """Return what stands on the screen now."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def wait(self, words: str | Callable[[str], bool], patience: float = PATIENCE_S) -> str:
        """Wait until words are on the screen, or until it satisfies; return it. Raises NotSeen."""
        seen = (lambda text: words in text) if isinstance(words, str) else words
        end = time.monotonic() + patience
        while not seen(self.screen()):
            if time.monotonic() > end or not self._read(0.2):
                raise NotSeen(f"not seen: {words!r}\n{self.screen()}")
        return self.screen()

    def wait_gone(self, words: str, patience: float = PATIENCE_S) -> str:
        """Wait until words are not on the screen any more."""
        return self.wait(lambda text: words not in text, patience)

    def look(self) -> None:
        """Take in what was written since."""
        self._read(0.05)

    # -- what a person does

    def type(self, text: str) -> None:
        """Type text."""
        os.write(self._fd, text.encode())

    def press(self, *keys: str) -> None:
        """Press keys, by name or as they are."""
        for key in keys:
            self.type(KEYS.get(key, key))

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self.columns, self.rows = columns, rows
        self._screen.resize(rows, columns)
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)

    def kill(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """Take the terminal away, as a window that is closed does."""
        os.close(self._fd)
        self._fd = -1

    # -- how it ends

    def end(self, patience: float = PATIENCE_S) -> int:
        """Wait for its end; return its exit code, or 128 and the signal."""
        until = time.monotonic() + patience
        while self._ended is None:
            if time.monotonic() > until:
                raise NotSeen(f"it does not end\n{self.screen()}")
            self._read(0.1)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                self._ended = code if code >= 0 else 128 - code
        while self._read(0.1):
            pass
        return self._ended

    def left(self) -> list[str]:
        """Return what is not as it was before: modes that were not taken back."""
        state: dict[str, str] = {}
        for found in _MODE.finditer(bytes(self.written)):
            for mode in found[1].decode().split(";"):
                state[mode] = found[2].decode()
        amiss = [f"mode {mode} is on" for mode in BACK if state.get(mode) == "h"]
        if state.get(CURSOR) == "l":
            amiss.append("the cursor is hidden")
        if self.written.count(b"\x1b[>1u") > self.written.count(b"\x1b[<u"):
            amiss.append("the protocol of keys is another")
        with contextlib.suppress(termios.error):
            if termios.tcgetattr(self._fd)[3] != self._before[3]:
                amiss.append("the line is not as it was")
        return amiss

    def close(self) -> None:
        """End it whatever it does."""
        if self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _read(self, seconds: float) -> bool:
        """Take in what it wrote; False when it has gone."""
        if self._fd < 0:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return False
        self.written += data
        # the emulator prints what it does not know
        self._stream.feed(re.sub(rb"\x1b\[[<>=][\d;]*u|\x1b\[\?[\d;$]*[pu]", b"", data))
        return bool(data)


@contextlib.contextmanager
def terminal(
    argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a program on a terminal, ended at the end of the block."""
    whole = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
    for size in ("COLUMNS", "LINES"):  # of the terminal that the tests run on, if on any
        whole.pop(size, None)
    opened = Terminal(argv, cwd, whole)
    try:
        yield opened
    finally:
        opened.close()

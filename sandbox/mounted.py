"""Sees that what bubblewrap mounted is what was planned, before the command runs.

bubblewrap takes paths, and a command in the background may put a link in place of a folder between
our look at it and the mount. So bubblewrap waits when its view is complete, and the kernel's
own list of its mounts says what was mounted, and where.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sandbox.base import SandboxError
from sandbox.descendants import descendants
from sandbox.plan import Shown
from sandbox.process import Child

_PATIENCE_S = 10.0
_PAUSE_S = 0.001  # between two looks: mounting takes 20 times as long, and the same processor
_PID = re.compile(rb'"child-pid": (\d+)')
_ESCAPED = str.maketrans({char: f"\\{ord(char):03o}" for char in " \t\n\\"})
_Mounts = Counter[tuple[str, str, str]]  # device, path on it, mount point


class Moved(SandboxError):
    """What lies in the workspace was changed while it was mounted; nothing was run."""


class Gate:
    """Holds one command back: `options` are bubblewrap's, `passed` the child's descriptors."""

    def __init__(self) -> None:
        ends, self._open = os.pipe()
        # a reader that writes too never reads an end: nothing runs when we are killed
        self._theirs = os.open(f"/proc/self/fd/{ends}", os.O_RDWR)
        os.close(ends)
        self._told, self._tell = os.pipe()
        self.passed = (self._theirs, self._tell)
        self.options = ("--block-fd", str(self._theirs), "--info-fd", str(self._tell))

    def open(self, child: Child, shown: Iterable[Shown]) -> None:
        """Wait for the mounts, and let the command run; raises Moved, and ends it, otherwise."""
        try:
            if self._fits(shown):
                with contextlib.suppress(BrokenPipeError):  # bubblewrap gave up: `wait` says why
                    os.write(self._open, b"\0" * 8)
                return
        except BaseException:
            self.end(child)
            raise
        self.end(child)
        raise Moved(
            "the command was not started: folders of the workspace were exchanged meanwhile;"
            " end what runs in the background and try again"
        )

    def close(self) -> None:
        """Let go of our ends."""
        os.close(self._open)
        os.close(self._told)

    @staticmethod
    def end(child: Child) -> None:
        """Kill a command that was not let run.

        Its inner process waits for a word that never comes, and is not yet tied to the outer one.
        """
        for pid in (*descendants(child.pid), -child.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _fits(self, shown: Iterable[Shown]) -> bool:
        """Whether all is where it should be; also where bubblewrap gave up, which shows later."""
        end = time.monotonic() + _PATIENCE_S
        pid = self._pid(end)
        if not pid:
            return True
        here = _mounts("self")
        wanted = Counter(_planned(one, here) for one in shown)
        before: _Mounts = Counter()
        while time.monotonic() < end:
            try:
                # in this order: one that waits has mounted all; to read its mounts holds it up
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                there = _mounts(pid) if state == "S" else None
            except OSError:
                return True
            if there is not None:
                if wanted <= there:
                    return True
                points = {point for _, _, point in there}  # none while it changes its root
                made = (
                    there != here and "/" in points and not any("/newroot" in at for at in points)
                )
                if made and there == before:
                    return False
                before = there
            time.sleep(_PAUSE_S)  # the kernel has no event to wait for here
        return False

    def _pid(self, end: float) -> str:
        said = b""
        while b"}" not in said and select.select([self._told], [], [], end - time.monotonic())[0]:
            more = os.read(self._told, 4096)
            if not more:
                return ""
            said += more
        found = _PID.search(said)
        return found[1].decode() if found else ""


def _mounts(pid: str) -> _Mounts:
    text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    fields = (line.split(" ", 5) for line in text.split("\n") if line)
    return Counter((device, root, point) for _, _, device, root, point, _ in fields)


def _planned(one: Shown, here: _Mounts) -> tuple[str, str, str]:
    """Return the mount that shows it: no link is on the way, so the path says where it lies."""
    source, target = (str(path).translate(_ESCAPED) for path in (one.source, one.target))
    above = [each for each in here if _within(source, each[2])]
    device, root, point = max(above, key=lambda each: len(each[2]))
    rest = source[len(point) :] if point != "/" else source
    return device, (root.rstrip("/") + rest) or "/", target


def _within(path: str, top: str) -> bool:
    return top == "/" or path == top or path.startswith(f"{top}/")

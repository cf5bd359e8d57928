"""Ends what a kill of this process leaves behind.

bubblewrap ties its first process to us only after it cloned the second, and the second to the first
only when the view is complete. Who is killed between leaves an orphan that no signal reaches: it
waits for a word of the dead first process, or runs the command. So one small shell per process
outlives us, and kills whatever bears our mark on its command line.

A look at /proc can miss what is cloned meanwhile, and what was forked but is not yet bubblewrap
bears no mark. Therefore all of these hold a line, and only its end, which comes when the last of
them is gone, ends the watcher; then it removes the masks that nobody uses any more.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox.masks import MARK
from sandbox.process import start_detached

# It is told the paths of masks, and at last `end` where we leave by ourselves; `cat` takes them in
# together, since a shell that keeps a list line by line copies all of it for each.
# The pauses grow, so that what cannot be killed does not keep a processor busy; after two minutes
# it is left alone. Each ends at once with the line.
_SCRIPT = r"""
line=$1; read -r mark || exit
told=$(cat)
case $told in end | *"
end") exit;; esac
for pause in 0.01 0.02 0.02 0.05 0.05 0.1 0.1 0.2 0.2 0.5 0.5 1 1 2 2 5 5 10 30 60; do
  for path in $(echo "$mark" | grep -lsF -f - /proc/[0-9]*/cmdline); do
    pid=${path#/proc/}; kill -9 "${pid%/cmdline}" 2>/dev/null
  done
  timeout "$pause" cat "/proc/self/fd/$line" && break
done
[ -z "$told" ] || printf '%s\n' "$told" | tr '\n' '\0' | xargs -0 sh -c '
find "$@" -maxdepth 0 ! -newermt @MARK -exec flock -nx {} rmdir {} \;' sh 2>/dev/null
""".replace("MARK", str(MARK))

_told: set[bytes] = set()


@dataclass(frozen=True, slots=True)
class Watch:
    """What a sandbox of this process needs, so that it does not outlive us.

    `mark` must stand on its command line, and the descriptor `line`, or a copy, be held by it until
    nothing can be left; it is not the command's.
    """

    mark: str
    line: int
    tell: Callable[[bytes], None]

    def masked(self, path: Path) -> None:
        """Have an empty folder of ours removed when we are killed, if nobody holds it then."""
        data = os.fsencode(path)
        if b"\n" not in data and data not in _told:
            _told.add(data)
            self.tell(data + b"\n")


@cache
def watch() -> Watch:
    """Return what marks this process's sandboxes, and start the watcher at the first call.

    The mark reaches the watcher by its standard input, so that it does not find itself. Raises
    OSError when it cannot be started.
    """
    word = f"WISP_{secrets.token_hex(8)}"
    ends, line = os.pipe()
    argv = ("/bin/sh", "-c", _SCRIPT, "sh", str(ends))
    try:
        watcher = start_detached(argv, {"PATH": os.defpath}, pass_fds=(ends,))
    except BaseException:
        os.close(line)
        raise
    finally:
        os.close(ends)
    assert watcher.stdin is not None
    alive = watcher.stdin

    def tell(data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody ended it before us
            alive.write(data)
            alive.flush()

    tell(word.encode() + b"\n")

    def end() -> None:
        # we leave by ourselves, and leave nothing
        with contextlib.suppress(BrokenPipeError):  # somebody ended it before us
            alive.write(b"end\n")
            alive.close()
        watcher.wait()

    atexit.register(end)
    return Watch(word, line, tell)

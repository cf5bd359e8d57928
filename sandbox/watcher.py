"""Ends what a kill of this process leaves behind.

bubblewrap dies with its parent, but for a moment of its set-up: who is killed just then leaves a
process that waits for ever. So one small shell per process outlives us for two seconds and kills
whatever bears our mark on its command line.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
from functools import cache

from sandbox.process import start_detached

_SCRIPT = """
read -r mark || exit
while read -r word; do [ "$word" = end ] && exit; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  for path in $(echo "$mark" | grep -lsF -f - /proc/[0-9]*/cmdline); do
    pid=${path#/proc/}; kill -9 "${pid%/cmdline}" 2>/dev/null
  done
  sleep 0.2
done
"""


@cache
def mark() -> str:
    """Return the mark of this process's sandboxes, and start the watcher at the first call.

    The mark reaches the watcher by its standard input, so that it does not find itself. Raises
    OSError when it cannot be started.
    """
    word = f"WISP_{secrets.token_hex(8)}"
    watcher = start_detached(("/bin/sh", "-c", _SCRIPT), {"PATH": os.defpath})
    assert watcher.stdin is not None
    line = watcher.stdin
    line.write(word.encode() + b"\n")
    line.flush()

    def end() -> None:
        # we leave by ourselves, and leave nothing
        with contextlib.suppress(BrokenPipeError):  # somebody ended it before us
            line.write(b"end\n")
            line.close()
        watcher.wait()

    atexit.register(end)
    return word

"""A command on a terminal, and a person who types."""

from __future__ import annotations

import os
import pty
import select
import time
from pathlib import Path


def converse(command: list[str | Path], cwd: Path, answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal; type each answer once its question is shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        os.execv(command[0], [str(each) for each in command])
    shown, left = "", dict(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how Linux says that the other end has gone
                break
            if not data:
                break
            shown += data.decode(errors="replace")
        for question in [each for each in left if each in shown]:
            os.write(terminal, left.pop(question).encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown

"""A command on a terminal, and a person who types."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Answer = str | Callable[[], str]


def on_terminal(
    command: Sequence[str | Path],
    cwd: Path,
    answers: Mapping[str, Answer] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Run a command on a terminal; type each answer once its question is shown.

    An answer that is a function is called then, and returns what to type. Returns the command's
    code and every byte that reached the terminal.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        os.environ.update(env or {})
        os.execv(command[0], [str(each) for each in command])
    shown, left = b"", dict(answers or {})
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how Linux says that the other end has gone
                break
            if not data:
                break
            shown += data
        for question in [each for each in left if each.encode() in shown]:
            answer = left.pop(question)
            os.write(terminal, (answer if isinstance(answer, str) else answer()).encode())
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def converse(
    command: Sequence[str | Path], cwd: Path, answers: Mapping[str, Answer]
) -> tuple[int, str]:
    """Do the same, and return what was shown as text."""
    code, shown = on_terminal(command, cwd, answers)
    return code, shown.decode(errors="replace")

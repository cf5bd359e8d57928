"""The log of a session: one event a line, appended, never rewritten.

A line is written by a single `write`, so a kill loses at most the line under way. A reader leaves
a torn last line out, keeps what follows damage in the middle and says so, and closes whatever the
kill left open; the next writer moves the torn line to a file beside the log. The writer holds a
lock on the log itself: so it is known to be in use, and no longer once its process is gone.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from agent.claim import claimed
from agent.errors import UsageError, WispError
from agent.events import (
    SCHEMA,
    UNLOGGED,
    AttemptFinished,
    AttemptStarted,
    Base,
    Event,
    SessionStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    as_line,
    parse,
)
from tools.base import ToolResult

_STEP = 1 << 16  # bytes looked at for the end of the last whole line
INTERRUPTED = "interrupted: the program ended while this was running; it may have had effects"


class LogWriter:
    """Appends events to a file that only its user can read. Raises WispError when it cannot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = _opened(path)
            if not claimed(self._fd):
                os.close(self._fd)
                raise UsageError(
                    f"the session {path.stem} is in use by another process",
                    "--fork goes on from it in a session of its own",
                )
            self._mend()
        except OSError as error:
            raise self._failed(error) from error

    def write(self, event: Base) -> None:
        """Append one event, unless it is of a kind that is not kept. Raises WispError."""
        if isinstance(event, UNLOGGED):
            return
        line = as_line(event).encode() + b"\n"
        try:
            written = os.write(self._fd, line)
            if written != len(line):
                os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_END) - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if isinstance(event, TurnFinished):
                os.fsync(self._fd)  # a power cut may cost the turn under way, not a finished one
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _mend(self) -> None:
        """Move a torn last line aside; what comes now stands on a line of its own."""
        data = b""
        start = os.lseek(self._fd, 0, os.SEEK_END)
        while start and b"\n" not in data:
            step = min(start, _STEP)
            start -= step
            data = os.pread(self._fd, step, start) + data
        torn = data[data.rfind(b"\n") + 1 :]
        if torn:
            aside = _opened(self.path.with_suffix(".corrupt"))
            try:
                os.write(aside, torn + b"\n")
            finally:
                os.close(aside)
            os.ftruncate(self._fd, start + len(data) - len(torn))

    def _failed(self, error: OSError) -> WispError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = (
            "free some space, then start again" if full else "XDG_STATE_HOME says where logs live"
        )
        return WispError(f"cannot write the session log {self.path}: {error.strerror}", hint)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@dataclass
class LogView:
    """What a log holds; `damage` has one line for each place that could not be read.

    The first of the `events` were written, each up to its byte in `ends`; the rest closes them.
    """

    events: list[Event] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    torn: bool = False


def read(path: Path) -> LogView:
    """Read a log, whole events only, with what was open closed.

    Raises UsageError when it cannot be read at all or was written by a newer version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the session {path}: {error.strerror}") from error
    view = LogView()
    lines = data.split(b"\n")
    view.torn = lines[-1] != b""
    end = 0
    for number, line in enumerate(lines[:-1], 1):
        end += len(line) + 1
        try:
            event = parse(line)
        except (ValidationError, ValueError):
            if _newer(line):
                raise UsageError(f"{path} was written by a newer version of wisp") from None
            view.damage.append(f"{path.name}, line {number}: not an event")
            continue
        if isinstance(event, SessionStarted) and event.schema_version > SCHEMA:
            raise UsageError(f"{path} was written by a newer version of wisp")
        view.events.append(event)
        view.ends.append(end)
    view.events.extend(closing(view.events))
    return view


def _newer(line: bytes) -> bool:
    """Whether the line begins a log of a newer schema, which may have fields unknown here."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(raw, dict) or raw.get("type") != "session_started":
        return False
    version = raw.get("schema_version")
    return isinstance(version, int) and version > SCHEMA


def closing(events: Iterable[Base]) -> list[Event]:
    """Return the events that close what is still open at the end of these."""
    calls: dict[str, int | None] = {}  # open ones, and their attempt
    attempt: int | None = None
    turn = False
    last: Base | None = None
    for event in events:
        last = event
        match event:
            case ToolRequested(call=call):
                calls[call.id] = event.attempt
            case AttemptStarted():
                attempt = event.attempt
            case AttemptFinished():
                attempt = None
            case ToolFinished(call_id=call_id):
                calls.pop(call_id, None)
            case TurnStarted():
                turn = True
            case TurnFinished():
                turn = False
            case _:
                pass
    if last is None:
        return []
    seq = last.seq
    closed: list[Event] = []
    for call_id, of in calls.items():
        seq += 1
        result = ToolResult(text=INTERRUPTED, ok=False, summary="interrupted")
        end = ToolFinished(call_id=call_id, result=result, seq=seq, attempt=of, time=last.time)
        closed.append(end)
    if attempt is not None:
        seq += 1
        closed.append(
            AttemptFinished(verdict="cancelled", seq=seq, attempt=attempt, time=last.time)
        )
    if turn:
        seq += 1
        closed.append(
            TurnFinished(
                outcome="cancelled", error="interrupted", exit_code=130, seq=seq, time=last.time
            )
        )
    return closed

"""The log of a session: one event a line, appended, never rewritten.

A line is written by a single `write`, so a kill loses at most the line under way. A reader repairs
a torn last line by leaving it out, keeps what follows damage in the middle and says so, and closes
whatever the kill left open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from agent.errors import UsageError, WispError
from agent.events import (
    SCHEMA,
    UNLOGGED,
    Base,
    Event,
    SessionStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    parse,
)
from tools.base import ToolResult

INTERRUPTED = "interrupted: the program ended while this was running; it may have had effects"


class LogWriter:
    """Appends events to a file that only its user can read."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.path = path
        self._fd = os.open(path, flags, 0o600)

    def write(self, event: Base) -> None:
        """Append one event, unless it is of a kind that is not kept. Raises WispError."""
        if isinstance(event, UNLOGGED):
            return
        line = event.model_dump_json(exclude_defaults=False).encode() + b"\n"
        try:
            if os.write(self._fd, line) != len(line):
                raise OSError(28, "No space left on device")
            if isinstance(event, TurnFinished):
                os.fsync(self._fd)  # a power cut may cost the turn under way, not a finished one
        except OSError as error:
            message = f"cannot write the session log {self.path}: {error.strerror}"
            raise WispError(message, "free some space, then start again") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


@dataclass
class LogView:
    """What a log holds; `damage` has one line for each place that could not be read."""

    events: list[Event] = field(default_factory=list)
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
    for number, line in enumerate(lines[:-1], 1):
        try:
            event = parse(line)
        except (ValidationError, ValueError):
            view.damage.append(f"{path.name}, line {number}: not an event")
            continue
        if isinstance(event, SessionStarted) and event.schema_version > SCHEMA:
            raise UsageError(f"{path} was written by a newer version of wisp")
        view.events.append(event)
    view.events.extend(closing(view.events))
    return view


def closing(events: Iterable[Event]) -> list[Event]:
    """Return the events that close what is still open at the end of these."""
    calls: dict[str, None] = {}
    turn = False
    last: Base | None = None
    for event in events:
        last = event
        match event:
            case ToolRequested(call=call):
                calls[call.id] = None
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
    stamp = {"time": last.time}
    seq = last.seq
    closed: list[Event] = []
    for call_id in calls:
        seq += 1
        result = ToolResult(text=INTERRUPTED, ok=False, summary="interrupted")
        closed.append(ToolFinished(call_id=call_id, result=result, seq=seq, **stamp))
    if turn:
        seq += 1
        closed.append(
            TurnFinished(outcome="cancelled", error="interrupted", exit_code=130, seq=seq, **stamp)
        )
    return closed

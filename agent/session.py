"""One conversation in one workspace: its events redacted, stamped, folded, logged and passed on."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from agent.asked import Asked
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    Notice,
    SessionStarted,
    ToolRequested,
    TurnStarted,
)
from agent.flow import Live
from agent.history import History, whole
from agent.log import LogView, LogWriter, read
from agent.redaction import Redaction

Reader = Callable[[Base], None]


class Session:
    """Stamps each event with its number and time, then hands it to the history, log and readers.

    This is where secrets stay behind: the model is asked with what the history holds, and nobody
    else reads events from anywhere but here. What passes by other ways goes through `clean`.

    What comes between the start and the end of an attempt gets its number too. The log stays with
    the first turn, so a program that never gets that far leaves no file.
    """

    def __init__(
        self,
        session_id: str,
        log_path: Path,
        readers: tuple[Reader, ...] = (),
        redaction: Redaction | None = None,
    ) -> None:
        self.id = session_id
        self.log_path = log_path
        self.history = History()
        self.redaction = redaction or Redaction()
        self.clean = self.redaction.clean
        self._live = Live(self.redaction)
        self._told: set[str] = set()  # secrets whose absence was said
        self._readers = list(readers)
        self._log: LogWriter | None = None
        self._seq = 0
        self._attempt: int | None = None
        self._asked: Asked | None = None  # who answered last
        self.provisional = False  # new, or a fork, and nothing was done in it yet

    def start(self, started: SessionStarted) -> None:
        """Open the log and say who we are; the first event of every session."""
        self._log = LogWriter(self.log_path)
        self.provisional = True
        self.emit(started)

    def reopen(self) -> LogView:
        """Go on with the log that is there, and return what it holds. Raises WispError.

        What a kill left open is closed in the log too, and no reader is told of what was before.
        """
        self._log = LogWriter(self.log_path)
        view = read(self.log_path)
        for closing in view.events[len(view.ends) :]:
            self._log.write(closing)
        self.history = History.of(view.events)
        if view.damage:
            self.history.messages = whole(self.history.messages)
        self._seq = max((each.seq for each in view.events), default=0)
        return view

    def listen(self, reader: Reader) -> None:
        """Let another one read what comes from now on."""
        self._readers.append(reader)

    def emit(self, event: Base) -> None:
        """Take in one event. Raises WispError when the log cannot be written."""
        asked = getattr(event, "asked", None)
        if asked is not None and asked == self._asked:
            event = event.model_copy(update={"asked": None})  # who it was is known
        self._asked = asked or self._asked
        for each in self._live.passing(event):
            self._pass(each)
        fresh, self._told = self.redaction.names - self._told, set(self.redaction.names)
        if fresh:
            names = ", ".join(sorted(fresh))
            self._pass(Notice(text=f"left out of what is read, shown and logged: {names}"))

    def _pass(self, event: Base) -> None:
        self._seq += 1
        if isinstance(event, TurnStarted | ToolRequested):
            self.provisional = False
        if isinstance(event, AttemptStarted):
            self._attempt = event.attempt
        attempt = self._attempt if event.attempt is None else event.attempt
        stamp = {"seq": self._seq, "time": time.time(), "attempt": attempt}
        if isinstance(event, AttemptFinished):
            self._attempt = None
        stamped = event.model_copy(update=stamp)
        self.history.apply(stamped)
        if self._log is not None:
            self._log.write(stamped)
        for reader in self._readers:
            reader(stamped)

    def close(self) -> None:
        """Close the log, for good; one with no turn and no call in it is removed."""
        if self._log is not None:
            if self.provisional:
                self.log_path.unlink(missing_ok=True)
            self._log.close()
            self._log = None


def new_id(now: datetime | None = None) -> str:
    """Return a name for a session that sorts by time."""
    when = (now or datetime.now(UTC)).strftime("%Y%m%d-%H%M%S")
    return f"{when}-{secrets.token_hex(3)}"


def workspace_key(root: Path) -> str:
    """Return the name under which things about a workspace are kept."""
    digest = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name)[:40].strip("-.") or "root"
    return f"{readable}-{digest}"

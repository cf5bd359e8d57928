"""Who changes files in a workspace: one session at a time, from its first change to its end.

Reading needs no place. The place is a lock on a file in the state directory, so it is free again
once its holder's process is gone, however that went; what stands in the file is only for people.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from agent.claim import claimed
from agent.errors import Blocked, WispError
from agent.sessions import folder

HINT = "with -w it works in a git worktree of its own"
_TRIES, _PAUSE_S = 10, 0.02  # another one may be holding it only to look


class Place:
    """The place of one session in the workspace at `root`."""

    def __init__(self, root: Path, session: str) -> None:
        self._path = folder(root) / "at-work"
        self._session = session
        self._held: int | None = None

    def taken(self) -> str:
        """Say who has it now, in words; empty when nobody does."""
        if self._held is not None:
            return ""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return ""  # nobody was ever at work here
        try:
            return "" if claimed(descriptor) else _words(os.pread(descriptor, 4096, 0))
        finally:
            os.close(descriptor)

    def take(self) -> None:
        """Take the place, once. Raises Blocked, with who has it, when it is not free."""
        if self._held is not None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise WispError(f"cannot write {self._path}: {error.strerror}") from error
        for _ in range(_TRIES):
            if claimed(descriptor):
                break
            time.sleep(_PAUSE_S)
        else:
            who = _words(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise Blocked(who, HINT)
        about = {"session": self._session, "pid": os.getpid(), "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        self._held = descriptor

    def leave(self) -> None:
        """Give it up."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _words(written: bytes) -> str:
    what = "another session changes files here"
    try:
        about = json.loads(written)
        since = time.strftime("%H:%M", time.localtime(float(about["since"])))
        return f"{what}: {about['session']}, process {about['pid']}, since {since}"
    except (ValueError, KeyError, TypeError):
        return what  # it has only just come

"""Nothing typed is lost: earlier prompts of a workspace, unsent text, and what waits in the queue.

`prompts` below the folder of the workspace's sessions has `history.jsonl`, to which any process may
append, and `draft.json`. Only the user may read them. What is broken in them counts as not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent.sessions import folder

KEPT = 1000  # prompts
SLACK = 250  # more than that before the file is rewritten
LARGEST = 4 << 20  # bytes; the oldest go first


class Drafts:
    """What was typed in one workspace; `clean` takes the secrets out before anything is written.

    No method raises for a disk that fails: what went wrong is returned once, then only an empty
    string.
    """

    def __init__(self, root: Path, clean: Callable[[str], str]) -> None:
        # not beside the logs: every `.jsonl` there is a session
        self._folder = folder(root) / "prompts"
        self._history = self._folder / "history.jsonl"
        self._draft = self._folder / "draft.json"
        self._clean = clean
        self._last = ""  # prompt written, so that it is not written twice in a row
        self._lines = 0
        self._told = False

    def history(self) -> list[str]:
        """Return the prompts, the oldest first; the same one twice in a row counts once."""
        data = _read(self._history)
        found: list[str] = []
        for line in data.splitlines():
            text = _prompt(line)
            if text and found[-1:] != [text]:
                found.append(text)
        self._lines = data.count(b"\n")
        self._last = found[-1] if found else ""
        return found[-KEPT:]

    def add(self, text: str) -> str:
        """Append a prompt; return what went wrong."""
        text = self._clean(text)
        if not text or text == self._last:
            return ""
        line = json.dumps({"prompt": text}).encode("ascii") + b"\n"
        try:
            with self._locked():
                self._append(line)
                if self._lines > KEPT + SLACK or self._history.stat().st_size > LARGEST:
                    self._shorten()
        except OSError as error:
            return self._say(error)
        self._last = text
        return ""

    def keep(self, draft: str, queued: Sequence[str]) -> str:
        """Write unsent text and what is queued in place of what was there; say what went wrong."""
        try:
            if not draft and not queued:
                self._draft.unlink(missing_ok=True)
                return ""
            kept = {"draft": self._clean(draft), "queued": [self._clean(each) for each in queued]}
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self._draft, json.dumps(kept).encode("ascii"))
        except OSError as error:
            return self._say(error)
        return ""

    def kept(self) -> tuple[str, list[str]]:
        """Return the unsent text and what was queued when it was last written."""
        try:
            found = json.loads(_read(self._draft))
            draft, queued = found["draft"], found["queued"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return "", []
        if not isinstance(draft, str) or not isinstance(queued, list):
            return "", []
        return draft, [each for each in queued if isinstance(each, str)]

    # -- within

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder, so that nobody appends to a file that is being replaced."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def _append(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._history, flags, 0o600)
        try:
            size = os.fstat(file).st_size
            # who was killed while writing has left a line without its end
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(file, line)
        finally:
            os.close(file)
        self._lines += 1

    def _shorten(self) -> None:
        """Leave the newest prompts that there is room for."""
        left: list[bytes] = []
        size = 0
        for line in reversed(_read(self._history).splitlines(keepends=True)):
            size += len(line)
            if len(left) == KEPT or (left and size > LARGEST // 2):
                break
            left.append(line)
        _replace(self._history, b"".join(reversed(left)))
        self._lines = len(left)

    def _say(self, error: OSError) -> str:
        if self._told:
            return ""
        self._told = True
        return f"what you type is not kept: {error.strerror or error}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _prompt(line: bytes) -> str:
    """Return the prompt of a line, nothing where it is none."""
    try:
        found = json.loads(line)["prompt"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that a reader sees the old or the new."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise

"""Where a report goes: a file that the user named, or the summary of a CI job.

A file that is there is replaced if it is a report of ours, else it is left alone; no link is
followed. A job's summary is appended to, as GitHub wants it.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from agent.errors import Failed, UsageError, ran_short
from agent.report.drawing import MARKS, Form, form_of

SUMMARY = "GITHUB_STEP_SUMMARY"
_OTHER = "--out another name"


def place(name: str, folder: Path) -> Path:
    """Return the file that a name means, from this folder. Raises UsageError."""
    try:
        return folder / Path(name).expanduser()
    except RuntimeError as error:  # a ~user who is unknown
        raise UsageError(f"cannot write the report {name}: {error}", _OTHER) from error


def form_at(path: Path) -> Form:
    """Return in which form a report goes to this place. Raises UsageError."""
    return "markdown" if _is_summary(path) else form_of(path)


def ready(path: Path) -> None:
    """Raise UsageError where no report can be written: before the work that it is to be of."""
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder for the report: {path.parent}", "mkdir it first")
    if not _is_summary(path):
        _free(path)


def write(path: Path, text: str) -> None:
    """Write a report. Raises UsageError for a place that is taken, Failed where it cannot."""
    ready(path)
    try:
        if _is_summary(path):
            _append(path, text)
        else:
            _replace(path, text)
    except OSError as error:
        told = ran_short(error)
        raise told or Failed(f"cannot write the report {path}: {error.strerror}") from error


def _is_summary(path: Path) -> bool:
    named = os.environ.get(SUMMARY)
    return bool(named) and Path(named or "").absolute() == path.absolute()


def _free(path: Path) -> None:
    """Raise UsageError for what is there and no report of ours."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot write the report {path}: {why}", _OTHER) from error
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        begins = os.read(descriptor, 200) if regular else b""
    finally:
        os.close(descriptor)
    if not any(begins.startswith(mark.encode()) for mark in MARKS.values()):
        raise UsageError(f"{path} is there and is no report", _OTHER)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{secrets.token_hex(6)}.wisp-report")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(beside, flags, 0o666), "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _append(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
        file.write(text)

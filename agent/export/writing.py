"""Where an export goes: a file on this machine that only its user can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from agent.errors import Failed, UsageError, ran_short


def place(name: str) -> Path:
    """Return the file that a name means. Raises UsageError."""
    try:
        return Path.cwd() / Path(name).expanduser()
    except (RuntimeError, OSError) as error:  # a ~user who is unknown, a folder that is gone
        raise UsageError(f"cannot write {name}: {error}", "--out another name") from error


def write(path: Path, text: str, replace: bool) -> None:
    """Write it whole, or not at all. Raises UsageError for a place that is taken, Failed.

    A regular file is replaced with consent; what is no such file never is.
    """
    _free(path, replace)
    # what came there meanwhile is not written over without consent
    new = path.with_name(f".{secrets.token_hex(6)}.wisp-export") if replace else path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(new, flags, 0o600)
    except OSError as error:
        raise ran_short(error) or Failed(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if replace:
            new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise ran_short(error) or Failed(f"cannot write {path}: {error.strerror}") from error


def _free(path: Path, replace: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent}", "mkdir it first") from None
        return
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot write {path}: {why}", "--out another name") from error
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is there and is no file", "--out another name")
    if not replace:
        raise UsageError(f"{path} is there", "--yes replaces it")

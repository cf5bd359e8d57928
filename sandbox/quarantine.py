"""Moves what a command left at a wrong place out of the workspace, for a person to look at."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path

from sandbox import beneath


def quarantine_directory() -> Path:
    """Return where things are set aside: below our state, which no command sees."""
    from platformdirs import user_state_path

    return user_state_path("wisp") / "quarantine"


def set_aside(top: Path, path: Path) -> Path | None:
    """Move what has this name, a link itself, below `top`; return where it is now.

    None when it is gone, or cannot be moved. No link on the way is followed, so nothing outside of
    `top` is ever moved. On another file system than our state, it may stay beside its name.
    """
    parts = path.relative_to(top).parts
    mark = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    try:
        with beneath.folder(top, parts[:-1]) as parent:
            if beneath.name_free(parent, parts[-1]):
                return None
            with contextlib.suppress(OSError, shutil.Error):
                folder = quarantine_directory() / mark
                folder.mkdir(mode=0o700, parents=True)
                # by the descriptor, so that the way to it cannot be turned elsewhere
                shutil.move(f"/proc/self/fd/{parent}/{parts[-1]}", folder / parts[-1])
                return folder / parts[-1]
            beside = f"{parts[-1]}.set-aside-{mark}"
            os.rename(parts[-1], beside, src_dir_fd=parent, dst_dir_fd=parent)
            return path.with_name(beside)
    except OSError:
        return None


def put_back(top: Path, path: Path, data: bytes, mode: int) -> bool:
    """Write a file that was set aside as it had been; False where that cannot be done."""
    parts = path.relative_to(top).parts
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with (
            beneath.folder(top, parts[:-1]) as parent,
            os.fdopen(os.open(parts[-1], flags, mode, dir_fd=parent), "wb") as file,
        ):
            file.write(data)
            os.fchmod(file.fileno(), mode)
    except OSError:
        return False
    return True

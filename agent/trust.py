"""The settings that a repository brings along: read without being led astray, named by their hash.

What only makes Wisp more careful counts at once; what would run something counts after the user
trusted this very content.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageError
from sandbox import beneath

PLACE = (".wisp", "settings.toml")
LARGEST = 64 << 10  # bytes; more is no file of settings


@dataclass(frozen=True, slots=True)
class Content:
    """The file as it was read, once: what is trusted is what counts."""

    path: Path
    text: str

    @property
    def digest(self) -> str:
        """What the user's trust is for."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def content(root: Path) -> Content | None:
    """Return what a repository's settings say, None where it has none. Raises UsageError.

    No link is followed: it could name a file of the user's, which would then be quoted.
    """
    path = root.joinpath(*PLACE)
    try:
        with beneath.folder(root, PLACE[:-1]) as folder:
            descriptor = beneath.open_file(folder, PLACE[-1])
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe would hold us up for ever
                raise UsageError(f"cannot read {path}: not a file")
            data = os.read(descriptor, LARGEST + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        link = error.errno == errno.ELOOP
        raise UsageError(f"cannot read {path}: {'a link' if link else error.strerror}") from error
    if len(data) > LARGEST:
        raise UsageError(f"{path} is over {LARGEST >> 10} KB")
    try:
        return Content(path, data.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error

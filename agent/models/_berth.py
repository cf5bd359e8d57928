"""Where a shared host lives: a folder of its user's, and in that a socket, a card and a log.

The name of all three is made from what makes hosts differ, so nobody speaks to a host of another
version. The card says what its host does, and is locked for as long as that process lives.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent import __version__
from agent.claim import claimed, held
from agent.models._frames import Frame

LONGEST = 100  # bytes of a socket's path; macOS takes 103, Linux 107
# how a host that was started says that it listens, or that another has its place
LISTENS, TAKEN = 0, 3
_TRIES, _PAUSE_S = 10, 0.02  # another one may be holding the card only to look
_CARD = 4096  # bytes; always as many, so that no reader finds an old end behind a new start


@dataclass(frozen=True, slots=True)
class Berth:
    """The place of one host."""

    folder: Path
    name: str

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.name}.sock"

    @property
    def card(self) -> Path:
        """What it says of itself."""
        return self.folder / f"{self.name}.card"

    @property
    def log(self) -> Path:
        """What it wrote to stderr."""
        return self.folder / f"{self.name}.log"

    def taken(self) -> bool:
        """Whether a process holds it now."""
        try:
            descriptor = os.open(self.card, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return held(descriptor)
        finally:
            os.close(descriptor)

    def told(self) -> dict[str, Any]:
        """Return what stands on the card; nothing where it has only just been taken."""
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(self.card.read_bytes())
            return told if isinstance(told, dict) else {}
        return {}

    def clear(self) -> None:
        """Remove what a host that is gone left, unless another has the place by now."""
        with contextlib.suppress(OSError):
            card = Card(os.open(self.card, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW), self)
            if claimed(card.descriptor):
                card.remove()
            os.close(card.descriptor)


@dataclass(frozen=True, slots=True)
class Card:
    """The card of a berth, held by the process that lives there."""

    descriptor: int
    berth: Berth

    @classmethod
    def take(cls, berth: Berth) -> Card | None:
        """Take the place for as long as this process lives; None where another has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        for _ in range(_TRIES):
            descriptor = os.open(berth.card, flags, 0o600)
            if claimed(descriptor):
                os.ftruncate(descriptor, 0)
                return cls(descriptor, berth)
            os.close(descriptor)
            time.sleep(_PAUSE_S)
        return None

    def write(self, facts: Mapping[str, Any]) -> None:
        """Say what is so now; a disk that is full is no reason to fail."""
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, json.dumps(facts).encode().ljust(_CARD), 0)

    def remove(self) -> None:
        """Leave nothing behind, the card last, since it is what keeps others out."""
        for path in (self.berth.socket, self.berth.log, self.berth.card):
            path.unlink(missing_ok=True)


def folder_in(state: Path) -> Path | None:
    """Return the folder of all hosts; None where it cannot be one that only its user enters."""
    folder = state / "hosts"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
    return folder if ours and not about.st_mode & 0o077 else None


def berth_of(state: Path, identity: Frame) -> Berth | None:
    """Return the place of a host; None where it can have none."""
    folder = folder_in(state)
    if folder is None:
        return None
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    berth = Berth(folder, name)
    return berth if len(os.fsencode(berth.socket)) <= LONGEST else None


def identity_of(settings: Mapping[str, Any], environ: Mapping[str, str]) -> Frame:
    """Return what makes hosts differ; raises OSError where there is no such model file.

    `settings` are what the host loads, `environ` is what it sees of our environment.
    """
    path = Path(settings["path"]).resolve()
    about = path.stat()
    return {
        **settings,
        "path": str(path),
        "bytes": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "wisp": __version__,
        "source": _source(),
        "python": sys.prefix,
        "environ": dict(environ),
    }


@cache
def _source() -> str:
    """Return a digest of what hosts are made from."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()

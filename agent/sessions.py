"""The sessions kept on this machine: which there are, and which one a word means.

The log of a session is `sessions/WORKSPACE/ID.jsonl` below the state directory; what the user calls
it stands in `ID.name` beside it, so that it can be said while another process writes the log.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.config import state_path
from agent.errors import UsageError
from agent.session import workspace_key

LAST = "last"
NAME_LENGTH = 60
_SHOWN = 3  # of the sessions that a word could mean


@dataclass(frozen=True, slots=True)
class Kept:
    """A session by its log, of which nothing was read; `used` is when it was last written to."""

    path: Path
    used: float  # seconds since the epoch

    @property
    def id(self) -> str:
        """The id of the session."""
        return self.path.stem

    @property
    def name(self) -> str:
        """What the user calls it, or nothing."""
        try:
            return self.path.with_suffix(".name").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    def belongs(self, root: Path) -> bool:
        """Whether it is of the workspace with this root."""
        return self.path.parent.name == workspace_key(root)


def folder(root: Path) -> Path:
    """Return where the sessions of a workspace are kept."""
    return state_path() / "sessions" / workspace_key(root)


def kept(root: Path | None) -> list[Kept]:
    """Return the sessions of a workspace, or of all for None; the last used comes first."""
    places = [folder(root)] if root else _folders(state_path() / "sessions")
    found = [each for place in places for each in _logs(place)]
    return sorted(found, key=lambda each: (each.used, each.id), reverse=True)


def find(word: str, root: Path | None) -> Kept:
    """Return the one session that is meant. Raises UsageError for none, and for several.

    The word is a path of a log, `last`, an id, the beginning of one or its last part, or a name.
    Where this workspace has none such, those of all others are looked through.
    """
    if "/" in word or word.endswith(".jsonl"):
        return _at(Path(word).expanduser())
    here = kept(root)
    if word == LAST:
        if here:
            return here[0]
        raise UsageError("there is no session here yet", "agent sessions list --all")
    found = _meant(word, here) or (_meant(word, kept(None)) if root else [])
    if not found:
        raise UsageError(f"no such session: {word or '(nothing)'}", "agent sessions list --all")
    if len(found) > 1:
        names = ", ".join(each.id for each in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"{word} could be {len(found)} sessions: {names}{more}", "give more of the id"
        )
    return found[0]


def rename(session: Kept, name: str) -> None:
    """Give a session a name, or take it away with an empty one. Raises UsageError."""
    name = " ".join(name.split())
    place = session.path.with_suffix(".name")
    if not name:
        place.unlink(missing_ok=True)
        return
    if len(name) > NAME_LENGTH or not name.isprintable() or "/" in name or name == LAST:
        raise UsageError(
            f"a session cannot be called {name!r}",
            f"up to {NAME_LENGTH} characters, no slash, and not {LAST}",
        )
    others = _logs(session.path.parent)
    taken = [each for each in others if each.name == name and each.id != session.id]
    if taken:
        raise UsageError(f"{taken[0].id} is called {name} already", "choose another name")
    beside = place.with_suffix(".name.new")
    beside.write_text(f"{name}\n", encoding="utf-8")
    beside.replace(place)


def _meant(word: str, among: list[Kept]) -> list[Kept]:
    """Return those that the word fits best: by the whole id, by name, by a part of the id."""
    if not word:
        return []
    exact = [each for each in among if each.id == word]
    named = exact or [each for each in among if each.name == word]
    return named or [
        each for each in among if each.id.startswith(word) or each.id.rpartition("-")[2] == word
    ]


def _at(path: Path) -> Kept:
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"cannot read the session {path}: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
        raise UsageError(f"cannot read the session {path}: not a file")
    return Kept(path.absolute(), found.st_mtime)


def _folders(place: Path) -> list[Path]:
    try:
        return [Path(entry) for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}") from error


def _logs(place: Path) -> Iterator[Kept]:
    try:
        entries = list(os.scandir(place))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}") from error
    for entry in entries:
        if entry.name.endswith(".jsonl") and entry.is_file(follow_symlinks=False):
            yield Kept(Path(entry), entry.stat(follow_symlinks=False).st_mtime)

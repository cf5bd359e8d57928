"""The commands about sessions: list them, show one, name one, remove old ones."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agent.errors import UsageError
from agent.lines import out, say
from agent.sessions import Kept, find, kept, rename

_DAY = 86_400.0
_BESIDE = (".name", ".corrupt")  # what may stand beside a log


def listing(root: Path | None, search: str, as_json: bool) -> int:
    """Print a line for each session, the last used first."""
    from agent.summary import Summary, said

    for each in kept(root):
        try:
            if search and not said(each.path, f"{search}"):
                continue
            summary = Summary.of(each)
        except OSError as error:  # removed just now, or not ours
            say(f"note: cannot read {each.path}: {error.strerror}")
            continue
        if as_json:
            out(summary.as_json())
            continue
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.used))
        name = f" [{summary.name}]" if summary.name else ""
        where = f"{summary.cwd}: " if root is None else ""
        out(f"{each.id}  {when}  {summary.outcome:10} {where}{summary.prompt[:70]}{name}".rstrip())
    return 0


def show(word: str, root: Path | None, as_json: bool) -> int:
    """Print one session, as text or as its events."""
    from agent.events import as_line
    from agent.log import read
    from agent.transcript import lines

    found = find(word, root)
    view = read(found.path)
    for line in map(as_line, view.events) if as_json else lines(view.events):
        out(line)
    for damage in view.damage:
        say(f"note: {damage}")
    return 0


def call(word: str, name: str, root: Path | None) -> int:
    """Name a session, or take its name away."""
    found = find(word, root)
    rename(found, name)
    say(f"{found.id} is called {name}" if name else f"{found.id} has no name")
    return 0


def prune(root: Path | None, older: float | None, keep: int | None, yes: bool) -> int:
    """Remove the sessions that are old enough and not among those to keep, after asking."""
    if older is None and keep is None:
        raise UsageError("which ones is not said", "agent sessions prune --older DAYS --keep N")
    if min(older or 0, keep or 0) < 0:
        raise UsageError("--older and --keep are not below zero", "agent sessions prune --older 30")
    before = time.time() - (older or 0) * _DAY
    old = [each for each in kept(root)[keep or 0 :] if each.used <= before]
    if not old:
        say("no session is that old")
        return 0
    if not yes:
        _ask(old)
    removed = sum(_removed(each) for each in old)
    say(f"{removed} sessions were removed")
    return 0


def _ask(old: Sequence[Kept]) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{len(old)} sessions would be removed", "--yes agrees")
    last = time.strftime("%Y-%m-%d", time.localtime(old[0].used))
    sys.stderr.write(f"remove {len(old)} sessions, the last used on {last}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("no session was removed")


def _removed(session: Kept) -> bool:
    """Remove one, unless it is in use."""
    from agent.claim import claimed

    try:
        descriptor = os.open(session.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if not claimed(descriptor):
            say(f"left alone, in use: {session.id}")
            return False
        session.path.unlink(missing_ok=True)
        for end in _BESIDE:
            session.path.with_suffix(end).unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    with contextlib.suppress(OSError):  # others, or the place, are in it
        session.path.parent.rmdir()
    return True

"""Who the user is and where they are at home, taken out of what goes to others.

Plain text only: a name spelt otherwise, or somebody else's, stays.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOME, NAME = "/home/user", "user"
_SHORTEST = 3  # letters of a name that are taken out
# names of accounts that say nothing of a person, and stand in texts that are about none
_NOBODY = frozenset({"root", "user", "admin", "runner", "ubuntu", "debian", "agent", "test", "git"})
# fields whose words are ours
_OURS = frozenset(
    {"type", "role", "kind", "by", "verdict", "phase", "outcome", "strength", "reach", "name"}
)


def nameless(home: str = "", names: tuple[str, ...] = ()) -> Callable[[str], str]:
    """Return what puts HOME and NAME in the place of this user's; given ones are for others."""
    home, names = home or str(Path.home()), names or _own()
    known = [each for each in names if len(each) >= _SHORTEST and each.lower() not in _NOBODY]
    rows = [rf"(?P<home>{re.escape(home)}(?![\w.-]))"] if len(home) > 1 else []
    if known:
        rows.append(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, known))})(?![A-Za-z0-9])")
    if not rows:
        return lambda text: text
    pattern = re.compile("|".join(rows))
    return lambda text: pattern.sub(lambda found: HOME if found[0] == home else NAME, text)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain data with every text in it changed, but for the words that are ours."""
    match value:
        case str():
            return change(value)
        case dict():
            return {
                change(key): inner if key in _OURS else mapped(inner, change)
                for key, inner in value.items()
            }
        case list() | tuple():
            return [mapped(each, change) for each in value]
        case _:
            return value


def _own() -> tuple[str, ...]:
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:  # a user without an entry, as in some containers
        return ()
    # what stands in the entry before a comma is the name of a person
    return entry.pw_name, entry.pw_gecos.partition(",")[0].strip()

"""Errors that a person sees, and the exit code each carries.

```
WispError                 one clear line, a hint, an exit code
├── UsageError     2      a flag, a setting, a path that cannot be used
├── ModelError            the model could not answer
│   ├── ModelUnusable  2  it does not exist, is corrupt, or the key is wrong
│   ├── ContextOverflow 5 the request does not fit its window
│   ├── BudgetSpent    5  the limit on cost allows no further request
│   └── ProviderFailed 75 it failed in a way that is worth a retry
├── Blocked        4      an approval or the containment it needs is missing
└── Failed         1      an error of ours, or the job was not done
```
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import ClassVar


class WispError(Exception):
    """A failure with one line for a person: what and where, and what to type next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Failed(WispError):
    """The job was not done; the tree is as it was."""


class UsageError(WispError):
    """What was typed or configured cannot be used."""

    exit_code = 2


class Blocked(WispError):
    """An approval, or the containment that stands in for it, is missing."""

    exit_code = 4


class ModelError(WispError):
    """The model could not answer."""


class ModelUnusable(ModelError):
    """The model does not exist, is corrupt, or refuses the key; a retry would not help."""

    exit_code = 2


class ContextOverflow(ModelError):
    """The request does not fit the model's window."""

    exit_code = 5


class BudgetSpent(ModelError):
    """The limit on cost is reached; the request was not made."""

    exit_code = 5


class ProviderFailed(ModelError):
    """The model failed in a way that may pass: a crash, a refusal, a cut stream."""

    exit_code = 75


# what a machine runs out of, wherever it shows: what cannot be done, and what to type
_SHORT: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("write", "free some space, then again"),
    errno.EDQUOT: ("write", "free some space, then again"),
    errno.EMFILE: ("open", "ulimit -n 1024, then again"),
    errno.ENFILE: ("open", "end other programs, then again"),
}


def ran_short(error: OSError) -> Failed | None:
    """Return what to tell of an error of a machine that ran out of something; None for others."""
    what, hint = _SHORT.get(error.errno or 0, ("", ""))
    if not what:
        return None
    where = f" {error.filename}" if error.filename else ""
    return Failed(f"cannot {what}{where}: {error.strerror}", hint)

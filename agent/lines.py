"""What commands write: data to stdout, talk to stderr, a line each.

Apart from the faces, which tell whole sessions: a small command starts in half their time.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from agent.terminal import inert

if TYPE_CHECKING:
    from agent.redaction import Redaction


def out(line: str) -> None:
    """Write one line of data to stdout; what is a secret is left out, since people pass it on."""
    sys.stdout.write(_redaction().text(line) + "\n")


def say(line: str) -> None:
    """Write one line of talk to stderr."""
    sys.stderr.write(inert(line) + "\n")
    sys.stderr.flush()


@cache
def _redaction() -> Redaction:
    from agent import secret_values
    from agent.redaction import Redaction

    return Redaction(secret_values.outside())

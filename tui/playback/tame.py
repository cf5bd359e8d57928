"""A log from anywhere, made fit to be shown: no text is endless, no number beyond words.

A session that runs here is bounded where its events are made. A log may have been made by anybody.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel

from agent.events import Base

TEXT = 200_000  # characters of one text
ITEMS = 2_000  # of one list
NUMBER = 10**12  # nothing that is counted or timed in a session is more
EFFORT = 4  # the most that the knob has


def tamed(event: Base) -> Base:
    """Return an event with every text, list and number within bounds."""
    fit: Base = _tamed(event)
    effort = getattr(fit, "effort", None)
    if effort is not None and not 0 <= effort <= EFFORT:
        fit = fit.model_copy(update={"effort": min(max(effort, 0), EFFORT)})
    return fit


def text(given: str) -> str:
    """Return a text, or its beginning and end."""
    left = len(given) - TEXT
    if left <= 0:
        return given
    half = TEXT // 2
    return f"{given[:half]}\n[… {left:,} characters left out …]\n{given[-half:]}"


def _tamed(value: Any) -> Any:
    match value:
        case str():
            # an enumeration's words are ours
            return text(value) if type(value) is str else value
        case BaseModel():
            found = value.__dict__.items()
            changed = {name: new for name, old in found if (new := _tamed(old)) is not old}
            return value.model_copy(update=changed) if changed else value
        case dict():
            pairs = {_tamed(key): _tamed(inner) for key, inner in list(value.items())[:ITEMS]}
            return value if pairs == value else pairs
        case tuple() | list() if value:
            inner = type(value)(map(_tamed, value[:ITEMS]))
            return value if inner == value else inner
        case float():
            fit = value if math.isfinite(value) else 0.0
            return fit if abs(fit) <= NUMBER else math.copysign(NUMBER, fit)
        case int() if type(value) is int and abs(value) > NUMBER:
            return NUMBER if value > 0 else -NUMBER
        case _:
            return value

"""The forms of a report, and how much each may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from pathlib import PurePath
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from agent.errors import UsageError
from agent.log import LogView
from agent.redaction import Redaction
from agent.report import html, markdown
from agent.report.bounds import BOUNDS
from agent.report.folding import fold
from agent.report.story import Picture, Story

T = TypeVar("T")
Form = Literal["html", "markdown", "json"]
_SUFFIXES: dict[str, Form] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".json": "json",
}
# bytes; a job's summary on GitHub may have 1 MiB, and something may stand in it already
LIMITS: dict[Form, int] = {"html": 5_000_000, "markdown": 900_000, "json": 5_000_000}
MARKS: dict[Form, str] = {
    "html": f"<!doctype html>\n{html.MARK}\n",
    "markdown": f"{markdown.MARK}\n",
    "json": '{\n "wisp_report": ',
}


def drawn(view: LogView, form: Form, redaction: Redaction) -> str:
    """Return the report of a log, of all that was written to it, below the limit of its form.

    What is a secret by now, and was none to whoever wrote the log, is left out.
    """
    events = view.events[: len(view.ends)]
    text = ""
    for bounds in BOUNDS:
        story = fold(events, bounds, view.damage)
        if bounds is not BOUNDS[-1] and _bytes(story) > LIMITS[form]:
            continue  # to draw it would take long, and make it longer still
        text = DRAW[form](_cleaned(story, redaction))
        if len(text.encode()) < LIMITS[form]:
            break
    return text


def _bytes(value: object) -> int:
    """Return how long all the texts of a part of a story are."""
    match value:
        case str():
            return len(value) if value.isascii() else len(value.encode(errors="replace"))
        case tuple():
            return sum(map(_bytes, value))
        case BaseModel():
            return sum(map(_bytes, value.__dict__.values()))
        case _ if is_dataclass(value):
            return sum(_bytes(getattr(value, each.name)) for each in fields(value))
        case _:
            return 0


def _cleaned(value: T, redaction: Redaction) -> T:
    """Return a part of a story with marks in place of secrets."""
    cleaned: Any = value
    match value:
        case str():
            cleaned = redaction.text(value)
        case tuple():
            cleaned = tuple(_cleaned(each, redaction) for each in value)
        case dict():
            cleaned = {redaction.text(key): inner for key, inner in value.items()}
        case BaseModel():
            cleaned = redaction.clean(value)
        case Picture():
            pass  # its data is no text
        case _ if is_dataclass(value) and not isinstance(value, type):
            told = {each.name: getattr(value, each.name) for each in fields(value)}
            cleaned = type(value)(
                **{name: _cleaned(inner, redaction) for name, inner in told.items()}
            )
    return cleaned  # type: ignore[no-any-return]  # of the type that it had


def _json(story: Story) -> str:
    told = asdict(story)
    # in ASCII nothing is invisible and nothing moves a cursor
    return json.dumps({"wisp_report": told.pop("version"), **told}, indent=1, default=_plain) + "\n"


def _plain(value: object) -> object:
    """Return what JSON has no words for as what it has: what was shown is a model of its own."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    raise TypeError(f"not a part of a story: {value!r}")


DRAW: dict[Form, Callable[[Story], str]] = {
    "html": html.draw,
    "markdown": markdown.draw,
    "json": _json,
}


def form_of(path: PurePath) -> Form:
    """Return the form that a name asks for. Raises UsageError."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"no form of a report: {path}", "a name in .html, .md or .json")
    return found

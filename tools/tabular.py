"""Rows of a CSV, TSV or JSON text, counted to their end and kept as far as they are wanted."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from tools.base import ToolError
from tools.shown import brief

JSON = 8 << 20  # bytes of a JSON text: as objects it is ten times as much
NAMES = 200  # columns that are looked at
PATIENCE = 3.0  # seconds for reading rows
_OFTEN = 4096  # rows between two looks at the clock
_TABS = (".tsv", ".tab")
_LINES = (".jsonl", ".ndjson")
_EMPTY = "has no rows; the first line names the columns"


@dataclass(frozen=True, slots=True)
class Rows:
    """The kept rows of some columns, how many rows there are, and what is to be said of them.

    There are `more` than these where the time did not do to count them all.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    count: int
    more: bool = False
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        """How many rows there are, in words."""
        return f"{'more than ' if self.more else ''}{self.count:,}"


def rows_of(text: str, name: str, wanted: Sequence[str], most: int) -> Rows:
    """Return up to `most` rows of a text, whose form its `name` or its first character says.

    Raises ToolError for what is no table, and for columns that it does not have.
    """
    suffix = PurePath(name).suffix.lower()
    try:
        if suffix in _LINES:
            return _of_lines(text, wanted, most)
        if suffix == ".json" or text.lstrip()[:1] in ("[", "{"):
            if len(text) > JSON:
                raise ToolError(f"{name} is too long for a JSON file; make a CSV of what is wanted")
            return _kept(_of_json(json.loads(text)), wanted, most)
        head = text.partition("\n")[0]
        mark = "\t" if suffix in _TABS or "\t" in head else ","
        if mark not in head and ";" in head:
            mark = ";"
        return _kept(csv.reader(io.StringIO(text, newline=""), delimiter=mark), wanted, most)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{name} is no JSON: {error}") from None
    except csv.Error as error:
        raise ToolError(f"{name} is no CSV: {error}") from None
    except _Empty:
        raise ToolError(f"{name} {_EMPTY}") from None


def _of_lines(text: str, wanted: Sequence[str], most: int) -> Rows:
    """Return the rows of a text with a JSON value in each line."""
    whole = text if len(text) <= JSON else text[: text.rfind("\n", 0, JSON) + 1]
    rows = _kept(_objects(map(json.loads, filter(str.strip, whole.split("\n")))), wanted, most)
    return rows if whole == text else replace(rows, more=True)


class _Empty(Exception):
    """There is not even a header."""


def _kept(source: Iterable[Sequence[str]], wanted: Sequence[str], most: int) -> Rows:
    """Return the rows; the first of `source` names the columns."""
    given = iter(source)
    head = next((row for row in given if any(map(str.strip, row))), None)
    if head is None:
        raise _Empty
    names = _named(head[:NAMES])
    places = _places(names, wanted)
    rows: list[tuple[str, ...]] = []
    count = ragged = 0
    late = False
    until = time.monotonic() + PATIENCE
    for row in given:
        if not row:
            continue
        count += 1
        ragged += len(row) != len(head)
        if len(rows) < most:
            rows.append(tuple(row[at] if at < len(row) else "" for at in places))
        if count % _OFTEN == 0 and time.monotonic() > until:
            late = True
            break
    if not count:
        raise _Empty
    notes = []
    if ragged:
        are = "row has" if ragged == 1 else "rows have"
        said = "what is missing is empty, what is more is left out"
        notes.append(f"{ragged:,} {are} not {len(head):,} cells: {said}")
    return Rows(tuple(names[at] for at in places), rows, count, late, tuple(notes))


def _named(head: Sequence[str]) -> list[str]:
    """Return a name of its own for each column."""
    names: dict[str, None] = {}
    for number, each in enumerate(head, 1):
        plain = brief(each) or f"column {number}"
        names[plain if plain not in names else f"{plain} ({number})"] = None
    return list(names)


def _places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    by_name = {name.casefold(): at for at, name in reversed(list(enumerate(names)))}
    places = []
    for each in wanted:
        at = by_name.get(brief(each).casefold())
        if at is None:
            there = ", ".join(brief(name, 40) for name in names[:20])
            raise ToolError(f"there is no column `{brief(each, 40)}`; there are: {there}")
        places.append(at)
    return places or list(range(len(names)))


def _of_json(value: Any) -> Iterator[Sequence[str]]:
    """Yield the header and the rows of what a JSON text says."""
    if isinstance(value, dict):
        lists = {key: each for key, each in value.items() if isinstance(each, list)}
        if len(lists) == 1 and len(value) == 1:
            return _of_json(*lists.values())
        if lists and len(lists) == len(value):
            return _columns(lists)
        return iter([("name", "value"), *((key, _cell(each)) for key, each in value.items())])
    if not isinstance(value, list):
        return iter([("value",), (_cell(value),)])
    if value and all(isinstance(each, dict) for each in value):
        return _objects(value)
    if value and all(isinstance(each, list) for each in value):
        return (tuple(map(_cell, each)) for each in value)
    return iter([("value",), *((_cell(each),) for each in value)])


def _columns(lists: dict[str, list[Any]]) -> Iterator[Sequence[str]]:
    longest = max(map(len, lists.values()))
    yield tuple(lists)
    for at in range(longest):
        yield tuple(_cell(each[at]) if at < len(each) else "" for each in lists.values())


def _objects(values: Iterable[Any]) -> Iterator[Sequence[str]]:
    """Yield rows of objects; their keys are the columns, in the order in which they come."""
    every = list(values)
    keys: dict[str, None] = {}
    for each in every:
        for key in each if isinstance(each, dict) else ("value",):
            if len(keys) < NAMES:
                keys.setdefault(key)
    yield tuple(keys)
    for each in every:
        inner = each if isinstance(each, dict) else {"value": each}
        yield tuple(_cell(inner.get(key)) for key in keys)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)

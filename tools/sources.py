"""The sources that a diagram is drawn from, read within bounds, and what their syntax names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.workspace import PathError, Workspace
from tools.languages import Language, language_of
from tools.shown import brief
from tools.textfile import NotText, TextFile
from tools.trees import Offsets, encode, parse, query

if TYPE_CHECKING:
    from tree_sitter import Node

MOST = 400  # that are looked at
SIZE = 300_000  # bytes of one
PATIENCE = 4.0  # seconds for all of them


@dataclass(slots=True)
class Sources:
    """The texts of sources, read within bounds."""

    workspace: Workspace
    most: int = MOST
    words: re.Pattern[str] | None = None  # that one must have to be kept
    texts: dict[str, str] = field(default_factory=dict)
    read: int = 0
    until: float = 0.0
    partial: bool = False

    def __post_init__(self) -> None:
        self.until = time.monotonic() + PATIENCE

    @property
    def late(self) -> bool:
        """Whether the time is up, which is noted."""
        late = time.monotonic() > self.until
        self.partial = self.partial or late
        return late

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of that."""
        why = "there are more sources, or they take too long to read"
        return (f"partial: {why}",) if self.partial else ()

    def take(self, below: str, known: Iterable[str]) -> None:
        """Read the sources below a place, or the one it is, in languages that are `known`."""
        for path in self.workspace.walk(below):
            if self.late:
                return
            language = language_of(path, "")
            if not language or language.name not in known or path in self.texts:
                continue
            if self.read == self.most:
                self.partial = True
                return
            self.read += 1
            text = self._read(path)
            if text is not None and (self.words is None or self.words.search(text)):
                self.texts[path] = text

    def _read(self, path: str) -> str | None:
        try:
            view = self.workspace.read(path, SIZE)
            return None if view.truncated else TextFile.decode(view.data).text
        except (PathError, NotText):
            return None


def is_there(workspace: Workspace, name: str) -> bool:
    """Whether a name is that of a file or folder here."""
    try:
        return workspace.kind(name) in ("file", "directory")
    except PathError:
        return False


def unknown(names: Iterable[str], language: Iterable[str]) -> str:
    """Return the names, and the languages that are known instead of theirs."""
    return f"{', '.join(brief(each, 40) for each in names)}; known are {', '.join(language)}"


def named(language: Language, text: str, patterns: str, what: str) -> Iterator[tuple[int, str]]:
    """Yield where in the text each node begins that a query finds, and its own text."""
    data = encode(text)
    at = Offsets(text, data)
    for node in found(language, data, patterns, what):
        name = data[node.start_byte : node.end_byte].decode(errors="replace")
        yield at(node.start_byte), name


def found(language: Language, data: bytes, patterns: str, what: str) -> list[Node]:
    """Return the nodes that a query captures as `what`, in their order."""
    from tree_sitter import QueryCursor

    captures = QueryCursor(query(language, patterns)).captures(parse(language, data))
    return sorted(captures.get(what, ()), key=lambda node: node.start_byte)

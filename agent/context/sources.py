"""The source files of a workspace: their text and definitions, read when first asked for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.workspace import PathError, Workspace
from tools import symbols
from tools.languages import language_of
from tools.likely import is_test
from tools.provenance import origin_of
from tools.symbols import Symbol
from tools.textfile import NotText, TextFile

MAX_FILES = 3000  # source files looked at
MAX_BYTES = 400_000  # of one file


@dataclass
class Source:
    """A file and its definitions, parsed once."""

    path: str
    text: str
    definitions: list[Symbol] = field(default_factory=list)

    @property
    def functions(self) -> list[Symbol]:
        """The definitions that run: functions and methods."""
        return [each for each in self.definitions if each.kind in ("function", "method")]


class Sources:
    """The text and functions of the workspace, read when first asked for."""

    def __init__(self, workspace: Workspace, until: float = float("inf")) -> None:
        """Begin; at the time `until` of the monotonic clock nothing is read any more."""
        self.until = until
        self._workspace = workspace
        self._files: dict[str, Source | None] = {}
        self._paths: list[str] | None = None

    def paths(self) -> list[str]:
        """Return the source files that are no tests, in order, at most `MAX_FILES`."""
        if self._paths is None:
            self._paths = []
            for path in self._workspace.walk():
                if len(self._paths) >= MAX_FILES or time.monotonic() >= self.until:
                    break
                if language_of(path, "") is not None and not is_test(path):
                    self._paths.append(path)
        return self._paths

    def get(self, path: str) -> Source | None:
        """Return a file, parsed; None where there is no such text."""
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> Source | None:
        text = self.text(path)
        if text is None:
            return None
        return Source(path, text, symbols.definitions(path, text))

    def text(self, path: str) -> str | None:
        """Return the text of a file without parsing it."""
        if time.monotonic() >= self.until:
            return None
        try:
            view = self._workspace.read(path, MAX_BYTES)
            return None if view.truncated else TextFile.decode(view.data).text
        except (PathError, NotText):
            return None

    def located(self, path: str) -> str | None:
        """Return a path of a traceback as ours; None where it is outside or not there."""
        try:
            found = self._workspace.locate(path)
            return found if self._workspace.kind(found) == "file" else None
        except PathError:
            return None

    def foreign(self, path: str) -> bool:
        """Whether somebody else than the user and the project wrote it."""
        return bool(origin_of(self._workspace, path))

    def defining(self, names: Iterable[str]) -> Iterator[tuple[Source, Symbol]]:
        """Yield every function with one of these short names."""
        wanted = {name for name in names if len(name) > 1}
        if not wanted:
            return
        pattern = re.compile(r"\b(" + "|".join(map(re.escape, sorted(wanted))) + r")\b")
        for path in self.paths():
            known = self._files.get(path)
            text = known.text if known else self.text(path)
            if text is None or not pattern.search(text):
                continue
            source = self.get(path)
            for function in source.functions if source else ():
                if function.short in wanted or class_of(function) in wanted:
                    assert source is not None
                    yield source, function


def class_of(symbol: Symbol) -> str:
    """Return the name of the class that a method is in, empty for a function."""
    return symbol.name.rpartition(".")[0].rpartition(".")[2]

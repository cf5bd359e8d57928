"""What a checker is: a linter or type checker, whose it is, how it is run, how it is read.

A checker never starts anything itself; `running` does, through the sandbox.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

MOST_FOUND = 1000  # of one file; what has more is not compared
PATIENCE = 2  # time-outs, or failures, after which a checker is not asked again


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in a file, by its line from 1.

    `grave` is what is wrong wherever it stands, and no matter of taste or of a second edit.
    """

    line: int
    message: str
    code: str = ""
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """What makes a checker the project's own: a file, and where it has many uses a table in it.

    A table is written as in `tool.ruff`; of an INI file it is a section.
    """

    file: str
    table: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a checker is started, and the file it is asked about, relative to that.

    `folder` is absolute. `python` is the project's interpreter, where that is to be named; `cache`
    a folder that is kept and may be written, where there is one.
    """

    folder: Path
    path: str
    python: str = ""
    cache: Path | None = None

    def is_asked(self, told: str) -> bool:
        """Whether a path that a checker tells is that of the file it was asked about."""
        return os.path.normpath(self.folder / told) == os.path.normpath(self.folder / self.path)


class Checker(ABC):
    """One linter or type checker.

    `runs_code` says that what it reads in a repository may run code of it: its configuration is a
    program, has plugins, or names a command. `replaces` says that it tells all that
    `tools.problems` tells.
    """

    name: ClassVar[str]
    languages: ClassVar[frozenset[str]]
    marks: ClassVar[tuple[Mark, ...]]
    runs_code: ClassVar[bool] = True
    replaces: ClassVar[bool] = False
    both_streams: ClassVar[bool] = False  # it speaks on stderr; else that is thrown away
    seconds: ClassVar[float] = 5.0

    @property
    def program(self) -> str:
        """The name of its program."""
        return self.name

    @abstractmethod
    def arguments(self, place: Place) -> tuple[str, ...]:
        """Say how to run it on one file, from the folder of its configuration."""

    def variables(self, place: Place) -> Mapping[str, str]:
        """Say what is added to its environment."""
        return {}

    @abstractmethod
    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read what it says of the file.

        Raises ValueError, KeyError or TypeError where it said something else than it should.
        """

    def spoke(self, exit_code: int, output: str) -> bool:
        """Whether it looked at the file at all, rather than failed."""
        return exit_code in (0, 1)


class Warm(Protocol):
    """A language server that runs."""

    async def stop(self) -> None:
        """End it."""
        ...


@dataclass
class Diagnosed:
    """What is remembered of checkers in one session.

    `known` has what was found in a file of a content (its sha256), by the checker and the file.
    """

    known: dict[tuple[str, str], tuple[str, tuple[Finding, ...]]] = field(default_factory=dict)
    slow: Counter[str] = field(default_factory=Counter)  # time-outs by checker
    mute: Counter[str] = field(default_factory=Counter)  # failures by checker
    servers: dict[str, Warm] = field(default_factory=dict)  # by their names in the table

    def given_up(self, checker: str) -> bool:
        """Whether a checker was too slow, or failed, so often that it is not asked any more."""
        return max(self.slow[checker], self.mute[checker]) >= PATIENCE

    def keep(self, checker: str, path: str, sha256: str, found: tuple[Finding, ...]) -> None:
        """Keep what was found, of the last hundred files."""
        self.known.pop((checker, path), None)
        self.known[checker, path] = sha256, found
        while len(self.known) > 100:
            del self.known[next(iter(self.known))]

    def of(self, checker: str, path: str, sha256: str) -> tuple[Finding, ...] | None:
        """Return what is known of this very content, else None."""
        at, found = self.known.get((checker, path), ("", ()))
        return found if at == sha256 else None


def json_lines(output: str) -> Iterator[dict[str, Any]]:
    """Yield the objects that stand on a line each; other lines are left out."""
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)

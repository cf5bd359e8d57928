"""TypeScript's compiler: its configuration is data, plugins in it are for editors alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place

_LINE = re.compile(r"(.+?)\((\d+),\d+\): error (TS\d+): (.*)")


class Tsc(Checker):
    """`tsc --noEmit`: it checks the whole project, of which what it says of the file is taken."""

    name = "tsc"
    languages = frozenset({"typescript", "tsx"})
    marks = (Mark("tsconfig.json"),)
    runs_code = False
    seconds = 10.0

    def arguments(self, place: Place) -> tuple[str, ...]:
        """Nothing is written, whatever the project says; it has no machine's form."""
        nothing = ("--noEmit", "--incremental", "false", "--composite", "false")
        return (*nothing, "--pretty", "false", "--project", "tsconfig.json")

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its lines; those that are indented explain the one before."""
        for match in map(_LINE.match, output.splitlines()):
            if match and place.is_asked(match[1]):
                yield Finding(int(match[2]), match[4], match[3])

    def spoke(self, exit_code: int, output: str) -> bool:
        """Whether it did: status 2 is errors too."""
        return exit_code in (0, 1, 2) and "error TS5" not in output.partition("(")[0]

"""go vet: it starts go's own tools only, where C is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tools.diagnostics.base import Checker, Finding, Mark, Place

_LINE = re.compile(r"(?:vet: )?(.+?\.go):(\d+):(?:\d+:)? (.*)")


class GoVet(Checker):
    """`go vet` on the package of the file, of which what it says of the file is taken.

    `runs_code` is false since C is off (its flags stand in the sources), no other toolchain is
    taken, and no version control is asked.
    """

    name = "go"
    languages = frozenset({"go"})
    marks = (Mark("go.mod"),)
    runs_code = False
    both_streams = True
    seconds = 10.0

    def arguments(self, place: Place) -> tuple[str, ...]:
        """Name the package by its folder."""
        return ("vet", f"./{PurePosixPath(place.path).parent}")

    def variables(self, place: Place) -> Mapping[str, str]:
        """Keep it from starting anything but go's own tools."""
        return {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its lines, which are the same for its analyses and for what does not compile."""
        for match in map(_LINE.match, output.splitlines()):
            if match and place.is_asked(match[1]):
                yield Finding(int(match[2]), match[3])

    def spoke(self, exit_code: int, output: str) -> bool:
        """Whether it came as far as the sources: a failure to load them has their status too."""
        return exit_code == 0 or any(map(_LINE.match, output.splitlines()))

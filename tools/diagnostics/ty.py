"""ty: a type checker that starts nothing; its configuration is data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tools.diagnostics.base import Checker, Finding, Mark, Place

# it can ask uv, which would run what it finds; this leads nowhere, an empty one to the workspace
NO_PROGRAMS = {"PATH": "/dev/null"}


class Ty(Checker):
    """`ty check`, which finds the project's environment by looking at it."""

    name = "ty"
    languages = frozenset({"python"})
    marks = (Mark("ty.toml"), Mark("pyproject.toml", "tool.ty"))
    runs_code = False

    def arguments(self, place: Place) -> tuple[str, ...]:
        """In the form for GitLab, the one of JSON that it has."""
        return ("check", "--output-format=gitlab", "--force-exclude", "--", place.path)

    def variables(self, place: Place) -> Mapping[str, str]:
        """Keep it from finding any program."""
        return NO_PROGRAMS

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one list; the code stands in front of each message."""
        for each in json.loads(output):
            code, where = each["check_name"], each["location"]
            if place.is_asked(where["path"]):
                line = where["positions"]["begin"]["line"]
                message = each["description"].removeprefix(f"{code}: ")
                yield Finding(line, message, code, each["severity"] in ("major", "critical"))

"""pyright: it starts the interpreter that it finds, so it runs code."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place


class Pyright(Checker):
    """`pyright FILE`; it takes two seconds to begin with."""

    name = "pyright"
    languages = frozenset({"python"})
    marks = (Mark("pyrightconfig.json"), Mark("pyproject.toml", "tool.pyright"))
    seconds = 10.0

    def arguments(self, place: Place) -> tuple[str, ...]:
        """With the project's interpreter, where the program is not installed beside it."""
        python = (f"--pythonpath={place.python}",) if place.python else ()
        return ("--outputjson", *python, place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one object, whose lines count from 0."""
        for each in json.loads(output)["generalDiagnostics"]:
            if each["severity"] == "error" and place.is_asked(each["file"]):
                line = each.get("range", {}).get("start", {}).get("line", 0) + 1
                yield Finding(line, each["message"], each.get("rule", ""))

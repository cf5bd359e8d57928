"""pyrefly: its configuration may name a command of a build system, so it runs code.

It also runs the `.venv/bin/python` of a repository, to learn where packages are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place


class Pyrefly(Checker):
    """`pyrefly check FILE`."""

    name = "pyrefly"
    languages = frozenset({"python"})
    marks = (Mark("pyrefly.toml"), Mark("pyproject.toml", "tool.pyrefly"))

    def arguments(self, place: Place) -> tuple[str, ...]:
        """With the project's interpreter, where the program is not installed beside it."""
        python = (f"--python-interpreter-path={place.python}",) if place.python else ()
        return ("check", "--output-format=json", "--summary=none", *python, "--", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one object."""
        for each in json.loads(output)["errors"]:
            if each["severity"] == "error" and place.is_asked(each["path"]):
                yield Finding(each["line"], each["description"], each["name"])

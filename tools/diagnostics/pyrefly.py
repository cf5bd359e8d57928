"""pyrefly: a type checker that starts nothing when it is told not to ask interpreters."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place


class Pyrefly(Checker):
    """`pyrefly check`, which knows packages only where its configuration says where they are.

    It would run the `.venv/bin/python` of the repository to learn where they are.
    """

    name = "pyrefly"
    languages = frozenset({"python"})
    marks = (Mark("pyrefly.toml"), Mark("pyproject.toml", "tool.pyrefly"))
    runs_code = False
    fallback = True
    unsure = frozenset({"missing-import", "import-error"})

    def arguments(self, place: Place) -> tuple[str, ...]:
        """Without any query of an interpreter."""
        quiet = ("--skip-interpreter-query", "--output-format=json", "--summary=none")
        return ("check", *quiet, "--", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one object."""
        for each in json.loads(output)["errors"]:
            if each["severity"] == "error" and place.is_asked(each["path"]):
                yield Finding(each["line"], each["description"], each["name"])

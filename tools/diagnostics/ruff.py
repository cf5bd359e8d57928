"""ruff: a linter that starts nothing; its configuration is data."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place

_UNDEFINED = "F811,F821,F822,F823"  # what pyflakes in our own process would tell
# syntax, names, and what fails or does nothing when it runs; the rest is for taste
_GRAVE = ("F5", "F6", "F7", "F81", "F82", "E9", "PLE")


class Ruff(Checker):
    """`ruff check`, with names that nothing defines whatever else was selected."""

    name = "ruff"
    languages = frozenset({"python"})
    marks = (Mark("ruff.toml"), Mark(".ruff.toml"), Mark("pyproject.toml", "tool.ruff"))
    runs_code = False
    replaces = True

    def arguments(self, place: Place) -> tuple[str, ...]:
        """Without a cache, which would be written beside the sources."""
        form = ("--output-format=json", "--no-fix", "--no-cache", "--force-exclude", "--quiet")
        return ("check", *form, f"--extend-select={_UNDEFINED}", "--", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one list."""
        for each in json.loads(output):
            if place.is_asked(each["filename"]):
                code = each["code"] or ""
                grave = not code or code.startswith(_GRAVE) or code == "invalid-syntax"
                yield Finding(each["location"]["row"], each["message"], code, grave)

"""biome: a linter that starts nothing of the project's; its configuration is data."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place

_GRAVE = ("parse", "lint/correctness/noUndeclaredVariables", "lint/correctness/noConstAssign")


class Biome(Checker):
    """`biome lint FILE`."""

    name = "biome"
    languages = frozenset({"javascript", "typescript", "tsx"})
    marks = (Mark("biome.json"), Mark("biome.jsonc"))
    runs_code = False

    def arguments(self, place: Place) -> tuple[str, ...]:
        """In the form of reviewdog, which it holds stable."""
        return ("lint", "--reporter=rdjson", "--no-errors-on-unmatched", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its one object."""
        for each in json.loads(output)["diagnostics"]:
            where = each["location"]
            if place.is_asked(where["path"]):
                code = (each.get("code") or {}).get("value", "")
                line = where.get("range", {}).get("start", {}).get("line", 1)
                yield Finding(line, each["message"], code, code.startswith(_GRAVE))

"""eslint: its configuration is a program, so it runs code."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place

# rules of the library's own set that say that something fails; the rest may be taste
_FAILS = """
no-undef no-const-assign no-dupe-args no-dupe-class-members no-dupe-keys no-func-assign no-redeclare
no-import-assign no-new-native-nonconstructor no-obj-calls no-this-before-super no-unreachable
constructor-super getter-return valid-typeof
"""
_GRAVE = frozenset(_FAILS.split())


class Eslint(Checker):
    """`eslint FILE`."""

    name = "eslint"
    languages = frozenset({"javascript", "typescript", "tsx"})
    marks = (
        *(Mark(f"eslint.config.{end}") for end in ("js", "mjs", "cjs", "ts", "mts", "cts")),
        *(Mark(f".eslintrc.{end}") for end in ("js", "cjs", "json", "yml", "yaml")),
    )

    def arguments(self, place: Place) -> tuple[str, ...]:
        """As JSON, in words that version 8 knows too."""
        return ("--format=json", "--", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read what it says of each file, which is one."""
        for file in json.loads(output):
            for each in file["messages"] if place.is_asked(file["filePath"]) else ():
                code, fatal = each["ruleId"] or "", bool(each.get("fatal"))
                if code or fatal:  # else it says that it ignores the file
                    grave = fatal or (each["severity"] == 2 and code in _GRAVE)
                    yield Finding(each.get("line") or 1, each["message"], code, grave)

"""mypy: its configuration may name plugins and an interpreter, so it runs code."""

from __future__ import annotations

from collections.abc import Iterator

from tools.diagnostics.base import Checker, Finding, Mark, Place, json_lines


class Mypy(Checker):
    """`mypy FILE`, with a cache of ours: what it follows is read once."""

    name = "mypy"
    languages = frozenset({"python"})
    marks = (
        *(Mark("mypy.ini"), Mark(".mypy.ini"), Mark("pyproject.toml", "tool.mypy")),
        Mark("setup.cfg", "mypy"),
    )
    seconds = 10.0  # before its cache is warm

    def arguments(self, place: Place) -> tuple[str, ...]:
        """With the project's interpreter, where the program is not installed beside it."""
        cache = place.cache / "mypy" if place.cache else "/dev/null"
        form = ("--output=json", "--no-error-summary", f"--cache-dir={cache}")
        python = (f"--python-executable={place.python}",) if place.python else ()
        return (*form, *python, "--", place.path)

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read its lines; notes only explain the line before them."""
        for each in json_lines(output):
            if each["severity"] == "error" and place.is_asked(each["file"]):
                yield Finding(each["line"], each["message"], each["code"] or "")

    def spoke(self, exit_code: int, output: str) -> bool:
        """Whether it did: an error that ends it, such as one of syntax, has status 2."""
        return exit_code in (0, 1) or output.startswith("{")

"""Functions as pieces of a source tree: found by name, cut out, put into another tree."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

# folders and files whose changes are not changes of the code
ASIDE = frozenset({"docs", "doc", "examples", "benchmarks", "setup.py", "conftest.py", "tests"})


class CaseError(Exception):
    """A case cannot be had, or is not what the list says."""


def changed_lines(older: Path, newer: Path, tests: tuple[str, ...]) -> int:
    """Count the lines of Python code that were removed or added between two trees."""
    names = {name for top in (older, newer) for name in code_files(top, tests)}
    total = 0
    for name in names:
        before, after = (
            (top / name).read_text(encoding="utf-8").splitlines() if (top / name).exists() else []
            for top in (older, newer)
        )
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
        total += sum(line[0] in "+-" for line in lines)
    return total


def graft(function: str, source: Path, target: Path) -> int:
    """Put one function of a tree into another; return how many lines the replaced one had."""
    path, _, name = function.partition("::")
    text = (target / path).read_text(encoding="utf-8").splitlines(keepends=True)
    start, end = _place(target / path, name.split("."))
    first, last = _place(source / path, name.split("."))
    fresh = (source / path).read_text(encoding="utf-8").splitlines(keepends=True)[first:last]
    (target / path).write_text("".join([*text[:start], *fresh, *text[end:]]), encoding="utf-8")
    return end - start


def cut(test: str, tree: Path) -> None:
    """Remove a function or class, `path::name` or `path::Class.name`-like with `::`, from a tree.

    Raises CaseError when it is not there, or when a class would be left without a body.
    """
    path, *names = test.split("::")
    lines = (tree / path).read_text(encoding="utf-8").splitlines(keepends=True)
    start, end = _place(tree / path, names)
    (tree / path).write_text("".join(lines[:start] + lines[end:]), encoding="utf-8")
    _parsed(tree / path)


def code_files(top: Path, tests: tuple[str, ...]) -> Iterator[str]:
    """Yield the Python files of a tree that are its code: no tests, documentation, set-up."""
    for path in top.rglob("*.py"):
        name = path.relative_to(top)
        inside = any(name.is_relative_to(test) for test in tests)
        if not inside and ".venv" not in name.parts and not ASIDE & set(name.parts):
            yield str(name)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise CaseError(f"{path.name} does not parse: {error}") from None


def _place(path: Path, names: list[str]) -> tuple[int, int]:
    """Return the lines of a function or class, decorators included: from, and up to before."""
    node: ast.AST = _parsed(path)
    for name in names:
        inner = (child for child in ast.walk(node) if getattr(child, "name", None) == name)
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = next((child for child in inner if isinstance(child, kinds)), None)
        if found is None:
            raise CaseError(f"no {'.'.join(names)} in {path.name}")
        node = found
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return min(d.lineno for d in (node, *node.decorator_list)) - 1, node.end_lineno or node.lineno

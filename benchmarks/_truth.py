"""Where a bug is: the functions that differ between the code with it and the code without."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks._source import code_files
from tools import symbols
from tools.symbols import Symbol

Place = tuple[str, str, int]  # path, qualified name, first line: what `Suspect.key` is
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Changed:
    """Functions of the older tree that changed, and files that changed outside of any.

    A function changed when what it does itself did: not a comment, a docstring, an annotation, nor
    a function within it. One that is new counts as a change outside.
    """

    functions: frozenset[Place]
    outside: tuple[str, ...]


def changed(older: Path, newer: Path, tests: tuple[str, ...]) -> Changed:
    """Compare the code of two trees; `tests` are the paths that are none."""
    functions: set[Place] = set()
    outside: list[str] = []
    for path in sorted({name for top in (older, newer) for name in code_files(top, tests)}):
        texts = [_text(top / path) for top in (older, newer)]
        if texts[0] == texts[1]:
            continue
        old, new = (_parts(path, text) for text in texts)
        functions |= {
            (path, symbol.name, symbol.start_line)
            for key, (symbol, own) in old.functions.items()
            if key not in new.functions or new.functions[key][1] != own
        }
        if old.rest != new.rest or new.functions.keys() - old.functions.keys():
            outside.append(path)
    return Changed(frozenset(functions), tuple(outside))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What each function of a file does itself, by name and count, and what the rest does."""

    functions: dict[tuple[str, int], tuple[Symbol, str]]
    rest: str


def _parts(path: str, text: str) -> _Parts:
    tree = ast.parse(text)
    own = {
        min(each.lineno for each in (node, *node.decorator_list)): _bare(node)
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
    }
    count: Counter[str] = Counter()
    functions = {}
    for symbol in symbols.definitions(path, text):
        if symbol.kind in ("function", "method") and symbol.start_line in own:
            functions[symbol.name, count[symbol.name]] = symbol, own[symbol.start_line]
            count[symbol.name] += 1
    return _Parts(functions, _bare(tree))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _bare(node: ast.AST) -> str:
    return ast.dump(_Bare(node := copy.deepcopy(node)).visit(node))


class _Bare(ast.NodeTransformer):
    """Leaves of a node what it does itself."""

    def __init__(self, top: ast.AST) -> None:
        self._top = top

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _FUNCTIONS) and node is not self._top:
            return ast.Pass()  # what it is called is no part of what is around it
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, _FUNCTIONS):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, *_FUNCTIONS)) and isinstance(body, list):
            first = body[0] if body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del body[0]
        return super().generic_visit(node)

"""Bugs put into a source on purpose: one change of one place of one function, named and repeatable.

A bug is `path::Class.function::kind:number`, so a list of bugs holds none of a library's code. The
kinds are the usual ones of mutation testing (DeMillo, Lipton, Sayward, 1978; Offutt et al., 1996),
and two that no single operator undoes: a statement that is gone, a result that is not returned.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks._source import CaseError

Kind = Literal[
    "comparison",
    "logic",
    "arithmetic",
    "constant",
    "negation",
    "arguments",
    "variable",
    "statement",
    "result",
]
UNDONE: tuple[Kind, ...] = (  # that a small change of one place takes back
    "comparison",
    "logic",
    "arithmetic",
    "constant",
    "negation",
    "arguments",
    "variable",
)
LOST: tuple[Kind, ...] = ("statement", "result")  # what is gone must be written again
SHORTEST, LONGEST = 3, 60  # lines of a function

_SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
    "and": "or",
    "or": "and",
    "+": "-",
    "-": "+",
    "*": "//",
    "//": "*",
    "%": "//",
}


@dataclass(frozen=True, slots=True)
class Bug:
    """One change: bytes from `start` to `end` of a file become `new`."""

    name: str
    kind: Kind
    start: int
    end: int
    new: bytes


def bugs(path: str, data: bytes) -> list[Bug]:
    """Return every bug that can be put into a file, in the order of the text."""
    tree = ast.parse(data)
    place = _Places(data)
    found: list[Bug] = []
    for name, function in _functions(tree, ""):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if not SHORTEST <= lines <= LONGEST:
            continue
        seen: Counter[Kind] = Counter()
        for kind, start, end, new in _changes(function, place):
            number = seen[kind]
            seen[kind] += 1
            found.append(Bug(f"{path}::{name}::{kind}:{number}", kind, start, end, new))
    return found


def put_in(name: str, data: bytes) -> bytes:
    """Return a file with the bug of this name in it; raises CaseError where there is none."""
    for bug in bugs(name.partition("::")[0], data):
        if bug.name == name:
            return data[: bug.start] + bug.new + data[bug.end :]
    raise CaseError(f"no such bug can be made: {name}")


class _Places:
    """From the lines and columns of a tree to bytes of its file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._lines = [0, *(match.end() for match in re.finditer(b"\n", data))]

    def of(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends."""
        end_line, end_column = node.end_lineno or 0, node.end_col_offset or 0
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[end_line - 1] + end_column,
        )

    def text(self, node: ast.expr | ast.stmt) -> bytes:
        """Return the bytes of a node."""
        start, end = self.of(node)
        return self.data[start:end]


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Change = tuple[Kind, int, int, bytes]


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, _Function]]:
    """Yield functions and methods by name, none that stand in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield within + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{within}{child.name}.")


def _changes(function: _Function, place: _Places) -> Iterator[_Change]:
    local = sorted(
        {each.id for each in ast.walk(function) if isinstance(each, ast.Name) and _stored(each)}
        | {each.arg for each in function.args.args if each.arg not in ("self", "cls")}
    )
    nodes = [each for each in ast.walk(function) if isinstance(each, ast.expr | ast.stmt)]
    body = place.of(function.body[0])[0]
    nodes = [each for each in nodes if place.of(each)[0] >= body]
    for node in sorted(nodes, key=place.of):
        yield from _of_operator(node, place)
        yield from _of_node(node, place, local)
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(block, list):
                yield from _of_block(block, place)
    yield from _of_block(function.body, place)


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _of_operator(node: ast.expr | ast.stmt, place: _Places) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind: Kind = "comparison"
        sides = node.left, node.comparators[0]
    elif isinstance(node, ast.BoolOp):
        kind, sides = "logic", (node.values[0], node.values[1])
    elif isinstance(node, ast.BinOp):
        kind, sides = "arithmetic", (node.left, node.right)
    else:
        return
    start, end = place.of(sides[0])[1], place.of(sides[1])[0]
    between = place.data[start:end].decode()
    token = " ".join(between.strip(" \t\n\\()").split())
    if token in _SWAPS:
        yield kind, start, end, between.replace(token, _SWAPS[token], 1).encode()


def _of_node(node: ast.expr | ast.stmt, place: _Places, local: list[str]) -> Iterator[_Change]:
    start, end = place.of(node)
    text = place.text(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", start, end, str(not node.value).encode()
    elif isinstance(node, ast.Constant) and isinstance(node.value, int) and text.isdigit():
        yield "constant", start, end, str(node.value + 1).encode()
    elif isinstance(node, ast.If | ast.While):
        begin, stop = place.of(node.test)
        yield "negation", begin, stop, b"not (" + place.text(node.test) + b")"
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        one, two = node.args[:2]
        if not isinstance(one, ast.Starred) and not isinstance(two, ast.Starred):
            begin, stop = place.of(one)[0], place.of(two)[1]
            between = place.data[place.of(one)[1] : place.of(two)[0]]
            yield "arguments", begin, stop, place.text(two) + between + place.text(one)
    elif isinstance(node, ast.Name) and not _stored(node) and node.id in local:
        for other in local:
            if other != node.id:
                yield "variable", start, end, other.encode()


def _of_block(block: list[ast.stmt], place: _Places) -> Iterator[_Change]:
    for node in block if len(block) > 1 else ():
        start, end = place.of(node)
        if isinstance(node, ast.Return) and node.value is not None:
            yield "result", start, end, b"return None"
        elif isinstance(node, ast.Assign | ast.AugAssign) or (
            isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        ):
            yield "statement", start, end, b"pass"

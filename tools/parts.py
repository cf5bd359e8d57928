"""The parts of a source that are no definitions, by names of their own: imports, settings, its end.

With them all of a file can be replaced by name, a part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.languages import language_of
from tools.symbols import Symbol
from tools.trees import Offsets, encode, parse

if TYPE_CHECKING:
    from tree_sitter import Node

DOCSTRING, IMPORTS, END = "docstring", "imports", "end of file"
_IMPORTS = ("import_statement", "import_from_statement", "future_import_statement")


def parts(path: str, text: str) -> list[Symbol]:
    """Return them in order, the end of the file last; none where the language is not Python.

    `docstring` is the module's, `imports` are the first that stand together, a setting is what a
    name is set to at the top.
    """
    language = language_of(path, text)
    if language is None or language.name != "python":
        return []
    data = encode(text)
    at, root = Offsets(text, data), parse(language, data)
    found = [*_docstring(root), *_imports(root), *_settings(root, data)]
    return [
        *(
            Symbol(name, kind, first.start_point.row + 1, last.end_point.row + 1, start, start, end)
            for name, kind, first, last in found
            for start, end in [(at(first.start_byte), at(last.end_byte))]
        ),
        Symbol(END, "end", text.count("\n") + 1, text.count("\n") + 1, *(len(text),) * 3),
    ]


def _docstring(root: Node) -> Iterator[tuple[str, str, Node, Node]]:
    first = next((node for node in root.named_children if node.type != "comment"), None)
    if first is not None and [each.type for each in first.named_children] == ["string"]:
        yield DOCSTRING, "text", first, first


def _imports(root: Node) -> Iterator[tuple[str, str, Node, Node]]:
    run: list[Node] = []
    for node in root.named_children:
        if node.type in _IMPORTS:
            run.append(node)
        elif run and node.type != "comment":
            break
    if run:
        yield IMPORTS, "imports", run[0], run[-1]


def _settings(root: Node, data: bytes) -> Iterator[tuple[str, str, Node, Node]]:
    seen = set()
    for node in root.named_children:
        inner = node.named_children[0] if node.named_children else None
        if node.type != "expression_statement" or inner is None or inner.type != "assignment":
            continue
        left = inner.child_by_field_name("left")
        if left is None or left.type != "identifier":
            continue
        name = data[left.start_byte : left.end_byte].decode(errors="replace")
        if name not in seen:
            seen.add(name)
            yield name, "setting", node, node

"""The definitions in a source, and whether it parses: tree-sitter, loaded when first needed.

Lines count from 1. `start`, `head` and `end` are offsets into the text, not into its bytes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tools.languages import language_of
from tools.trees import Offsets, encode, parse, query

if TYPE_CHECKING:
    from tree_sitter import Node, Query

WRAPPERS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "ambient_declaration",
        "template_declaration",
        "lexical_declaration",
        "variable_declaration",
        "type_declaration",
        "expression_statement",
    }
)
DECORATIONS = frozenset({"decorator", "attribute_item", "annotation", "marker_annotation"})
QUALIFIERS = frozenset({"scope", "body"})  # they name what is inside and are no definition
BODIES = frozenset({"class", "interface", "body"})  # a function right inside one is a method
BLOCKS = frozenset({"block", "statement_block", "compound_statement", "constructor_body"})
MAX_PROBLEMS = 20
LONGEST = 400  # characters of a name with what it is in; a source could make them fill the memory


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition. `name` is qualified with dots in every language: `Class.method`.

    `text[start:end]` is all of it with decorators, attributes, `export` or `template<…>`;
    `text[head:end]` is without decorators and attributes. `kind` is one of function, method, class,
    interface, type, macro.
    """

    name: str
    kind: str
    start_line: int
    end_line: int
    start: int
    head: int
    end: int

    @property
    def short(self) -> str:
        """The name without what it is in."""
        return self.name.rpartition(".")[2]


class Problem(NamedTuple):
    """A place where a source does not parse."""

    line: int
    message: str


def _whole(node: Node) -> tuple[Node, Node]:
    """Return the outermost node that is this definition alone, and the decorator it starts with."""
    while (parent := node.parent) is not None and parent.type in WRAPPERS:
        others = [
            child
            for child in parent.named_children
            if child.id != node.id and child.type in (node.type, "variable_declarator")
        ]
        if others:
            break
        node = parent
    start = node
    while (before := start.prev_named_sibling) is not None and before.type in DECORATIONS:
        start = before
    return node, start


def _head(node: Node) -> int:
    """Return the byte after decorators and the space that follows them."""
    for child in node.children:
        if child.type in DECORATIONS:
            continue
        if child.type == "modifiers" and child.children:
            inner = [each for each in child.children if each.type not in DECORATIONS]
            if not inner:
                continue
            return inner[0].start_byte
        return child.start_byte
    return node.start_byte


@dataclass(slots=True)
class _Found:
    name: str
    kind: str
    node: Node
    inner: tuple[int, int]


def _matches(root: Node, query: Query, data: bytes) -> Iterator[_Found]:
    from tree_sitter import QueryCursor

    def text_of(nodes: Sequence[Node]) -> str:
        # a node's own `text` asks the parser's source for it, which takes longer than the match
        return data[nodes[0].start_byte : nodes[0].end_byte].decode(errors="replace")

    seen: set[tuple[int, int]] = set()
    matches = QueryCursor(query).matches(root)
    # where two patterns fit one node, the one that comes first in the table says what it is
    for _, captures in sorted(matches, key=lambda match: match[0]):
        name = text_of(captures["name"])
        if "owner" in captures:
            name = f"{text_of(captures['owner'])}.{name}"
        name = name.replace("::", ".").strip("\"'")
        name = ".".join(re.sub(r"<.*>|\s+", "", part) for part in name.split("."))
        for kind, nodes in captures.items():
            if kind in ("name", "owner"):
                continue
            node = nodes[0]
            if (span := (node.start_byte, node.end_byte)) not in seen:
                seen.add(span)
                yield _Found(name, kind, node, span)


def definitions(path: str, text: str) -> list[Symbol]:
    """Return the definitions in order of their start; none where the language is not known.

    What stands so deep in others that its name would be long is left out.
    """
    language = language_of(path, text)
    if language is None:
        return []
    data = encode(text)
    at = Offsets(text, data)
    matches = _matches(parse(language, data), query(language, language.query), data)
    symbols: list[Symbol] = []
    around: list[_Found] = []
    for found in sorted(matches, key=lambda each: each.inner):
        while around and around[-1].inner[1] <= found.inner[0]:
            around.pop()
        kind = found.kind
        if kind == "function" and around and around[-1].kind in BODIES:
            kind = "method"
        if around:
            found.name = f"{around[-1].name}.{found.name}"
        if len(found.name) > LONGEST:
            continue
        around.append(found)
        if kind in QUALIFIERS:
            continue
        node, first = _whole(found.node)
        start = at(first.start_byte)
        # some grammars count the newlines that follow as part of a definition
        whole = text[start : at(node.end_byte)].rstrip()
        line = first.start_point.row + 1
        symbols.append(
            Symbol(
                name=found.name,
                kind=kind,
                start_line=line,
                end_line=line + whole.count("\n"),
                start=start,
                head=at(_head(node)),
                end=start + len(whole),
            )
        )
    return symbols


def plain_name(name: str) -> str:
    """Return a name as people and models write it (`def f()`, `A::f`, `A#f`) in our form."""
    name = re.sub(r"\(.*", "", name.strip(), flags=re.S)
    name = re.sub(r"^((async|def|class|function|func|fn|pub|export|const|type)\s+)+", "", name)
    return re.sub(r"::|(?<=\w)#|\.<locals>\.", ".", name).strip(" .:")


def find(symbols: Iterable[Symbol], name: str) -> list[Symbol]:
    """Return what goes by this name: the full one, else the end of one (`method`, `Class.method`).

    `name:LINE` means the one that starts on, or holds, that line.
    """
    wanted, _, line = name.strip().rpartition(":")
    if wanted and line.isdigit() and not wanted.endswith(":"):
        named = find(symbols, wanted)
        exact = [each for each in named if each.start_line == int(line)]
        return exact or [each for each in named if each.start_line <= int(line) <= each.end_line]
    wanted = plain_name(name)
    symbols = list(symbols)
    exact = [each for each in symbols if each.name == wanted]
    return exact or [each for each in symbols if wanted and f".{each.name}".endswith(f".{wanted}")]


def enclosing(symbols: Iterable[Symbol], line: int) -> Symbol | None:
    """Return the innermost definition that holds the line."""
    holding = [each for each in symbols if each.start_line <= line <= each.end_line]
    return max(holding, key=lambda each: (each.start, -each.end), default=None)


def verbatim_lines(path: str, text: str) -> frozenset[int]:
    """Return the lines that begin inside a literal, where indentation is part of a value.

    Python's docstrings are not among them: their indentation is layout.
    """
    language = language_of(path, text)
    if language is None:
        return frozenset()
    lines: set[int] = set()
    stack = [parse(language, encode(text))]
    while stack:
        node = stack.pop()
        if node.start_point.row == node.end_point.row:
            continue
        if node.type not in language.verbatim:
            stack.extend(node.children)
        elif node.parent is None or node.parent.type != "expression_statement":
            lines.update(range(node.start_point.row + 2, node.end_point.row + 2))
    return frozenset(lines)


def syntax_errors(path: str, text: str) -> list[Problem]:
    """Return where the text does not parse, at most 20 places; none for an unknown language."""
    language = language_of(path, text)
    if language is None:
        return []
    root = parse(language, encode(text))
    found = sorted(set(_problems(root))) if root.has_error else []
    if language.name == "python":
        said = _python_says(text)
        if said is not None and (found or not _newer_syntax(said, text)):
            found = [said, *(each for each in found if each.line != said.line)]
    return found[:MAX_PROBLEMS]


def new_errors(path: str, before: str, after: str) -> list[Problem]:
    """Return what stopped parsing; a text that was broken before may not break further."""
    errors = syntax_errors(path, after)
    if not errors:
        return []
    old = syntax_errors(path, before)
    return errors if len(errors) > len(old) else []


def _problems(root: Node) -> Iterator[Problem]:
    stack = [root]
    while stack:
        node = stack.pop()
        row = node.start_point.row + 1
        if node.is_missing:
            yield Problem(row, f"missing `{node.type}`")
        elif node.type == "ERROR":
            first = (node.text or b"").decode(errors="replace").strip().split("\n")[0][:40]
            yield Problem(row, f"unexpected `{first}`" if first else "unexpected end")
            stack.extend(child for child in node.children if child.has_error)
        elif node.has_error:
            stack.extend(node.children)


def _python_says(text: str) -> Problem | None:
    """Ask Python's own parser, since tree-sitter takes wrong indentation for right."""
    import ast

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's code, such as invalid escapes
        try:
            ast.parse(text)
        except SyntaxError as error:
            return Problem(error.lineno or 1, error.msg)
        except (ValueError, RecursionError, MemoryError):
            return None  # a NUL or absurd nesting: tree-sitter's word stands
    return None


def _newer_syntax(said: Problem, text: str) -> bool:
    """Whether the complaint may only mean that the project's Python is newer than ours."""
    if said.message.startswith(("f-string", "multiple exception types")):
        return True
    lines = text.split("\n")
    line = lines[said.line - 1] if said.line <= len(lines) else ""
    if re.search(r"\b[tT][rR]?[\"']|^\s*type\s+\w+", line):
        return True
    return re.search(r"^\s*(async\s+def|def|class)\s+\w+\s*\[", line) is not None


def body_start(path: str, text: str, symbol: Symbol) -> int | None:
    """Return where the first statement of a function begins, after a docstring.

    None where it has no block of statements: an expression, a declaration, only a docstring.
    """
    language = language_of(path, text)
    if language is None:
        return None
    data = encode(text)
    at = Offsets(text, data)
    stack = [parse(language, data)]
    while stack:
        node = stack.pop()
        if at(node.end_byte) < symbol.head or at(node.start_byte) > symbol.end:
            continue
        body = node.child_by_field_name("body")
        inside = symbol.head <= at(node.start_byte) and at(node.end_byte) <= symbol.end
        if inside and body is not None and body.type in BLOCKS:
            statements = [each for each in body.named_children if each.type != "comment"]
            if language.name == "python" and statements and _is_docstring(statements[0]):
                statements = statements[1:]
            return at(statements[0].start_byte) if statements else None
        stack.extend(reversed(node.children))
    return None


def _is_docstring(statement: Node) -> bool:
    inner = statement.named_children
    return statement.type == "expression_statement" and [each.type for each in inner] == ["string"]

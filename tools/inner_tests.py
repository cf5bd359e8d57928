"""Tests that stand in the source they test: what a repair may not touch, and proof must keep.

Rust's `#[test]` functions, its `#[cfg(test)]` modules and the examples of its documentation; the
examples of Python's docstrings (`>>>`). Tests in files of their own are told by their paths.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from tools.languages import Language, language_of
from tools.symbols import definitions
from tools.trees import Offsets, encode, parse, query

if TYPE_CHECKING:
    from tree_sitter import Node

Span = tuple[int, int]  # offsets into the text

_DOCSTRING = "(expression_statement (string) @test)"
# by language: what may be a test, in a query, and what its text must hold to be one
_PLACES = {
    "python": (
        f"(module . (comment)* . {_DOCSTRING}) (block . {_DOCSTRING})",
        re.compile(r">>>"),
    ),
    "rust": (
        "(mod_item) @test (function_item) @test (line_comment) @test (block_comment) @test",
        re.compile(
            r"#!?\[\s*(?:\w+\s*::\s*)*(?:test|rstest|quickcheck)\b"
            r"|#!?\[\s*cfg\s*\([^\]]*\btest\b|^//[/!][\s\S]*```|^/\*[*!][\s\S]*```"
        ),
    ),
}


def told_apart(path: str) -> bool:
    """Whether the tests in such a file can be told from the code around them."""
    language = language_of(path)
    return language is not None and language.name in _PLACES


def inner_tests(path: str, text: str, known: Collection[str] = ()) -> list[tuple[str, Span]]:
    """Return the tests within a source, each with what it is called there; none inside another.

    `known` are definitions that were seen to be tests, by their whole names. Names tell the tests
    of one file apart: two of one name get a number.
    """
    language = language_of(path, text)
    if language is None or language.name not in _PLACES:
        return []
    spans = [
        (symbol.start, symbol.end, symbol.name)
        for symbol in (definitions(path, text) if known else ())
        if symbol.name in known
    ]
    places, mark = _PLACES[language.name]
    if mark.search(text) is not None or "```" in text:
        data = encode(text)
        at = Offsets(text, data)
        for node, first, last in _candidates(language, data, places):
            start, end = at(first), at(last)
            if mark.search(text[start:end]):
                spans.append((start, end, _name(node)))
    found: list[tuple[str, Span]] = []
    names: dict[str, int] = {}
    for start, end, name in sorted(spans, key=lambda each: (each[0], -each[1])):
        if not found or start >= found[-1][1][1]:
            names[name] = names.get(name, 0) + 1
            found.append((f"{name} {names[name]}", (start, end)))
    return found


def _candidates(language: Language, data: bytes, places: str) -> Iterator[tuple[Node, int, int]]:
    """Yield what may be a test with its first and last byte, attributes and all."""
    from tree_sitter import QueryCursor

    captured = QueryCursor(query(language, places)).captures(parse(language, data))
    nodes = {node.id: node for node in captured.get("test", [])}
    for node in nodes.values():
        first, last = node, node
        if node.type.endswith("_comment"):  # one piece of documentation is many lines
            before = node.prev_sibling
            if before is not None and before.type == node.type:
                continue
            while (after := last.next_sibling) is not None and after.type == node.type:
                last = after
        else:
            while (
                above := first.prev_named_sibling
            ) is not None and above.type == "attribute_item":
                first = above
        yield node, first.start_byte, last.end_byte


def _name(node: Node) -> str:
    """Return what a test belongs to: its own name, else that of the definition around or below."""
    at: Node | None = node
    while at is not None:
        name = at.child_by_field_name("name")
        if name is not None:
            return (name.text or b"").decode(errors="replace")
        at = _below(at) if at.type.endswith("_comment") else at.parent
    return ""


def _below(node: Node) -> Node | None:
    after = node.next_named_sibling
    while after is not None and after.type in (node.type, "attribute_item"):
        after = after.next_named_sibling
    return after


def restored(path: str, text: str, before: str, known: Collection[str] = ()) -> str | None:
    """Return a text with the tests in it as they were before; new ones stay.

    `known` is as in `inner_tests`. None where one that was there is gone, so that it cannot be put
    back.
    """
    there = inner_tests(path, before, known)
    old = {name: before[start:end] for name, (start, end) in there}
    new = inner_tests(path, text, known)
    if not old.keys() <= {name for name, _ in new}:
        return None
    for name, (start, end) in reversed(new):
        if name in old:
            text = text[:start] + old[name] + text[end:]
    return text

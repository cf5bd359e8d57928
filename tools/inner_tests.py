"""Tests that stand in the source they test: what a repair may not touch, and proof must keep.

Rust's `#[test]` functions, its `#[cfg(test)]` modules and the examples of its documentation; the
examples of Python's docstrings (`>>>`). Tests in files of their own are told by their paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.languages import Language, language_of
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


def inner_tests(path: str, text: str) -> list[tuple[str, Span]]:
    """Return the tests within a source, each with what it is called there; none inside another.

    Names tell the tests of one file apart: two of one name get a number.
    """
    language = language_of(path, text)
    if language is None or language.name not in _PLACES:
        return []
    places, mark = _PLACES[language.name]
    if mark.search(text) is None and "```" not in text:
        return []
    data = encode(text)
    at = Offsets(text, data)
    found: list[tuple[str, Span]] = []
    names: dict[str, int] = {}
    for node, start, end in _candidates(language, data, places):
        span = at(start), at(end)
        if (found and span[0] < found[-1][1][1]) or not mark.search(text[slice(*span)]):
            continue
        name = _name(node)
        names[name] = names.get(name, 0) + 1
        found.append((f"{name} {names[name]}", span))
    return found


def _candidates(language: Language, data: bytes, places: str) -> Iterator[tuple[Node, int, int]]:
    """Yield what may be a test with its first and last byte, attributes and all, in order."""
    from tree_sitter import QueryCursor

    captured = QueryCursor(query(language, places)).captures(parse(language, data))
    nodes = {node.id: node for node in captured.get("test", [])}
    spans = []
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
        spans.append((node, first.start_byte, last.end_byte))
    yield from sorted(spans, key=lambda each: (each[1], -each[2]))


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


def restored(path: str, text: str, before: str) -> str | None:
    """Return a text with the tests in it as they were before; new ones stay.

    None where one that was there is gone, so that it cannot be put back.
    """
    old, new = dict(_texts(path, before)), inner_tests(path, text)
    if not old.keys() <= {name for name, _ in new}:
        return None
    for name, (start, end) in reversed(new):
        if name in old:
            text = text[:start] + old[name] + text[end:]
    return text


def _texts(path: str, text: str) -> Iterator[tuple[str, str]]:
    for name, (start, end) in inner_tests(path, text):
        yield name, text[start:end]

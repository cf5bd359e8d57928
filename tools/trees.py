"""Syntax trees: tree-sitter and its grammars, loaded when first needed.

The grammars take 70 ms together, so that each is loaded with the first file of its language.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from tools.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Node, Query

PATIENCE = 0.5  # seconds of CPU for one parse; a file of 100 kB takes 0.02
PIECE = 1 << 16  # bytes
# no query ends over a tree so deep, or with a node that is so full of signs; a query cannot be
# stopped, since with a callback of its own py-tree-sitter 0.26.1 crashes
LARGE = 5_000  # nodes, below which neither matters
DEEPEST = 500  # nodes one within another that are large
SIGNS = 10_000  # of one node, that are no nodes of a name


@lru_cache(maxsize=len(LANGUAGES))
def _grammar(language: Language) -> Grammar:
    from tree_sitter import Language as Grammar

    return Grammar(getattr(import_module(language.module), language.function)())


@lru_cache(maxsize=4 * len(LANGUAGES))
def query(language: Language, patterns: str) -> Query:
    """Return a query, compiled once."""
    from tree_sitter import Query

    return Query(_grammar(language), patterns)


def parse(language: Language, data: bytes) -> Node:
    """Return the root of a source's tree; an empty one where reading it takes too long."""
    from tree_sitter import Parser

    started = time.thread_time()

    def slow(*_: object) -> bool:
        return time.thread_time() - started > PATIENCE

    # a parser of its own each time: they are cheap, and not safe between threads
    parser = Parser(_grammar(language))
    try:
        whole = parser.parse(lambda at, _: data[at : at + PIECE], progress_callback=slow)
    except ValueError:
        # some grammars take forever over thousands of comment lines: then nothing is known of it
        parser.reset()  # else it would go on where it was stopped
        whole = parser.parse(b"")
    if _unwieldy(whole.root_node):
        whole = parser.parse(b"")
    return whole.root_node


def _unwieldy(root: Node) -> bool:
    """Whether no query would end over a tree; nobody wrote such a source by hand."""
    level = [root]
    for _ in range(DEEPEST):
        level = [each for each in level if each.descendant_count > LARGE]
        if not level:
            return False
        for each in level:
            signs = each.child_count - each.named_child_count
            if signs > SIGNS and signs > 2 * each.named_child_count:
                return True
        level = [inner for each in level for inner in each.children]
    return True


class Offsets:
    """From tree-sitter's rows and byte columns to offsets into the text."""

    def __init__(self, text: str, data: bytes) -> None:
        self._ascii = len(text) == len(data)
        self._data = data
        if not self._ascii:
            self._rows = [0, *(found.end() for found in re.finditer(b"\n", data))]
            self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def __call__(self, byte: int) -> int:
        """Return the offset of a byte."""
        if self._ascii:
            return byte
        row = bisect_right(self._rows, byte) - 1
        before = self._data[self._rows[row] : byte]
        return self._starts[row] + len(before.decode(errors="surrogatepass"))


def encode(text: str) -> bytes:
    """Return a text as tree-sitter reads it, lone surrogates included."""
    return text.encode(errors="surrogatepass")

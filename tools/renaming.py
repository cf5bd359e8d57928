"""Give a definition another name: where it is defined, and where its file uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools import symbols
from tools.languages import language_of
from tools.patching import NoMatch, Splice, line_at
from tools.redefining import one_definition
from tools.trees import Offsets, encode, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_NAME = re.compile(r"[^\W\d][\w$]*\Z")
_OF_SOMETHING = (".", "->", "::", "?.")  # before the name of a member
SPACE = 200  # characters in which what a member is of ends
_KEYWORDS = ("keyword_argument", "named_argument")


def is_name(new: str) -> bool:
    """Whether what shall stand in place of a definition is nothing but a name."""
    return _NAME.match(new.strip()) is not None


def rename(path: str, text: str, name: str, new: str) -> list[Splice]:
    """Return what gives the definition called `name` another one, from the last to the first.

    Its uses in this file go with it, as far as the syntax tree shows them; text and comments stay,
    and other files. Raises NoMatch where there is no such definition, or the new name is taken.
    """
    known = symbols.definitions(path, text)
    symbol = one_definition(path, name, known)
    new, member = new.strip(), "." in symbol.name
    outer = symbol.name.rpartition(".")[0]
    if taken := symbols.find(known, f"{outer}.{new}" if outer else new):
        raise NoMatch(f"{new} is defined already, in line {taken[0].start_line}")
    places = list(_identifiers(path, text, symbol.short))
    own = [at for at in places if symbol.head <= at < symbol.end][:1]
    # which of several a use means is not known
    only = len([each for each in known if each.short == symbol.short]) == 1
    uses = (at for at in places if only and _is_member(text, at) is member)
    places = sorted({*own, *uses})
    lines = ", ".join(str(line) for line in dict.fromkeys(line_at(text, at) for at in places))
    note = f"{symbol.short} is {new} now, in line {lines}; other files may still name it"
    return [
        Splice(at, at + len(symbol.short), new, note if at == places[0] else "")
        for at in reversed(places)
    ]


def _is_member(text: str, at: int) -> bool:
    return text[max(0, at - SPACE) : at].rstrip().endswith(_OF_SOMETHING)


def _identifiers(path: str, text: str, name: str) -> Iterator[int]:
    """Yield where a name stands as a name of code, and not as that of an argument that is given."""
    language = language_of(path, text)
    if language is None or name not in text:
        return
    data = encode(text)
    at, root, wanted = Offsets(text, data), parse(language, data), encode(name)
    for found in re.finditer(rb"(?<![\w$])%s(?![\w$])" % re.escape(wanted), data):
        node = root.descendant_for_byte_range(found.start(), found.end())
        if node is not None and _names(node, found.end() - found.start()):
            yield at(found.start())


def _names(node: Node, size: int) -> bool:
    if node.end_byte - node.start_byte != size or node.child_count:
        return False
    parent = node.parent
    if parent is not None and parent.type in _KEYWORDS and parent.children[0].id == node.id:
        return False
    return node.type.endswith(("identifier", "constant", "word"))

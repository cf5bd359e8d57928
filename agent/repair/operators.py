"""What could stand in place of a node of a syntax tree: the operators of small changes, in tiers.

Each looks at one node. Most work on every language that has a grammar, since operators, numbers,
conditions and arguments look alike in all of them; some know Python only. They follow what
programmers were seen to change: Liu et al., TBar: Revisiting Template-based Automated Program
Repair (2019), and the mutation operators of Offutt et al. (1996).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

NAMES, DIGITS = 8, 9  # other names that one may stand for; digits of a number that is changed

# what a token may have been meant to be, the likeliest first
TOKENS: Mapping[str, tuple[str, ...]] = {
    "<": ("<=", ">", ">="),
    "<=": ("<", ">=", ">"),
    ">": (">=", "<", "<="),
    ">=": (">", "<=", "<"),
    "==": ("!=", "<=", ">="),
    "!=": ("==",),
    "===": ("!==",),
    "!==": ("===",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
    "and": ("or",),
    "or": ("and",),
    "&&": ("||",),
    "||": ("&&", "??"),
    "+": ("-",),
    "-": ("+",),
    "*": ("/", "//", "**", "+"),
    "/": ("//", "*", "%"),
    "//": ("/", "%"),
    "=": ("+=",),
    "+=": ("-=", "="),
    "-=": ("+=", "="),
    "true": ("false",),
    "false": ("true",),
    "True": ("False",),
    "False": ("True",),
    "break": ("continue",),
    "continue": ("break",),
}
# names that stand for near opposites, or for what is easily taken for one another
WORDS = """
min max | any all | floor ceil round trunc | lower upper casefold | strip lstrip rstrip |
trim trimStart trimEnd | startswith endswith | startsWith endsWith | find rfind index rindex
| indexOf lastIndexOf | split rsplit splitlines | append extend | push unshift |
pop shift popleft | appendleft append | remove discard pop | keys values items |
isdigit isdecimal isnumeric isalpha isalnum | match fullmatch search | left right |
start end stop | some every | sorted reversed list | union intersection difference |
str repr | int float | tuple list set | setdefault get
"""
_OTHERS: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
for _row in WORDS.split("|"):
    for _word in _row.split():
        _OTHERS[_word] += tuple(each for each in _row.split() if each != _word)

_NUMBER = re.compile(r"\w*(integer|number|int_literal)(_literal)?$")
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "&", "|"})
_FIELDS = frozenset({"attribute", "member_expression", "selector_expression", "field_expression"})
_COMPARED = frozenset({"<", "<=", ">", ">=", "==", "!=", "===", "!=="})
SELF = frozenset({"self", "cls", "this"})
_ARGUMENTS = frozenset({"argument_list", "arguments"})
_BLOCKS = frozenset({"block", "statement_block", "compound_statement"})
_SIMPLE = frozenset(
    {
        "expression_statement",
        "return_statement",
        "raise_statement",
        "throw_statement",
        "continue_statement",
        "break_statement",
        "delete_statement",
    }
)
_VALUES = frozenset(
    {
        "identifier",
        "call",
        "call_expression",
        "method_invocation",
        "attribute",
        "member_expression",
        "subscript",
        "subscript_expression",
        "index_expression",
        "selector_expression",
        "field_expression",
        "binary_operator",
        "parenthesized_expression",
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an operator knows beside its node: names and attributes in use, what was raised.

    `uses` are the calls in which a name stands alone, such as `int(x)` and `x.strip()` for `x`.
    """

    python: bool
    names: tuple[str, ...]
    attributes: tuple[str, ...]
    uses: Mapping[str, tuple[str, ...]]
    raised: str


Change = tuple[int, int, str]  # first byte, byte after the last, what takes their place
Operator = Callable[["Node", Scope], Iterator[Change]]


def text_of(node: Node) -> str:
    """Return the text of a node."""
    return (node.text or b"").decode(errors="replace")


def _put(node: Node, new: str) -> Change:
    return node.start_byte, node.end_byte, new


def _field(node: Node) -> str:
    """Return which field of its parent a node is, empty where it has no name there."""
    parent = node.parent
    if parent is None:
        return ""
    for index, each in enumerate(parent.children):
        if each.id == node.id:
            return parent.field_name_for_child(index) or ""
    return ""


def called(node: Node) -> bool:
    """Whether a node is what is called, or the name of an argument."""
    return _field(node) in ("function", "name") and node.parent is not None


def bound(node: Node) -> bool:
    """Whether an identifier is given its value here: a parameter, a variable."""
    parent = node.parent
    above = parent.type if parent is not None else ""
    return (
        "parameter" in above
        or _field(node) in ("left", "pattern", "name")
        or above in ("pattern_list", "tuple_pattern", "expression_list", "as_pattern_target")
    )


def own_attribute(node: Node) -> bool:
    """Whether a node names an attribute of the object itself."""
    parent = node.parent
    held = parent.child_by_field_name("object") if parent is not None else None
    return held is not None and text_of(held) in SELF and _field(node) in ("attribute", "property")


def used_alone(node: Node) -> str:
    """Return the name that a call is of alone: `x` of `int(x)` and `x.strip()`; else nothing."""
    given, function = node.child_by_field_name("arguments"), node.child_by_field_name("function")
    if given is None or function is None:
        return ""
    inner = _arguments(given)
    held = function.child_by_field_name("object")
    alone = inner[0] if len(inner) == 1 and held is None else held if not inner else None
    return text_of(alone) if alone is not None and alone.type == "identifier" else ""


def _operator(node: Node) -> str:
    token = node.child_by_field_name("operator")
    if token is None and len(node.children) == 3:
        token = node.children[1]
    return text_of(token) if token is not None else ""


def _arguments(node: Node) -> list[Node]:
    return [each for each in node.named_children if each.type != "comment"]


# -- operators


def tokens(node: Node, scope: Scope) -> Iterator[Change]:
    """Take one operator, or one constant, for another."""
    above = node.parent.type if node.parent is not None else ""
    if (
        above in ("not in", "is not")
        or above.startswith("for")
        or (node.is_named and node.type not in ("true", "false"))
    ):
        return
    for other in TOKENS.get(text_of(node), ()):
        if scope.python or other not in ("//", "**"):
            yield _put(node, other)


def numbers(node: Node, scope: Scope) -> Iterator[Change]:
    """Count one too many, or one too few."""
    text = text_of(node)
    if _NUMBER.match(node.type) and text.isdecimal() and len(text) <= DIGITS:
        near = (int(text) + 1, int(text) - 1, 0, 1)
        for other in dict.fromkeys(each for each in near if each >= 0 and each != int(text)):
            yield _put(node, str(other))


def negations(node: Node, scope: Scope) -> Iterator[Change]:
    """Take a negation away, or negate a condition."""
    if node.type in ("not_operator", "unary_expression") and text_of(node)[:1] in ("n", "!"):
        yield _put(node, text_of(node.named_children[-1]))
    if _field(node) == "condition":
        text = text_of(node)
        if scope.python:
            yield _put(node, f"not {text}" if node.type in _VALUES else f"not ({text})")
        elif text.startswith("("):
            yield _put(node, f"(!{text})")


def widened(node: Node, scope: Scope) -> Iterator[Change]:
    """Catch what was raised, too."""
    if node.type != "except_clause" or not scope.raised:
        return
    kind = node.named_children[0]
    kind = kind.named_children[0] if kind.type == "as_pattern" else kind
    text = text_of(kind)
    if kind.type not in _BLOCKS and scope.raised not in text:
        inner = text[1:-1].rstrip(", ") if kind.type == "tuple" else text
        yield _put(kind, f"({inner}, {scope.raised})")


def steps(node: Node, scope: Scope) -> Iterator[Change]:
    """Go one further, or one less far."""
    parent = node.parent
    if node.type not in _VALUES or parent is None:
        return
    compared = parent.type in ("comparison_operator", "binary_expression") and (
        _operator(parent) in _COMPARED
    )
    indexed = parent.type in ("slice", "slice_expression") or (
        _field(node) in ("subscript", "index", "indices")
    )
    passed = parent.type in _ARGUMENTS or parent.type == "return_statement"
    if compared or indexed or passed:
        yield _put(node, f"{text_of(node)} + 1")
        yield _put(node, f"{text_of(node)} - 1")


def operands(node: Node, scope: Scope) -> Iterator[Change]:
    """Leave out one side of an operator."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    joins = _ARITHMETIC | {"and", "or", "&&", "||", "??"}
    if left is not None and right is not None and _operator(node) in joins:
        yield _put(node, text_of(left))
        yield _put(node, text_of(right))


def words(node: Node, scope: Scope) -> Iterator[Change]:
    """Take one of several like-named functions for another."""
    held = node.parent if node.parent is not None and node.parent.type in _FIELDS else node
    if node.type.endswith("identifier") and called(held):
        for other in _OTHERS.get(text_of(node), ()):
            yield _put(node, other)


def truths(node: Node, scope: Scope) -> Iterator[Change]:
    """Take "is nothing" for "is empty", or the other way round."""
    if not scope.python:
        return
    if node.type == "comparison_operator" and text_of(node.children[-1]) == "None":
        bare = text_of(node.children[0])
        yield _put(node, bare if "not" in _operator(node) else f"not {bare}")
    parent = node.parent
    if node.type not in _VALUES or parent is None:
        return
    if _field(node) == "condition" or parent.type == "boolean_operator":
        yield _put(node, f"{text_of(node)} is not None")
    elif parent.type == "not_operator":
        yield _put(parent, f"{text_of(node)} is None")


def swaps(node: Node, scope: Scope) -> Iterator[Change]:
    """Exchange two arguments, the branches of a choice, or the sides of an operator."""
    sides = None
    if node.type in _ARGUMENTS:
        for one, two in pairwise(each for each in _arguments(node) if each.type in _VALUES):
            yield one.start_byte, two.end_byte, f"{text_of(two)}, {text_of(one)}"
    elif node.type == "conditional_expression" and len(node.named_children) == 3:
        sides = node.named_children[0], node.named_children[2]
    elif node.type == "ternary_expression" and len(node.named_children) == 3:
        sides = node.named_children[1], node.named_children[2]
    elif _operator(node) in ("-", "/", "//", "%"):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sides = (left, right) if left is not None and right is not None else None
    if sides:
        one, two = sides
        between = (node.text or b"")[
            one.end_byte - node.start_byte : two.start_byte - node.start_byte
        ]
        yield one.start_byte, two.end_byte, text_of(two) + between.decode() + text_of(one)


def lookups(node: Node, scope: Scope) -> Iterator[Change]:
    """Look up what may not be there."""
    if scope.python and node.type == "subscript" and _field(node) != "left":
        of, key = node.child_by_field_name("value"), node.child_by_field_name("subscript")
        if of is not None and key is not None and key.type != "slice":
            yield _put(node, f"{text_of(of)}.get({text_of(key)})")


def names(node: Node, scope: Scope) -> Iterator[Change]:
    """Take one variable, or attribute, for another."""
    if node.type == "identifier" and text_of(node) in scope.names and not bound(node):
        others, name = scope.names, text_of(node)
    elif own_attribute(node):
        others, name = scope.attributes, text_of(node)
    else:
        return
    for other in [each for each in others if each != name][:NAMES]:
        yield _put(node, other)


def reused(node: Node, scope: Scope) -> Iterator[Change]:
    """Do with a name what is done with it elsewhere; Barr et al., Plastic Surgery (2014)."""
    if node.type == "identifier" and not bound(node) and not called(node):
        for use in scope.uses.get(text_of(node), ()):
            yield _put(node, use)


def unwrapped(node: Node, scope: Scope) -> Iterator[Change]:
    """Leave out a call, or an argument of it."""
    given = node.child_by_field_name("arguments")
    function = node.child_by_field_name("function")
    if given is None or function is None:
        return
    inner = _arguments(given)
    if len(inner) == 1 and inner[0].type not in ("keyword_argument", "generator_expression"):
        yield _put(node, text_of(inner[0]))
    of = function.child_by_field_name("object")
    if of is not None and len(inner) < 2:
        yield _put(node, text_of(of))
    for one, two in pairwise(inner):
        yield one.end_byte, two.end_byte, ""
    if len(inner) > 1:
        yield inner[0].start_byte, inner[1].start_byte, ""


def deleted(node: Node, scope: Scope) -> Iterator[Change]:
    """Leave out a statement."""
    if node.type not in _SIMPLE:
        return
    before, after = node.prev_named_sibling, node.next_named_sibling
    if before is not None:
        yield before.end_byte, node.end_byte, ""
    elif after is not None:
        yield node.start_byte, after.start_byte, ""
    elif scope.python:
        yield _put(node, "pass")


def moved(node: Node, scope: Scope) -> Iterator[Change]:
    """Take the last statement out of its block, or a statement into the block before it."""
    block, before = node.parent, node.prev_named_sibling
    if not scope.python or block is None or block.type != "block":
        return
    inner, text = node.start_point.column, text_of(node)
    owner = block.parent
    if owner is not None and node.next_named_sibling is None and before is not None:
        while owner.type in ("elif_clause", "else_clause", "except_clause", "finally_clause"):
            owner = owner.parent or owner
        if owner.type != "function_definition" and (less := inner - owner.start_point.column) > 0:
            yield node.start_byte - less, node.end_byte, _indented(text, -less)
    if before is not None and before.named_children[-1:] and before.end_point.row > 0:
        last = before.named_children[-1]
        last = last.named_children[-1] if last.type.endswith("_clause") else last
        if last.type == "block" and (more := last.start_point.column - inner) > 0:
            yield _put(node, " " * more + _indented(text, more))


def _indented(text: str, by: int) -> str:
    first, *rest = text.split("\n")
    moved = [(" " * by + line if by > 0 else line[-by:]) if line.strip() else "" for line in rest]
    return "\n".join([first, *moved])


# tried in this order; within a tier the lines take turns
TIERS: tuple[tuple[Operator, ...], ...] = (
    (tokens, numbers, negations, widened),
    (steps, operands, words, truths, swaps, lookups, reused),
    (names, unwrapped, deleted, moved),
)

"""Small changes of one place, made without a model: the slips of a hand, taken back.

Many can be made of one function, and each is tried in milliseconds where the tests are; which of
those that pass is right is for the model to say.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from agent.repair import prompts
from agent.repair.edits import ran_lines
from agent.repair.localise import Suspect
from agent.repair.operators import (
    SELF,
    TIERS,
    Scope,
    bound,
    called,
    own_attribute,
    text_of,
    used_alone,
)
from tools import symbols
from tools.languages import language_of
from tools.trees import Offsets, encode, parse

if TYPE_CHECKING:
    from tree_sitter import Node

_RAISED = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning|StopIteration|Interrupt))\b")
_FIXED = frozenset({"type", "type_annotation", "comment"})


class Mutant(NamedTuple):
    """One change: `start` to `end` of the suspect's file become `new`."""

    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """Return the file with the change in it."""
        return text[: self.start] + self.new + text[self.end :]

    def function(self, suspect: Suspect) -> str:
        """Return the suspect with the change in it, as it would stand at the left margin."""
        grown = len(self.new) - (self.end - self.start)
        return prompts.dedented(self.applied(suspect.text), suspect.symbol, grown)


def mutants(suspect: Suspect, said: str = "") -> list[Mutant]:
    """Return the changes of a suspect, the likeliest kinds first, in which its lines take turns.

    Only lines that ran are changed, where it is known what ran. `said` is what the failure said.
    Empty for a language without a grammar.
    """
    language = language_of(suspect.path, suspect.text)
    if language is None:
        return []
    data = encode(suspect.text)
    at = Offsets(suspect.text, data)
    root = parse(language, data)
    ran = ran_lines(suspect)
    head = suspect.symbol.head
    begin = symbols.body_start(suspect.path, suspect.text, suspect.symbol) or head
    nodes = [
        each
        for each in _within(root)
        if head <= at(each.start_byte) and at(each.end_byte) <= suspect.symbol.end
    ]
    scope = _scope(language.name == "python", nodes, said)
    nodes = [each for each in nodes if at(each.start_byte) >= begin]
    turns: defaultdict[tuple[int, int], count[int]] = defaultdict(count)
    found: dict[Mutant, tuple[int, int]] = {}
    for tier, operators in enumerate(TIERS):
        for node in nodes:
            line = node.start_point.row + 1
            if ran and line not in ran:
                continue
            for operator in operators:
                for start, end, new in operator(node, scope):
                    mutant = Mutant(at(start), at(end), new)
                    if mutant not in found:
                        found[mutant] = tier, next(turns[tier, line])
    return [each for each in sorted(found, key=lambda each: found[each]) if _whole(suspect, each)]


def _whole(suspect: Suspect, mutant: Mutant) -> bool:
    """Whether what comes of it is Python; True for other languages."""
    if not suspect.path.endswith((".py", ".pyi")):
        return True
    try:
        ast.parse(mutant.function(suspect))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _within(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the text; nothing of comments and types."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        if node.type not in _FIXED:
            stack.extend(reversed(node.children))


def _scope(python: bool, nodes: list[Node], said: str) -> Scope:
    names = [text_of(each) for each in nodes if each.type == "identifier" and not called(each)]
    fields = [text_of(each) for each in nodes if own_attribute(each)]
    uses: defaultdict[str, list[str]] = defaultdict(list)
    for each in nodes:
        if name := used_alone(each):
            uses[name].append(text_of(each))
    raised = _RAISED.findall(said)
    # in the order of their first use; what is not assigned or taken here may be a module
    taken = {text_of(each) for each in nodes if each.type == "identifier" and bound(each)}
    return Scope(
        python,
        tuple(each for each in dict.fromkeys(names) if each in taken and each not in SELF),
        tuple(dict.fromkeys(fields)),
        {name: tuple(dict.fromkeys(found)) for name, found in uses.items()},
        raised[-1] if raised else "",
    )

"""Who calls whom, as the syntax of sources has it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from sandbox.workspace import Workspace
from tools import symbols
from tools.base import ToolError
from tools.languages import language_of
from tools.shown import NODES, Edge, Graph, brief
from tools.sources import Sources, is_there, named, unknown
from tools.steps import bounded

SEARCHED = 4000  # sources that are looked through for a name
_DEFINES = r"\b(?:def|class|fn|func|function)\b[^\n]{0,200}?"
_JS = """
(call_expression function: (identifier) @callee)
(call_expression function: (member_expression property: (property_identifier) @callee))
(new_expression constructor: (identifier) @callee)
"""
# what is called, by the name of its language
CALLS = {
    "python": """
(call function: (identifier) @callee)
(call function: (attribute attribute: (identifier) @callee))
""",
    "javascript": _JS,
    "typescript": _JS,
    "tsx": _JS,
    "go": """
(call_expression function: (identifier) @callee)
(call_expression function: (selector_expression field: (field_identifier) @callee))
""",
    "rust": """
(call_expression function: (identifier) @callee)
(call_expression function: (field_expression field: (field_identifier) @callee))
(call_expression function: (scoped_identifier name: (identifier) @callee))
""",
    "java": """
(method_invocation name: (identifier) @callee)
(object_creation_expression type: (type_identifier) @callee)
""",
    "c": "(call_expression function: (identifier) @callee)",
    "cpp": """
(call_expression function: (identifier) @callee)
(call_expression function: (field_expression field: (field_identifier) @callee))
(call_expression function: (qualified_identifier name: (identifier) @callee))
""",
    "bash": "(command name: (command_name (word) @callee))",
}


def calls(workspace: Workspace, names: Sequence[str]) -> tuple[Graph, tuple[str, ...]]:
    """Return who calls whom in files or folders, or around functions. Raises ToolError.

    A call is a name in the syntax tree: one that several definitions bear is left out, unless one
    of them stands in the same file.
    """
    places = [each for each in names if is_there(workspace, each)]
    wanted = [symbols.plain_name(each) for each in names if each not in places]
    found = _Calls()
    sources = Sources(workspace)
    if wanted:
        # what does not name them neither defines nor calls them
        own = _any([each.rpartition(".")[2] for each in wanted])
        sources = Sources(workspace, SEARCHED, re.compile(own))
    _read(found, sources, places)
    near = {place for each in wanted for place in found.ending(each)}
    if wanted and not near:
        said = ", ".join(brief(each, 40) for each in wanted)
        raise ToolError("; ".join([f"nothing is called {said}", *sources.notes]))
    if others := found.called_by(near)[:NODES]:
        sources.words = re.compile(_DEFINES + _any(others))
        _read(found, sources, places)
    every, edges, unclear = found.edges()
    notes = [*sources.notes]
    if wanted:
        edges = [each for each in edges if each[0] in near or each[1] in near]
        kept = near | {place for each in edges for place in each}
        every = [each for each in every if each in kept]
        own_names = {name.rpartition(".")[2] for _, name in near}
        unclear = [each for each in unclear if each[0] in near or each[1] in own_names]
    else:
        linked = {place for each in edges for place in each}
        alone = len(every) - len(linked)
        every = [each for each in every if each in linked] or every
        if alone and linked:
            notes.append(f"{alone:,} without a call from or to the others left out")
    if not every:
        raise ToolError(f"no function is known of in {unknown(names, CALLS)}")
    if unclear:
        notes.append(f"{len(unclear):,} calls left out that could mean several definitions")
    told = _told(every)
    shown = [Edge(source=told[one], target=told[other]) for one, other in edges]
    return bounded([told[each] for each in every], shown, notes)


def _any(names: Sequence[str]) -> str:
    return rf"\b(?:{'|'.join(map(re.escape, names))})\b"


def _read(found: _Calls, sources: Sources, places: Sequence[str]) -> None:
    """Take in sources that were not yet, those first that define what is looked for."""
    before = set(sources.texts)
    sources.read = 0
    for place in places or ["."]:
        sources.take(place, CALLS)
    new = [path for path in sources.texts if path not in before]
    if sources.words is not None:
        defines = re.compile(_DEFINES + sources.words.pattern.removeprefix(_DEFINES))
        new.sort(key=lambda path: not defines.search(sources.texts[path]))
    for path in new:
        if sources.late:
            break
        found.read(path, sources.texts[path])


_Place = tuple[str, str]
"""A definition: its file, and its name there."""


class _Calls:
    """The functions of some sources, and the names that each calls."""

    def __init__(self) -> None:
        self._callees: dict[_Place, dict[str, None]] = {}
        self._by_name: dict[str, list[_Place]] = {}

    def read(self, path: str, text: str) -> None:
        language = language_of(path, text)
        if language is None or language.name not in CALLS:
            return
        defined = symbols.definitions(path, text)
        for each in defined:
            place = (path, each.name)
            if place not in self._callees:
                self._callees[place] = {}
                self._by_name.setdefault(each.short, []).append(place)
        functions = [each for each in defined if each.kind in ("function", "method")][::-1]
        around: list[symbols.Symbol] = []  # one within another
        for at, name in named(language, text, CALLS[language.name], "callee"):
            while functions and functions[-1].start <= at:
                around.append(functions.pop())
            while around and around[-1].end <= at:
                around.pop()
            if around:
                self._callees[path, around[-1].name].setdefault(name)

    def ending(self, name: str) -> list[_Place]:
        """Return the definitions of this name, which may leave out what they are in."""
        every = self._by_name.get(name.rpartition(".")[2], [])
        return [each for each in every if f".{each[1]}".endswith(f".{name}")]

    def called_by(self, places: Iterable[_Place]) -> list[str]:
        """Return the names that some definitions call and nothing defines that was read."""
        every = dict.fromkeys(name for place in places for name in self._callees[place])
        return [name for name in every if name not in self._by_name]

    def edges(
        self,
    ) -> tuple[list[_Place], list[tuple[_Place, _Place]], list[tuple[_Place, str]]]:
        """Return the definitions, who of them calls whom, and the calls that are not clear."""
        edges = []
        unclear: list[tuple[_Place, str]] = []
        for place, callees in self._callees.items():
            for name in callees:
                bearers = self._by_name.get(name, [])
                here = [each for each in bearers if each[0] == place[0]]
                meant = here if len(here) == 1 else bearers
                if len(meant) == 1:
                    edges.append((place, meant[0]))
                elif meant:
                    unclear.append((place, name))
        return list(self._callees), edges, unclear


def _told(every: Sequence[_Place]) -> dict[_Place, str]:
    """Return what each is called: with its file where another has the same name."""
    names = Counter(name for _, name in every)
    return {
        (path, name): brief(name if names[name] == 1 else f"{path}:{name}") for path, name in every
    }

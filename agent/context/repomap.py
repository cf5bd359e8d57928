"""The repository map: what of a repository belongs to a task, in so many tokens.

    src/shop/cart.py
        12 class Cart:
        40   def total(self, discount=None):

Files and, in each, the lines that begin its nearest definitions, with the classes around them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.context.index import Defined, Index, State
from agent.context.lately import in_session
from agent.context.ranking import Ranked, Ranking, Task
from agent.context.reading import MAX_BYTES
from agent.models.estimate import upper
from agent.terminal import inert
from sandbox.workspace import PathError, Workspace
from tools.base import ToolMemory
from tools.textfile import NotText, TextFile

TOKENS = 1000  # of a map of which nothing else is said
MISSES = 20  # definitions that do not fit, after which no smaller one is looked for
NEAREST = 10  # definitions, of which one must be surely meant
BESIDE, AT_ONCE = 300, 1.0  # tokens of the map beside a prompt, and seconds for it
PATIENCE = 20.0  # seconds for bringing the index up to date, where nobody says


@dataclass(frozen=True, slots=True)
class Map:
    """A map: its text, what it costs, the definitions in it by file, how far the index is."""

    text: str
    tokens: int
    shown: dict[str, tuple[Defined, ...]]
    state: State


def map_of(
    workspace: Workspace,
    task: Task,
    cache: Path,
    tokens: int = TOKENS,
    patience: float = PATIENCE,
    sure: bool = False,
) -> Map:
    """Return the map of a workspace for a task; the index lies below `cache`.

    After `patience` seconds it shows what was read until then, and says that it is partial. With
    `sure` it is empty unless the name of something near says a word of the task.
    """
    with Index.of(workspace, cache) as index:
        state = index.update(workspace, time.monotonic() + patience)
        ranking = Ranking(index, lambda path: _text(workspace, path))
        left_out = state.told
        ranked = ranking.ranked(task)
        if sure and not any(each.named for each in ranked[:NEAREST]):
            ranked = []
        classes = _Classes(index)
        text, shown = _drawn(ranked, classes, tokens - (upper(left_out) if left_out else 0))
    whole = "\n".join(filter(None, (text, left_out)))
    return Map(whole, upper(whole) if whole else 0, shown, state)


def beside(workspace: Workspace, prompt: str, cache: Path, memory: ToolMemory) -> str:
    """Return a small map of what a prompt is about; empty where that cannot be told.

    What the session came to lately, as its tools remember, is near. An index that is not there yet
    is built over several prompts.
    """
    task = Task(prompt, in_session(memory))
    found = map_of(workspace, task, cache, BESIDE, AT_ONCE, sure=True)
    return found.text if found.shown else ""


class _Classes:
    """The definitions around others, by file, asked for once."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[int, dict[str, Defined]] = {}

    def around(self, each: Defined) -> Defined | None:
        """Return the definition that another stands in."""
        if each.file not in self._known:
            known = self._index.defined_in(each.file)
            self._known[each.file] = {other.definition.name: other for other in known}
        return self._known[each.file].get(each.definition.name.rpartition(".")[0])


def _drawn(
    ranked: Sequence[Ranked], classes: _Classes, tokens: int
) -> tuple[str, dict[str, tuple[Defined, ...]]]:
    """Return the nearest definitions that fit, and which these are."""
    shown: dict[str, dict[int, Defined]] = {}
    spent = missed = 0
    for each in ranked:
        there = shown.get(each.path, {})
        if each.defined.id in there:
            continue
        wanted = [each.defined]
        while (outer := classes.around(wanted[-1])) is not None and outer.id not in there:
            wanted.append(outer)
        cost = sum(upper(_row(one)) + 1 for one in wanted)
        cost += 0 if there else upper(_plain(each.path)) + 1
        if spent + cost > tokens:
            missed += 1
            if missed >= MISSES:
                break
            continue
        spent += cost
        shown.setdefault(each.path, {}).update({one.id: one for one in wanted})
    kept = {path: tuple(sorted(by.values(), key=_line)) for path, by in shown.items()}
    rows = [row for path, found in kept.items() for row in (_plain(path), *map(_row, found))]
    return "\n".join(rows), kept


def _plain(text: str) -> str:
    """Return a text of the repository's in one line that moves no terminal."""
    return inert(text).replace("\n", "\\n")


def _line(each: Defined) -> int:
    return each.definition.line


def _row(each: Defined) -> str:
    definition = each.definition
    return f"{definition.line:6} {'  ' * definition.name.count('.')}{_plain(definition.head)}"


def _text(workspace: Workspace, path: str) -> str:
    try:
        return TextFile.decode(workspace.read(path, MAX_BYTES).data).text
    except (PathError, NotText):
        return ""

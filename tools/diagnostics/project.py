"""Which checkers speak about a file: the project's own, and of those what the policy lets run.

A program in the repository, or one whose configuration can be a program, is code of the
repository: it runs only where the policy would let such code run without a question. All others
lie outside and only read, so they run wherever something contains them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.base import Containment
from sandbox.environment import caches_directory
from sandbox.names import raw
from sandbox.workspace import PathError, Workspace
from tools.base import ToolContext
from tools.diagnostics.base import Checker, Mark, Place
from tools.languages import language_of
from tools.runners.interpreter import program_on_path, project_python

_MOST_TEXT = 1 << 20  # bytes of a configuration that is looked into
_IN_NODE = Path("node_modules") / ".bin"


@dataclass(frozen=True, slots=True)
class Asked:
    """A checker that is asked about a file, with its program; `own` where it is the project's."""

    checker: Checker
    program: Path
    place: Place
    own: bool


def asked(
    checkers: Sequence[Checker], context: ToolContext, path: str, text: str
) -> Iterator[Asked]:
    """Yield the project's own checkers of a file, else the first of those that stand in for them.

    `path` is in its one form. What may not run is left out; nothing is asked in added folders.
    """
    language = language_of(path, text)
    if language is None or path.startswith("/"):
        return
    speaks = [each for each in checkers if language.name in each.languages]
    homes = {each: _home(context.workspace, path, each.marks) for each in speaks}
    owned = any(home is not None for home in homes.values())
    for checker, home in homes.items():
        if not (home is not None if owned else checker.fallback):
            continue
        found = _programs(context.workspace, checker, home)
        program = next((each for each in found if may_run(context, checker, each)), None)
        if program is not None:
            place = _place(context.workspace, checker, program, home or ".", path)
            yield Asked(checker, program, place, owned)
            if not owned:
                return


def may_run(context: ToolContext, checker: Checker, program: Path) -> bool:
    """Whether a checker may be started by a change that was allowed, which is an EDIT."""
    if context.executes():
        return True
    contained = context.sandbox.containment is not Containment.NONE
    return contained and not checker.runs_code and _outside(context.workspace, program)


def _outside(workspace: Workspace, program: Path) -> bool:
    places = (program, program.resolve())
    tops = (workspace.root, *workspace.extra)
    return not any(place.is_relative_to(top) for place in places for top in tops)


def _home(workspace: Workspace, path: str, marks: Sequence[Mark]) -> str | None:
    """Return the folder above a file that holds the nearest of these, None where none does."""
    for folder in PurePosixPath(path).parents:
        if any(_stands(workspace, str(folder / mark.file), mark.table) for mark in marks):
            return str(folder)
    return None


def _stands(workspace: Workspace, path: str, table: str) -> bool:
    try:
        if workspace.kind(path) not in ("file", "link"):
            return False
        if not table:
            return True
        text = workspace.read(path, _MOST_TEXT).data.decode("utf-8", "replace")
    except PathError:
        return False
    if not path.endswith(".toml"):
        return re.search(rf"^\[{re.escape(table)}\]", text, re.MULTILINE) is not None
    import tomllib  # where a project has such a file

    try:
        found: Any = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    for name in table.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return isinstance(found, dict)


def _programs(workspace: Workspace, checker: Checker, home: str | None) -> Iterator[Path]:
    """Yield where its program is: in the project's environment, then on PATH.

    Without a `home` it is none of the project's, so only what lies outside is looked at.
    """
    found = []
    if home is not None and "python" in checker.languages:
        found.append(_python(workspace).parent / checker.program)
    if home is not None and checker.languages & {"javascript", "typescript"}:
        for folder in (PurePosixPath(home), *PurePosixPath(home).parents):
            found.append(workspace.root / raw(str(folder)) / _IN_NODE / checker.program)
    if on_path := program_on_path(checker.program, workspace.root, os.environ):
        found.append(Path(on_path))
    for program in dict.fromkeys(found):
        if (
            program.is_file()
            and os.access(program, os.X_OK)
            and (home is not None or _outside(workspace, program))
        ):
            yield program


def _python(workspace: Workspace) -> Path:
    return Path(project_python(workspace.root))


def _place(workspace: Workspace, checker: Checker, program: Path, home: str, path: str) -> Place:
    inner = str(PurePosixPath(path).relative_to(home))
    python = _python(workspace) if "python" in checker.languages else None
    if python is not None and (python.parent == program.parent or str(python) == sys.executable):
        python = None  # it knows, or there is none but ours
    return Place(
        folder=workspace.root / raw(home),
        path=f"./{raw(inner)}" if inner.startswith("-") else raw(inner),
        python=str(python or ""),
        cache=caches_directory(workspace.root),
    )

"""Which checkers speak about a file: the project's own, and of those what the policy lets run.

A program in the repository, or one whose configuration can be a program, is code of the
repository: it runs only where the policy would let such code run without a question. All others
lie outside and only read, so they run wherever something contains them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.base import Containment
from sandbox.environment import caches_directory
from sandbox.names import raw
from sandbox.workspace import PathError, Workspace
from tools.base import ToolContext
from tools.diagnostics.base import Checker, Mark, Place
from tools.diagnostics.servers import SERVERS, Server
from tools.diagnostics.table import CHECKERS
from tools.languages import language_of
from tools.runners.interpreter import program_on_path, project_python

_MOST_TEXT = 1 << 20  # bytes of a configuration that is looked into
_IN_NODE = Path("node_modules") / ".bin"


@dataclass(frozen=True, slots=True)
class Asked:
    """A checker of the project's, or a server that stands in, with its program and the file."""

    checker: Checker | Server
    program: Path
    place: Place

    def variables(self, workspace: Workspace) -> Mapping[str, str]:
        """Say what is added to its environment."""
        checker = self.checker
        own = checker.variables if isinstance(checker, Server) else checker.variables(self.place)
        if checker.runs_code:
            return own
        # what it starts by name, such as node, is none of the repository's either
        found = os.environ.get("PATH", "").split(os.pathsep)
        entries = [each for each in found if each.startswith("/")]
        outside = [each for each in entries if _outside(workspace, Path(each))]
        return {"PATH": os.pathsep.join(outside) or "/dev/null", **own}

    @property
    def full_name(self) -> str:
        """The checker, and which of its programs it is."""
        return f"{self.checker.name} {self.program}"


def asked(context: ToolContext, path: str, text: str) -> list[Asked]:
    """Return the project's own checkers of a file, else the first that stands in for them.

    `path` is in its one form. What may not run is left out, and what was given up; nothing is asked
    in added folders.
    """
    language = language_of(path, text)
    if language is None or path.startswith("/"):
        return []
    workspace = context.workspace
    speaks = [each for each in CHECKERS if language.name in each.languages]
    homes = {each: _home(workspace, path, each.marks) for each in speaks}
    own = [
        Asked(checker, program, _place(workspace, checker, program, home, path))
        for checker, home in homes.items()
        if home is not None and (program := _program(context, checker, home)) is not None
    ]
    if own or any(home is not None for home in homes.values()):
        return own
    for server in SERVERS:
        if language.name in server.languages and (program := _program(context, server, None)):
            return [Asked(server, program, _place(workspace, server, program, ".", path))]
    return []


def may_run(context: ToolContext, checker: Checker | Server, program: Path) -> bool:
    """Whether a checker may be started by a change that was allowed, which is an EDIT."""
    if context.executes():
        return True
    contained = context.sandbox.containment is not Containment.NONE
    return contained and not checker.runs_code and _outside(context.workspace, program)


def _program(context: ToolContext, checker: Checker | Server, home: str | None) -> Path | None:
    """Return the program of a checker that may run, unless it was given up."""
    if context.memory.diagnosed.given_up(checker.name):
        return None
    found = _programs(context.workspace, checker, home)
    return next((each for each in found if may_run(context, checker, each)), None)


def _outside(workspace: Workspace, path: Path) -> bool:
    places = (path, path.resolve())
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


def _programs(workspace: Workspace, checker: Checker | Server, home: str | None) -> Iterator[Path]:
    """Yield where its program is: in the project's environment, then on PATH.

    Without a `home` it is none of the project's, so only what lies outside is looked at.
    """
    found = []
    if home is not None and "python" in checker.languages and (python := _python(workspace)):
        found.append(python.parent / checker.program)
    if home is not None and {"javascript", "typescript"} & {*checker.languages}:
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


def _python(workspace: Workspace) -> Path | None:
    """Return the project's interpreter, None where there is none but the one that we run on."""
    found = Path(project_python(workspace.root))
    ours = str(found) == sys.executable and not found.is_relative_to(workspace.root)
    return None if ours else found


def _place(
    workspace: Workspace, checker: Checker | Server, program: Path, home: str, path: str
) -> Place:
    inner = str(PurePosixPath(path).relative_to(home))
    python = _python(workspace) if "python" in checker.languages else None
    if python is not None and python.parent == program.parent:
        python = None  # it knows
    return Place(
        folder=workspace.root / raw(home),
        path=f"./{raw(inner)}" if inner.startswith("-") else raw(inner),
        python=str(python or ""),
        cache=caches_directory(workspace.root),
    )

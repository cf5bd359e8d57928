"""The runners of checks, and how a project's own check is found."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.workspace import PathError, Workspace
from tools.plain import plain_words
from tools.runners.base import Runner, run_check
from tools.runners.cargo import Cargo
from tools.runners.command import ShellCommand
from tools.runners.go import Go
from tools.runners.interpreter import program_on_path, project_python
from tools.runners.make import Make
from tools.runners.node import JsonReporting, NodeTest, NpmScript
from tools.runners.pytest import Pytest
from tools.runners.unittest import Unittest

__all__ = ["Runner", "detect", "from_command", "run_check"]

_MOST_FILES = 5000  # of a project are looked at for tests
_MOST_TEXT = 1 << 20  # bytes of one file that tells of a runner
_PYTHON_TEST = re.compile(r"(test_[^/]*|[^/]*_test|tests)\.py$")
_NODE_TEST = re.compile(r"\.test\.[cm]?js$")


@dataclass(frozen=True, slots=True)
class _Project:
    """What the runners are found by."""

    workspace: Workspace
    files: frozenset[str]
    environ: Mapping[str, str]

    @property
    def root(self) -> Path:
        return self.workspace.root

    def text(self, name: str) -> str:
        """Return a file at the top, or nothing where there is none that can be read."""
        try:
            return self.workspace.read(name, _MOST_TEXT).data.decode("utf-8", "replace")
        except PathError:
            return ""

    def program(self, name: str) -> str | None:
        return program_on_path(name, self.root, self.environ)


def detect(workspace: Workspace, environ: Mapping[str, str] | None = None) -> list[Runner]:
    """Return the project's own checks, the one that tells most first; empty when there is none."""
    files = frozenset(islice(workspace.walk(), _MOST_FILES))
    project = _Project(workspace, files, os.environ if environ is None else environ)
    return [runner for find in _FINDERS for runner in find(project)]


def from_command(
    command: str, workspace: Workspace, environ: Mapping[str, str] | None = None
) -> Runner:
    """Return the runner for `--check CMD`: pytest or unittest where it is one, else a shell."""
    environ = os.environ if environ is None else environ
    root = workspace.root
    words = plain_words(command) or ()
    if words[:2] in {("uv", "run"), ("poetry", "run")}:
        words = words[2:]
    if words and PurePosixPath(words[0]).name in {"pytest", "py.test"}:
        beside = root / PurePosixPath(words[0]).parent / "python"
        named = "/" in words[0] and beside.is_file()
        return Pytest(str(beside) if named else project_python(root, environ), words[1:])
    if len(words) > 2 and words[1] == "-m" and words[2] in {"pytest", "unittest"}:
        python = _python_named(words[0], root, environ)
        if python is not None:
            return (Pytest if words[2] == "pytest" else Unittest)(python, words[3:])
    project = _Project(workspace, frozenset(), environ)
    return ShellCommand(command, project.program("bash") or "/bin/sh")


def _python_named(word: str, root: Path, environ: Mapping[str, str]) -> str | None:
    if not re.fullmatch(r"python[\d.]*", PurePosixPath(word).name):
        return None
    if "/" in word:
        return str(root / word)
    if word in {"python", "python3"}:
        return project_python(root, environ)
    return program_on_path(word, root, environ)


def _python(project: _Project) -> Iterator[Runner]:
    tests = [path for path in project.files if _PYTHON_TEST.search(path)]
    configured = (
        "pytest.ini" in project.files
        or any(PurePosixPath(path).name == "conftest.py" for path in project.files)
        or "[pytest]" in project.text("tox.ini")
        or "[tool:pytest]" in project.text("setup.cfg")
        or _has_pytest_table(project.text("pyproject.toml"))
    )
    if not tests and not configured:
        return
    python = project_python(project.root, project.environ)
    plain = Unittest(python, _discovery(project.files, tests))
    yield Pytest(python, fallback=plain)
    yield plain


def _has_pytest_table(text: str) -> bool:
    import tomllib  # at the first check, not at the start

    try:
        tables = tomllib.loads(text).get("tool", {})
        return isinstance(tables, dict) and "pytest" in tables
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def _discovery(files: frozenset[str], tests: Sequence[str]) -> tuple[str, ...]:
    """Return what `python -m unittest` needs to find tests in a folder that is no package."""
    folders = {path.split("/")[0] for path in tests if "/" in path}
    at_top = any("/" not in path for path in tests)
    for folder in ("tests", "test"):
        if folder in folders and not at_top and f"{folder}/__init__.py" not in files:
            return ("discover", "-s", folder)
    return ()


def _cargo(project: _Project) -> Iterator[Runner]:
    if "Cargo.toml" in project.files and (cargo := project.program("cargo")):
        yield Cargo(cargo)


def _go(project: _Project) -> Iterator[Runner]:
    if "go.mod" in project.files and (go := project.program("go")):
        yield Go(go)


def _node(project: _Project) -> Iterator[Runner]:
    if "package.json" not in project.files:
        return
    try:
        package: Any = json.loads(project.text("package.json"))
        script = str(package["scripts"]["test"])
    except (ValueError, KeyError, TypeError, RecursionError):
        script = ""
    if "no test specified" in script:
        script = ""
    node, npm = project.program("node"), project.program("npm")
    words = plain_words(script) or ()
    if words[:1] == ("npx",):
        words = words[1:]
    if node and words[:2] == ("node", "--test"):
        yield NodeTest(node, words[2:])
    elif words and words[0] in {"jest", "vitest"}:
        program = project.root / "node_modules" / ".bin" / words[0]
        if program.exists():
            yield JsonReporting(words[0], str(program), words[1:], project.root)
    elif node and not script and any(_NODE_TEST.search(path) for path in project.files):
        yield NodeTest(node)
    if npm and script:
        yield NpmScript(npm)


def _make(project: _Project) -> Iterator[Runner]:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if name in project.files and (make := project.program("make")):
            text = project.text(name)
            for target in ("test", "check"):
                if re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
                    yield Make(make, target)
                    return


# the table: what tells of single tests comes before what has only an exit status
_FINDERS: tuple[Callable[[_Project], Iterator[Runner]], ...] = (_python, _cargo, _go, _node, _make)

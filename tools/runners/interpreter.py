"""Finds the Python of a project: its own, never the one that Wisp runs on."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.workspace import PathError, Workspace

_FOLDERS = (".venv", "venv", "env")


def project_python(root: Path, environ: Mapping[str, str] | None = None) -> str:
    """Return the interpreter for a project's check.

    In this order: `VIRTUAL_ENV`, a virtual environment in the project, the one that uv or poetry
    keeps for it, `PATH`. Ours comes last, where it is all there is; one that lies inside the
    project is the project's.
    """
    environ = os.environ if environ is None else environ
    for python in _candidates(root, environ):
        ours = sys.prefix != sys.base_prefix and _same_prefix(python)
        inside = python.is_relative_to(root)
        if (inside or not ours) and python.is_file() and os.access(python, os.X_OK):
            return str(python)
    return sys.executable


def program_on_path(name: str, root: Path, environ: Mapping[str, str]) -> str | None:
    """Return the program that a person here would run: the first on `PATH`, not one in `root`.

    Unlike the programs that Wisp needs itself, a toolchain is the one the user put first.
    """
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(entry)
        if not folder.is_absolute() or folder.resolve().is_relative_to(root):
            continue
        program = folder / name
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return None


def _candidates(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    if active := environ.get("VIRTUAL_ENV"):
        yield _python_of(Path(active))
    if own := environ.get("UV_PROJECT_ENVIRONMENT"):
        yield _python_of(root / own)
    for name in _FOLDERS:
        if (root / name / "pyvenv.cfg").is_file():
            yield _python_of(root / name)
    yield from _poetry(root, environ)
    for entry in environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(entry)
        if folder.is_absolute() and not folder.is_relative_to(root):
            yield folder / "python3"
            yield folder / "python"


def _python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def _same_prefix(python: Path) -> bool:
    # by the folder, not the file: the python of an environment is a link to the system's
    return python.parent.parent.resolve() == Path(sys.prefix).resolve()


def _poetry(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the environments that poetry keeps in its cache, by the name it gives them."""
    if not (root / "poetry.lock").is_file():
        return
    cache = environ.get("POETRY_VIRTUALENVS_PATH")
    if cache is None:
        home = Path(environ.get("HOME", "/"))
        base = environ.get("POETRY_CACHE_DIR")
        default = Path(environ.get("XDG_CACHE_HOME", home / ".cache")) / "pypoetry"
        cache = str((Path(base) if base else default) / "virtualenvs")
    name = _poetry_name(root)
    if name:
        digest = hashlib.sha256(os.path.normcase(root.resolve()).encode()).digest()
        mark = base64.urlsafe_b64encode(digest).decode()[:8]
        clean = re.sub(r'[ $`!*@"\\\r\n\t]', "_", name.lower())[:42]
        for found in sorted(Path(cache).glob(f"{clean}-{mark}-py*"), reverse=True):
            yield _python_of(found)


def _poetry_name(root: Path) -> str:
    import tomllib  # only where poetry is used

    try:
        data = tomllib.loads(Workspace(root).read("pyproject.toml").data.decode())
    except (OSError, PathError, ValueError):
        return ""
    for table in (data.get("project", {}), data.get("tool", {}).get("poetry", {})):
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            return str(table["name"])
    return ""

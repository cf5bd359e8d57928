"""Which check a project has, and which Python runs it."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.workspace import Workspace
from tests.tools.running import put
from tools.runners import detect, from_command
from tools.runners.interpreter import project_python

TEST = {"tests/test_a.py": ""}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    return root.resolve()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A PATH with toolchains in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3", "cargo", "go", "node", "npm", "make", "bash", "python3.12"):
        (folder / name).touch(mode=0o755)
    return {"PATH": str(folder), "HOME": str(tmp_path / "home")}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({}, []),
        ({"a.py": "", "README.md": "test"}, []),
        (TEST, ["pytest", "unittest"]),
        ({"pkg/a_test.py": ""}, ["pytest", "unittest"]),
        ({"pytest.ini": ""}, ["pytest", "unittest"]),
        ({"conftest.py": ""}, ["pytest", "unittest"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, ["pytest", "unittest"]),
        ({"pyproject.toml": "tool = 7\n", "package.json": "[" * 100_000}, []),
        ({"pyproject.toml": "[tool.ruff]\n"}, []),
        ({"pyproject.toml": "broken = ["}, []),
        ({"setup.cfg": "[tool:pytest]\n"}, ["pytest", "unittest"]),
        ({"Cargo.toml": ""}, ["cargo"]),
        ({"go.mod": ""}, ["go"]),
        ({"package.json": '{"scripts": {"test": "node --test src"}}'}, ["node", "npm"]),
        ({"package.json": '{"scripts": {"test": "mocha && lint"}}'}, ["npm"]),
        ({"package.json": '{"scripts": {"test": "jest"}}'}, ["npm"]),
        (
            {
                "package.json": '{"scripts": {"test": "npx jest --ci"}}',
                "node_modules/.bin/jest": "",
            },
            ["jest", "npm"],
        ),
        (
            {
                "package.json": '{"scripts": {"test": "vitest run"}}',
                "node_modules/.bin/vitest": "",
            },
            ["vitest", "npm"],
        ),
        ({"package.json": '{"scripts": {"test": "echo no test specified; exit 1"}}'}, []),
        ({"package.json": "{}", "a.test.js": ""}, ["node"]),
        ({"package.json": "broken"}, []),
        ({"package.json": "[]"}, []),
        ({"Makefile": "all:\n\ttrue\n\ntest: all\n\ttrue\n"}, ["make"]),
        ({"Makefile": "test := no\nall:\n"}, []),
        ({"GNUmakefile": "check:\n"}, ["make"]),
        (
            {**TEST, "Makefile": "test:\n", "Cargo.toml": ""},
            ["pytest", "unittest", "cargo", "make"],
        ),
    ],
)
def test_the_projects_checks_are_found_by_its_files(
    root: Path, environ: Mapping[str, str], files: Mapping[str, str], names: list[str]
) -> None:
    put(root, files)
    assert [runner.name for runner in detect(Workspace(root), environ)] == names


def test_a_toolchain_inside_the_workspace_is_not_taken(root: Path) -> None:
    put(root, {"Cargo.toml": "", "bin/cargo": ""})
    (root / "bin" / "cargo").chmod(0o755)
    assert detect(Workspace(root), {"PATH": f"{root}/bin:bin:."}) == []


def test_tests_in_a_folder_that_is_no_package_are_discovered_there(
    root: Path, environ: Mapping[str, str]
) -> None:
    put(root, TEST)
    assert detect(Workspace(root), environ)[1].command.endswith("-m unittest discover -s tests")
    put(root, {"tests/__init__.py": ""})
    assert detect(Workspace(root), environ)[1].command.endswith("-m unittest")


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        ("pytest -q tests", "pytest", "{path}/python3 -m pytest -q tests"),
        ("python -m pytest -x", "pytest", "{path}/python3 -m pytest -x"),
        ("uv run pytest", "pytest", "{path}/python3 -m pytest"),
        ("poetry run python -m pytest", "pytest", "{path}/python3 -m pytest"),
        ("/opt/py/bin/python3.9 -m pytest", "pytest", "/opt/py/bin/python3.9 -m pytest"),
        ("python3.12 -m unittest -v", "unittest", "{path}/python3.12 -m unittest -v"),
        ("sub/bin/pytest -q", "pytest", "{root}/sub/bin/python -m pytest -q"),
        ("pytest && echo ok", "command", "pytest && echo ok"),
        ("pytest | tail", "command", "pytest | tail"),
        ("CI=1 pytest", "command", "CI=1 pytest"),
        ("python check.py", "command", "python check.py"),
        ("tox", "command", "tox"),
    ],
)
def test_a_given_command_is_read_where_it_is_a_known_runner(
    root: Path, environ: Mapping[str, str], command: str, name: str, said: str
) -> None:
    put(root, {"sub/bin/python": ""})
    runner = from_command(command, Workspace(root), environ)
    expected = said.format(path=environ["PATH"], root=root)
    assert (runner.name, runner.command) == (name, expected)


def environment(folder: Path) -> Path:
    """Make something that looks like a virtual environment, and return its interpreter."""
    put(folder, {"pyvenv.cfg": "", "bin/python": ""})
    (folder / "bin" / "python").chmod(0o755)
    return folder / "bin" / "python"


def test_the_interpreter_is_the_projects_own_in_the_promised_order(
    root: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert project_python(root, environ) == f"{environ['PATH']}/python3"
    put(root, {"poetry.lock": "", "pyproject.toml": '[tool.poetry]\nname = "My App"\n'})
    mark = base64.urlsafe_b64encode(hashlib.sha256(str(root).encode()).digest()).decode()[:8]
    cache = tmp_path / "home" / ".cache" / "pypoetry" / "virtualenvs"
    poetry = environment(cache / f"my_app-{mark}-py3.11")
    assert project_python(root, environ) == str(poetry)
    own = environment(root / ".venv")
    assert project_python(root, environ) == str(own)
    active = environment(tmp_path / "active")
    assert project_python(root, {**environ, "VIRTUAL_ENV": str(tmp_path / "active")}) == str(active)


def test_our_own_interpreter_is_taken_only_where_it_is_all_there_is(
    root: Path, environ: dict[str, str]
) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("these tests do not run in a virtual environment")
    ours = {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin"}
    assert project_python(root, ours) == sys.executable
    mixed = {**ours, "PATH": f"{sys.prefix}/bin:{environ['PATH']}"}
    assert project_python(root, mixed) == f"{environ['PATH']}/python3"

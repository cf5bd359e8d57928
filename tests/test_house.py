"""The ratchets: what a file may be, who may start processes, who may speak, what a start loads."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house import (
    CHILDREN,
    HEAVY,
    NOT_AT_START,
    OPENS,
    OPENS_BY_PATH,
    PROCESS_CALLS,
    PROCESS_MODULES,
    SPEAKS,
    STARTS_PROCESSES,
    TELLS_TIME,
)

PROJECT = Path(__file__).parents[1]
PACKAGES = ("agent", "tools", "tui", "sandbox")
LINES, LOOP, COLUMNS = 400, 250, 100

EXCEPTION = re.compile(r"# (noqa: [A-Z0-9, ]+\b|type: ignore\[[\w, -]+\])(?P<reason>.*)")


def python(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]
    assert found, "the tests must see the project"
    return sorted(found)


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a file; the same ones each time, so that they can be told apart."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"), name(path))))


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def calls(path: Path) -> Iterator[tuple[str, str]]:
    """Each `module.name` that the file reaches for, called or not."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def test_no_file_of_code_is_longer_or_wider_than_a_reader_likes() -> None:
    long, wide = [], []
    for path in python(*PACKAGES, "tests", "benchmarks"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LINES:
            long.append(f"{name(path)}: {len(lines)} lines; find the missing noun")
        wide += [
            f"{name(path)}:{number}: {len(line)} columns"
            for number, line in enumerate(lines, 1)
            # an exception and its reason may hang over, as ruff has it
            if len(EXCEPTION.sub("", line).rstrip()) > COLUMNS
        ]
    assert (long, wide) == ([], [])


def test_the_loop_stays_small() -> None:
    assert len((PROJECT / "agent/loop.py").read_text(encoding="utf-8").splitlines()) < LOOP


def test_only_one_file_starts_processes() -> None:
    found = []
    for path in python(*PACKAGES):
        if name(path) in STARTS_PROCESSES | CHILDREN:
            continue
        found += [
            f"{name(path)}: {module}"
            for module, _ in imports(path)
            if {module, module.partition(".")[0]} & PROCESS_MODULES
        ]
        found += [
            f"{name(path)}: {module}.{what}"
            for module, what in calls(path)
            if what in PROCESS_CALLS.get(module, ())
            or (module == "os" and what.startswith(("exec", "spawn")))
        ]
    assert found == []


def test_nothing_runs_between_fork_and_exec() -> None:
    # it disables vfork, and a thread that holds a lock at the fork wedges the child
    found = [
        name(path)
        for path in python(*PACKAGES)
        for node in nodes(path)
        if isinstance(node, ast.keyword) and node.arg == "preexec_fn"
    ]
    assert found == []


def opens_by_path(node: ast.AST) -> bool:
    """Whether this opens a file by its path alone, beneath no folder that is held open."""
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Name(id="open"):
            return True
        case ast.Attribute(value=ast.Name(id="os"), attr="open"):
            return not any(each.arg == "dir_fd" for each in node.keywords)
        case ast.Attribute(attr="open") if node.args and isinstance(node.args[0], ast.Constant):
            return re.fullmatch(r"[rwaxbt+]+", str(node.args[0].value)) is not None
        case ast.Attribute(attr=attr):
            return attr in OPENS
    return False


def test_files_of_the_repository_are_opened_by_the_workspace_alone() -> None:
    opens = {
        name(path)
        for path in python(*PACKAGES)
        if name(path) not in CHILDREN and any(map(opens_by_path, nodes(path)))
    }
    assert opens == set(OPENS_BY_PATH)


def test_a_tool_that_may_use_the_network_says_where_its_text_comes_from() -> None:
    from tools.base import Tool
    from tools.registry import TOOLS

    named = {tool.name for tool in TOOLS if type(tool).origin is not Tool.origin}
    uses = {
        path.stem
        for path in python("tools")
        if any(isinstance(node, ast.Attribute) and node.attr == "NETWORK" for node in nodes(path))
    }
    tools = {tool.name for tool in TOOLS}
    assert uses & tools and uses & tools <= named


def test_only_the_faces_write_to_the_terminal() -> None:
    found = []
    for path in python("agent", "tools", "sandbox"):
        if name(path) in SPEAKS | CHILDREN:
            continue
        found += [
            f"{name(path)}:{node.lineno}: print"
            for node in nodes(path)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
        asks = ("isatty", "fileno", "encoding")
        asked = {
            id(node.value)
            for node in nodes(path)
            if isinstance(node, ast.Attribute) and node.attr in asks
        }
        found += [
            f"{name(path)}:{node.lineno}: sys.{node.attr}"
            for node in nodes(path)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr.strip("_")) in {("sys", "stdout"), ("sys", "stderr")}
            and id(node) not in asked
        ]
    assert found == []


@pytest.mark.parametrize("module", HEAVY)
def test_a_heavy_library_is_imported_in_its_own_place_only(module: str) -> None:
    found = {
        name(path)
        for path in python(*PACKAGES)
        for imported, _ in imports(path)
        if imported.partition(".")[0] == module
    }
    assert [each for each in found if not each.startswith(HEAVY[module])] == []


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a program of ours has loaded at its end."""
    code = f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    return {each.partition(".")[0] for each in json.loads(done.stdout.splitlines()[-1])}


HEADLESS = (
    "import agent.entry, agent.headless, agent.turn, agent.run, agent.repair.fix, agent.undo\n"
    "import agent.checkpoint, agent.copies, agent.models.choose, agent.models.scripted\n"
    "import agent.models.litellm, agent.keys\n"
    "import sandbox.detect, tools.registry"
)


def test_the_headless_path_loads_nothing_heavy() -> None:
    loaded = loaded_by(HEADLESS)
    assert {"agent", "tools", "sandbox", "pydantic"} <= loaded
    assert loaded & (NOT_AT_START | {"tui"}) == set()


def test_the_schemas_of_all_tools_load_nothing_heavy() -> None:
    loaded = loaded_by("from tools import registry; assert len(registry.schemas()) >= 9")
    assert loaded & NOT_AT_START == set()


def test_a_start_does_not_look_for_plugins_of_pydantic() -> None:
    program = (
        "import sys; sys.argv = ['agent', 'config']\n"
        "from agent._launch import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert ended.code == 0"
    )
    loaded = loaded_by(program)
    assert "pydantic" in loaded
    assert loaded & {"email", "zipfile"} == set()  # what `importlib.metadata` would bring


def test_the_version_is_answered_without_loading_anything_of_others() -> None:
    program = (
        "import sys; sys.argv = ['agent', '--version']; from agent._launch import main; main()"
    )
    assert loaded_by(program) & {"pydantic", "argparse", "asyncio", "tools", "sandbox"} == set()


def test_help_is_answered_without_loading_what_only_a_run_needs() -> None:
    program = (
        "import sys; sys.argv = ['agent', 'run', '--help']\n"
        "from agent._launch import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert ended.code == 0"
    )
    assert loaded_by(program) & {"pydantic", "asyncio", "yaml", "tools", "sandbox"} == set()


def test_the_directions_of_imports_hold() -> None:
    found = []
    order = {"tui": 3, "agent": 2, "tools": 1, "sandbox": 0}
    for path in python(*PACKAGES):
        mine = name(path).partition("/")[0]
        for module, _ in imports(path):
            theirs = module.partition(".")[0]
            opens = name(path) == "agent/cli.py" and module.startswith(
                ("tui.app", "tui.plain", "tui.player")
            )
            if order.get(theirs, 0) > order[mine] and not opens:
                found.append(f"{name(path)} imports {module}")
    assert found == []


def test_nothing_of_the_project_is_patched_in_tests() -> None:
    found = [
        f"{name(path)}: {module}"
        for path in python("tests")
        for module, _ in imports(path)
        if module.startswith("unittest.mock") or module == "mock"
    ]
    found += [
        f"{name(path)}:{node.lineno}: setattr"
        for path in python("tests")
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and node.attr == "setattr"
        and isinstance(node.value, ast.Name)
        and node.value.id == "monkeypatch"
    ]
    assert found == []


def test_only_what_people_read_is_told_by_a_clock_that_may_jump() -> None:
    asks = {
        name(path)
        for path in python(*PACKAGES)
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.time"
    }
    assert asks == TELLS_TIME


def test_every_exception_to_a_lint_rule_has_its_reason() -> None:
    found = [
        f"{name(path)}:{number}"
        for path in python(*PACKAGES, "tests", "benchmarks")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (exception := EXCEPTION.search(line)) and not re.search(r"\w", exception["reason"])
    ]
    assert found == []

"""Linters and type checkers look at what was changed: the real ones, in the real sandbox."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.base import Containment
from tests.tools.bench import Bench
from tests.tools.running import program
from tools.base import ToolResult
from tools.diagnostics.base import PATIENCE, Place
from tools.diagnostics.project import Asked, asked
from tools.diagnostics.ruff import Ruff
from tools.diagnostics.running import run

SOURCE = (
    "import os\n\n\ndef f(x: int) -> str:\n    return x + y\n\n\ndef g() -> int:\n    return 1\n"
)
RUFF = {"pyproject.toml": '[tool.ruff.lint]\nselect = ["F"]\n'}


@pytest.fixture
def looking(
    make_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Bench]:
    """Makes a bench with these files, programs on PATH, and the project's code allowed or not."""

    def make(
        files: dict[str, str], *programs: str, executes: bool = False, diagnostics: bool = True
    ) -> Bench:
        bench = make_bench()
        tools = tmp_path.parent / f"{tmp_path.name}-bin"
        tools.mkdir()
        for each in programs:
            (tools / each).symlink_to(Path(sys.executable).with_name(each))
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)
        for name, content in files.items():
            bench.file(name, content)
        bench.context = replace(bench.context, diagnostics=diagnostics, executes=lambda: executes)
        return bench

    return make


def script(bench: Bench, path: str, words: str) -> None:
    """Put a program into the repository."""
    bench.file(path, f"#!/bin/sh\n{words}\n").chmod(0o755)


def names(bench: Bench, path: str, text: str = "") -> list[str]:
    """The programs that would be asked about a file."""
    return [str(each.program) for each in asked(bench.context, path, text)]


def end(result: ToolResult) -> list[str]:
    """The lines of an answer from the new problems on."""
    lines = result.text.split("\n")
    return lines[next(at for at, line in enumerate(lines) if line.startswith("New problems")) :]


async def test_ruff_tells_what_is_new_and_nothing_that_was_there(
    looking: Callable[..., Bench],
) -> None:
    bench = looking({**RUFF, "a.py": SOURCE}, "ruff")
    result = await bench.call("edit", path="a.py", old="return 1", new="import re\n    return z")
    assert end(result) == [
        "New problems (ruff):",
        "a.py:10: Undefined name `z` [F821]",
        "a.py:9: `re` imported but unused [F401]",
    ]
    # a second edit may use the import, so that is nothing to be mended
    assert result.broken == ("a.py:10: Undefined name `z` [F821]",)
    again = await bench.call("edit", path="a.py", old="def g", new="# more\ndef g")
    assert "New problems" not in again.text
    assert not again.broken


async def test_a_new_file_has_new_problems_only(looking: Callable[..., Bench]) -> None:
    bench = looking(RUFF, "ruff")
    result = await bench.call("write", path="b.py", content="import os\nprint(nothing)\n")
    assert end(result)[1:] == [
        "b.py:2: Undefined name `nothing` [F821]",
        "b.py:1: `os` imported but unused [F401]",
    ]


async def test_what_the_project_lets_pass_passes(looking: Callable[..., Bench]) -> None:
    bench = looking({**RUFF, "a.py": "a = 1\n"}, "ruff")
    result = await bench.call(
        "edit", path="a.py", old="a = 1", new="a = b  # noqa: F821 - made later"
    )
    assert "problems" not in result.text
    assert not result.broken


async def test_many_problems_are_counted(looking: Callable[..., Bench]) -> None:
    bench = looking(RUFF, "ruff")
    result = await bench.call("write", path="b.py", content="".join(f"x{n}\n" for n in range(20)))
    assert len(end(result)) == 10
    assert end(result)[-1].startswith("… ")
    assert end(result)[-1].endswith(" more")


async def test_mypy_knows_types_and_tells_no_problem_that_ruff_told(
    looking: Callable[..., Bench],
) -> None:
    files = {"pyproject.toml": RUFF["pyproject.toml"] + "[tool.mypy]\n", "a.py": SOURCE}
    bench = looking(files, "ruff", "mypy", executes=True)
    result = await bench.call("edit", path="a.py", old="return 1", new='return "" + z')
    assert end(result) == ["New problems (ruff):", "a.py:9: Undefined name `z` [F821]"]
    result = await bench.call("edit", path="a.py", old='"" + z', new='""')
    told = 'Incompatible return value type (got "str", expected "int") [return-value]'
    assert end(result) == ["New problems (mypy):", f"a.py:9: {told}"]


async def test_without_a_checker_of_the_project_pyflakes_tells(
    looking: Callable[..., Bench],
) -> None:
    bench = looking({"a.py": SOURCE}, "ruff", "mypy", executes=True)
    result = await bench.call("edit", path="a.py", old="return 1", new="return z")
    assert result.broken == ("line 9 (g): undefined name 'z'",)


async def test_none_is_asked_where_the_user_wants_none(looking: Callable[..., Bench]) -> None:
    bench = looking({**RUFF, "a.py": SOURCE}, "ruff", diagnostics=False)
    result = await bench.call("edit", path="a.py", old="return 1", new="return z")
    assert result.broken == ("line 9 (g): undefined name 'z'",)


async def test_go_vet_looks_at_the_package(looking: Callable[..., Bench]) -> None:
    program("go")
    source = 'package x\n\nimport "fmt"\n\nfunc F() { fmt.Println(1) }\n'
    bench = looking({"go.mod": "module example.com/x\n\ngo 1.19\n", "in/a.go": source})
    result = await bench.call("edit", path="in/a.go", old="Println(1)", new='Printf("%d", "")')
    told = 'in/a.go:5: fmt.Printf format %d has arg "" of wrong type string'
    assert end(result) == ["New problems (go):", told]
    assert result.broken == (told,)


def test_the_nearest_configuration_says_whose_checker_is_asked_and_from_where(
    looking: Callable[..., Bench],
) -> None:
    files = {
        "pyproject.toml": "[tool.black]\n[tool.mypy]\n",
        "in/setup.cfg": "[metadata]\nname = x\n[mypy]\nstrict = true\n",
        "broken/pyproject.toml": "[tool.mypy\n",
    }
    bench = looking(files, "ruff", "mypy", executes=True)

    def at(path: str) -> list[tuple[str, Path, str]]:
        found = asked(bench.context, path, "")
        return [(each.checker.name, each.place.folder, each.place.path) for each in found]

    assert at("in/deep/a.py") == [("mypy", bench.root / "in", "deep/a.py")]
    assert at("broken/a.py") == [("mypy", bench.root, "broken/a.py")]
    assert at("in/-a.py") == [("mypy", bench.root / "in", "./-a.py")]
    assert at("a.js") == at("/elsewhere/a.py") == []


def test_a_pipe_or_a_link_that_leads_out_is_no_configuration(
    looking: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = looking({}, "ruff")
    os.mkfifo(bench.root / "ruff.toml")
    outside = tmp_path / "outside.toml"
    outside.write_text("[tool.ruff]\n")
    (bench.root / "pyproject.toml").symlink_to(outside)
    assert names(bench, "a.py") == []


# -- code of the repository


def in_repository(bench: Bench, message: str) -> None:
    """Put a biome into the repository that finds this in every file that is not as it was."""
    found = {
        "code": {"value": "parse"},
        "location": {"path": "a.js", "range": {"start": {"line": 1, "column": 1}}},
        "message": message,
    }
    told = shlex.quote(json.dumps({"diagnostics": [found]}))
    words = f"grep -q 1 a.js && echo '{{\"diagnostics\": []}}' || echo {told}"
    script(bench, "node_modules/.bin/biome", words)


BIOME = {"biome.json": "{}", "a.js": "f(1);\n"}


async def test_a_program_of_the_repository_runs_only_where_its_code_may(
    looking: Callable[..., Bench],
) -> None:
    bench = looking(BIOME)
    in_repository(bench, "it ran")
    result = await bench.call("edit", path="a.js", old="f(1)", new="f(2)")
    assert "it ran" not in result.text
    bench.context = replace(bench.context, executes=lambda: True)
    bench.file("a.js", "f(1);\n")
    result = await bench.call("edit", path="a.js", old="f(1)", new="f(2)")
    assert end(result) == ["New problems (biome):", "a.js:1: it ran [parse]"]


def test_a_link_to_a_program_is_judged_by_both_of_its_ends(
    looking: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = looking({"ruff.toml": "", "biome.json": "{}"})
    script(bench, "tool", "echo []")
    on_path = tmp_path.parent / f"{tmp_path.name}-bin"
    (on_path / "ruff").symlink_to(bench.root / "tool")  # outside, and leads in
    folder = bench.root / "node_modules" / ".bin"
    folder.mkdir(parents=True)
    (folder / "biome").symlink_to("/bin/true")  # inside, and leads out
    assert names(bench, "a.py") == names(bench, "a.js") == []
    bench.context = replace(bench.context, executes=lambda: True)
    assert names(bench, "a.py") == [str(on_path / "ruff")]
    assert names(bench, "a.js") == [str(folder / "biome")]


async def test_what_a_program_outside_starts_by_its_name_is_none_of_the_repositorys(
    looking: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = looking({"biome.json": "{}"})
    told = '{"diagnostics": [{"location": {"path": "b.js"}, "message": "it ran"}]}'
    script(bench, ".venv/bin/node", f"echo '{told}'")
    tools = tmp_path.parent / f"{tmp_path.name}-bin"
    linter = tools / "biome"
    linter.write_text("#!/bin/sh\nnode lint || echo '{\"diagnostics\": []}'\n")
    linter.chmod(0o755)
    # as in a shell in which the project's environment is active
    monkeypatch.setenv("PATH", f"{bench.root}/.venv/bin:{tools}:/usr/bin:/bin")
    result = await bench.call("write", path="b.js", content="f();\n")
    assert "it ran" not in result.text
    (bench.root / ".venv" / "bin" / "node").rename(tools / "node")
    result = await bench.call("write", path="b.js", content="f(1);\n")
    assert end(result)[1:] == ["b.js:1: it ran"]


def test_what_takes_code_from_its_configuration_counts_as_the_repositorys(
    looking: Callable[..., Bench],
) -> None:
    bench = looking({"pyproject.toml": "[tool.ruff]\n[tool.mypy]\n"}, "ruff", "mypy")
    assert [Path(each).name for each in names(bench, "a.py")] == ["ruff"]
    bench.context = replace(bench.context, executes=lambda: True)
    assert [Path(each).name for each in names(bench, "a.py")] == ["ruff", "mypy"]


class Uncontained:
    """Stands for a machine on which nothing is held; what runs is not asked of it."""

    containment = Containment.NONE


def test_where_nothing_contains_it_no_checker_runs_that_was_not_allowed(
    looking: Callable[..., Bench],
) -> None:
    bench = looking(RUFF, "ruff")
    bench.context = replace(bench.context, sandbox=Uncontained())  # type: ignore[arg-type]  # only its word counts here
    assert names(bench, "a.py") == []
    bench.context = replace(bench.context, executes=lambda: True)
    assert [Path(each).name for each in names(bench, "a.py")] == ["ruff"]


@pytest.mark.full
async def test_a_checker_changes_nothing(
    full_bench: Bench,
) -> None:
    bench = full_bench
    for name, content in BIOME.items():
        bench.file(name, content)
    script(bench, "node_modules/.bin/biome", "echo hi > made; echo >> a.js; echo '{}'")
    bench.context = replace(bench.context, diagnostics=True, executes=lambda: True)
    await bench.call("edit", path="a.js", old="f(1)", new="f(2)")
    assert not (bench.root / "made").exists()
    assert (bench.root / "a.js").read_text() == "f(2);\n"


# -- bounds


class Hasty(Ruff):
    """A checker that has little time."""

    seconds = 0.3


@pytest.mark.parametrize(
    "words",
    ["while :; do :; done", "yes '[' | head -c 9000000", "echo '[{}]'", "echo '[1]'", "exit 7"],
    ids=["endless", "much", "other", "odd", "failing"],
)
async def test_a_checker_that_does_not_answer_says_nothing(bench: Bench, words: str) -> None:
    script(bench, "tool", words)
    it = Asked(Hasty(), bench.root / "tool", Place(bench.root, "a.py"))
    assert await run(bench.context, it) is None
    memory = bench.context.memory.diagnosed
    assert memory.slow.total() + memory.mute.total() == 1


async def test_a_checker_that_fails_twice_is_said_once_and_not_asked_again(
    looking: Callable[..., Bench],
) -> None:
    bench = looking(BIOME, executes=True)
    script(bench, "node_modules/.bin/biome", "exit 7")
    notes = []
    for number in range(1, PATIENCE + 3):
        result = await bench.call("edit", path="a.js", old=f"f({number})", new=f"f({number + 1})")
        notes.append("[biome failed twice" in result.text)
    assert notes == [False, True, False, False]
    assert bench.context.memory.diagnosed.mute["biome"] == PATIENCE

"""Language servers: the real `ruff server`, which is always here, and what is none."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tests.tools.running import program
from tools.diagnostics.base import Finding, Place
from tools.diagnostics.project import Asked, asked
from tools.diagnostics.servers import SERVERS, Server
from tools.diagnostics.serving import Serving, consult
from tools.shell import stop_jobs

RUFF = Server("ruff server", "ruff", ("server",), {"python": "python"})
Y = Finding(1, "Undefined name `y`", "F821")
Z = Finding(2, "Undefined name `z`", "F821")


@pytest.fixture
async def served(bench: Bench) -> AsyncIterator[Bench]:
    """A bench whose servers end with the test."""
    bench.file("pyproject.toml", '[tool.ruff.lint]\nselect = ["F821"]\n')
    yield bench
    await stop_jobs(bench.context.memory)


def server(bench: Bench, path: str, made: Server = RUFF, name: str = "") -> Asked:
    """A server that is asked about a file, by default the ruff beside our own Python."""
    found = bench.root / name if name else Path(sys.executable).with_name("ruff")
    return Asked(made, found, Place(bench.root, path))


def scripted(bench: Bench, words: str, seconds: float = 5.0) -> Asked:
    """Something in the repository that stands where a server should."""
    bench.file("tool", f"#!/bin/sh\n{words}\n").chmod(0o755)
    return server(bench, "a.py", replace(RUFF, name="tool", seconds=seconds), "tool")


@pytest.mark.parametrize("pulls", [True, False], ids=["asked", "waited for"])
async def test_a_server_stays_and_says_of_each_content_what_is_wrong_with_it(
    served: Bench, pulls: bool
) -> None:
    it = server(served, "a.py", replace(RUFF, pulls=pulls))
    other = server(served, "b.py", replace(RUFF, pulls=pulls))
    memory = served.context.memory.diagnosed
    assert await consult(served.context, it, "y\n") == (Y,)
    (first,) = memory.servers.values()
    assert await consult(served.context, it, "y\nz\n") == (Y, Z)
    assert await consult(served.context, it, "y\nz\n") == (Y, Z)
    assert await consult(served.context, it, "1\n") == ()
    assert await consult(served.context, other, "1\nz\n") == (Z,)
    assert await consult(served.context, it, "y\n") == (Y,)
    assert [*memory.servers.values()] == [first]
    assert memory.slow.total() + memory.mute.total() == 0


async def test_it_ends_with_the_session(served: Bench) -> None:
    it = server(served, "a.py")
    await consult(served.context, it, "y\n")
    (serving,) = served.context.memory.diagnosed.servers.values()
    assert isinstance(serving, Serving)
    assert not serving.over
    await stop_jobs(served.context.memory)
    assert serving.over
    assert not served.context.memory.diagnosed.servers


@pytest.mark.parametrize(
    "words",
    [
        "exit 0",
        "echo hello; cat",
        "yes | head -c 1000000; cat",
        r"printf 'Content-Length: 999999999\r\n\r\n'; cat",
        r"printf 'Content-Length: 3\r\n\r\n[1]'; cat",
        r"printf 'Content-Length: 38\r\n\r\n{\"id\": 1, \"result\": {\"capabilities\": 7}}'; cat",
    ],
    ids=["ends", "talks", "talks much", "too large", "no object", "odd"],
)
async def test_what_does_not_speak_the_protocol_is_no_server(served: Bench, words: str) -> None:
    assert await consult(served.context, scripted(served, words), "y\n") is None
    memory = served.context.memory.diagnosed
    assert (memory.mute["tool"], memory.slow["tool"]) == (1, 0)
    assert not memory.servers


async def test_a_server_that_says_nothing_is_too_slow(served: Bench) -> None:
    it = scripted(served, "cat > /dev/null", seconds=0.3)
    assert await consult(served.context, it, "y\n") is None
    assert served.context.memory.diagnosed.slow["tool"] == 1


async def test_what_was_left_in_the_middle_of_a_look_is_started_anew(served: Bench) -> None:
    it = server(served, "a.py")
    await consult(served.context, it, "y\n")
    (serving,) = served.context.memory.diagnosed.servers.values()
    assert isinstance(serving, Serving)
    serving.broken = True  # as after a look that was cancelled
    assert await consult(served.context, it, "y\nz\n") == (Y, Z)
    assert [*served.context.memory.diagnosed.servers.values()] != [serving]
    assert serving.over


async def test_a_real_type_checker_hears_what_changed_on_the_disk(served: Bench) -> None:
    ty = next(each for each in SERVERS if each.program == "ty")
    it = Asked(ty, Path(program("ty")), Place(served.root, "a.py"))
    served.file("b.py", "def one() -> int:\n    return 1\n")
    assert await consult(served.context, it, "import b\n\nb.one()\n") == ()
    served.file("b.py", "def two() -> int:\n    return 1\n")
    (found,) = await consult(served.context, it, "import b\n\nb.one()\n") or ()
    assert (found.line, found.grave) == (3, True)


# -- which is chosen


@pytest.fixture
def chosen(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """Returns what stands in for a checker of the project's, with these programs on PATH."""

    def choose(path: str, *programs: str, executes: bool = False) -> list[str]:
        folder = tmp_path / "-".join(("bin", *programs))
        folder.mkdir(exist_ok=True)
        for each in programs:
            if not (folder / each).exists():
                (folder / each).symlink_to("/bin/true")
        monkeypatch.setenv("PATH", str(folder))
        context = replace(bench.context, executes=lambda: executes)
        return [each.checker.name for each in asked(context, path, "")]

    return choose


def test_one_server_outside_of_the_workspace_stands_in(
    chosen: Callable[..., list[str]], bench: Bench
) -> None:
    assert chosen("a.py", "ty", "pyrefly", "pyright-langserver") == ["ty server"]
    # each of these starts the interpreter of a virtual environment
    assert chosen("a.py", "pyright-langserver") == []
    assert chosen("a.py", "pyright-langserver", executes=True) == ["pyright-langserver"]
    bench.context.memory.diagnosed.slow["ty server"] = 2
    assert chosen("a.py", "ty", "pyrefly", executes=True) == ["pyrefly lsp"]
    bench.file(".venv/bin/ty", "").chmod(0o755)
    bench.file(".venv/pyvenv.cfg", "")
    bench.file(".venv/bin/python", "").chmod(0o755)
    assert chosen("a.py", executes=True) == []  # it is the repository's


def test_where_the_project_has_a_checker_none_stands_in(
    chosen: Callable[..., list[str]], bench: Bench
) -> None:
    bench.file("mypy.ini", "[mypy]\n")
    assert chosen("a.py", "ty", executes=True) == []
    assert chosen("in/a.py", "pyright", executes=True) == []

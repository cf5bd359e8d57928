"""The children that read sources for the index: they say what one says, and leave nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import put

from agent.context import reading
from agent.context.index import Index, State
from agent.context.readers import environment, together
from agent.context.reading import MANY, Reader, Said
from sandbox.descendants import descendants
from sandbox.workspace import Workspace

NEVER = float("inf")
pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks in /proc")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sources = {f"part{n}.py": f"def half{n}(x):\n    return x // {n}\n" for n in range(60)}
    odd = {"two\nlines.py": "class A:\n    x = 'ä\ud800'\n".encode(errors="surrogatepass")}
    return Workspace(put(tmp_path / "work", {**sources, **odd, "nothing.py": ""}))


def stale(workspace: Workspace) -> list[tuple[str, bytes]]:
    return [(path, b"") for path in workspace.walk()]


def children() -> list[int]:
    """Those that read for us; other tests may have left a watcher."""
    return [pid for pid in descendants(os.getpid())[1:] if b"_reads.py" in command(pid)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def without_new(every: Iterator[Said]) -> list[Said]:
    return sorted((replace(said, new=()) for said in every), key=lambda said: said.path)


def test_several_children_say_what_one_reader_says(workspace: Workspace) -> None:
    reader, asked = Reader(workspace), stale(workspace)
    alone = [reader.read(path, digest) for path, digest in asked]
    every = list(together(workspace, asked, NEVER, 2))
    assert without_new(iter(every)) == without_new(iter(alone))
    new = {pair for said in every for pair in said.new}
    assert new == {pair for said in alone for pair in said.new}
    again = together(workspace, [(said.path, said.digest) for said in every], NEVER, 2)
    assert all(said.same and not said.words for said in again)


def test_the_index_is_the_same_however_many_read(tmp_path: Path) -> None:
    sources = {f"part{n}.py": f"def half{n}(x):\n    return x\n" for n in range(MANY)}
    workspace = Workspace(put(tmp_path / "work", sources))
    found = []
    for cores in (1, 2):
        with Index.of(workspace, tmp_path / f"cache{cores}") as index:
            assert index.update(workspace, cores=lambda: cores) == State(MANY, MANY, MANY)  # noqa: B023  # called before the next round
            defined = (each for file in index.paths() for each in index.defined_in(file))
            found.append(
                (
                    sorted(index.paths().values()),
                    sorted((each.word, each.definition.name) for each in defined),
                    sorted(index.words_like("half")),
                )
            )
    assert found[0] == found[1]


def test_where_a_child_dies_another_goes_on(workspace: Workspace) -> None:
    asked = stale(workspace)
    every = together(workspace, asked, NEVER, 1)
    found = [next(every)]
    (child,) = children()
    os.kill(child, signal.SIGKILL)
    found += every
    assert sorted(said.path for said in found) == sorted(path for path, _ in asked)
    assert sum(said.digest == b"\0" for said in found) <= 1, "what it died over says nothing"


def test_where_children_keep_dying_the_rest_is_left(workspace: Workspace) -> None:
    asked, found = stale(workspace) * 20, 0
    for _ in together(workspace, asked, NEVER, 1):
        found += 1
        for child in children():
            os.kill(child, signal.SIGKILL)
    assert found < len(asked)
    assert children() == []


def test_no_child_is_left_by_whoever_has_enough(workspace: Workspace) -> None:
    every = together(workspace, stale(workspace), NEVER, 2)
    next(iter(every))
    assert len(children()) == 2
    del every
    assert children() == []
    assert list(together(workspace, stale(workspace), 0.0, 2)) == []
    assert children() == []


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the kernel tells of no end")
def test_a_killed_parent_leaves_no_child(workspace: Workspace) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from agent.context.readers import together\n"
        "from sandbox.descendants import descendants\n"
        "from sandbox.workspace import Workspace\n"
        "workspace = Workspace(Path(sys.argv[1]))\n"
        "every = together(workspace, [(p, b'') for p in workspace.walk()] * 99, float('inf'), 2)\n"
        "next(every); print(*descendants(os.getpid())[1:], flush=True); signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, workspace.root], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        ends = [os.pidfd_open(int(each)) for each in parent.stdout.readline().split()]
        parent.kill()
    assert len(ends) == 2
    for end in ends:
        assert select.select([end], [], [], 30)[0], "it lives on"
        os.close(end)


def test_few_sources_little_time_and_one_core_are_for_this_process_alone(
    workspace: Workspace,
) -> None:
    asked = stale(workspace)
    for every, until, cores in ((asked, NEVER, 2), (asked * 9, 0.0, 2), (asked * 9, NEVER, 1)):
        for _ in reading.read(workspace, every, until, lambda: cores):  # noqa: B023  # called before the next round
            assert children() == []


def test_a_child_sees_no_key_of_ours() -> None:
    seen = environment({"PATH": "/bin", "XDG_CACHE_HOME": "/c", "OPENAI_API_KEY": "sk-1"})
    assert seen == {"PATH": "/bin", "XDG_CACHE_HOME": "/c"}

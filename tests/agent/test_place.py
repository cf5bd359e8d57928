"""Two sessions in one repository: one changes files at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import AGENT, agent, picture, put, result, script

from agent.errors import Blocked
from agent.place import Place

ROOT = Path("/work/here")
WRITE = {"calls": [{"write": {"path": "one.py", "content": "x = 1\n"}}]}


def test_who_has_the_place_is_known_until_it_is_left() -> None:
    first, second = Place(ROOT, "s1"), Place(ROOT, "s2")
    assert second.taken() == ""
    first.take()
    first.take()  # it has it
    assert first.taken() == ""
    here = f"another session changes files here: s1, process {os.getpid()}, since "
    assert second.taken().startswith(here)
    with pytest.raises(Blocked, match="s1, process") as caught:
        second.take()
    assert "-w" in caught.value.hint
    Place(Path("/work/there"), "s3").take()
    first.leave()
    assert second.taken() == ""
    second.take()
    assert "s2, process" in first.taken()


def test_the_place_of_a_killed_process_is_free() -> None:
    program = (
        "from pathlib import Path; from agent.place import Place\n"
        f"Place(Path({str(ROOT)!r}), 's1').take(); print('taken', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"taken\n"
    mine = Place(ROOT, "s2")
    assert f"process {process.pid}," in mine.taken()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    mine.take()


def test_what_stands_in_the_file_is_only_for_people(home: Path) -> None:
    first = Place(ROOT, "s1")
    first.take()
    (file,) = (home / "state/wisp/sessions").rglob("at-work")
    file.write_bytes(b"\xff{")
    assert Place(ROOT, "s2").taken() == "another session changes files here"
    first.leave()
    Place(ROOT, "s2").take()
    assert json.loads(file.read_bytes())["session"] == "s2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": "x = 0\n", "test_x.py": "def test_x(): assert 0\n"})


@pytest.fixture
def busy(root: Path, tmp_path: Path) -> Iterator[str]:
    """A session that has changed something, and goes on; its process."""
    model = script(tmp_path / "busy.yaml", WRITE, {"say": "late", "pause": 100})
    words = [str(AGENT), "run", "-p", "x", "-m", model, "--json"]
    process = subprocess.Popen(words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert any(b'"tool_finished"' in line for line in process.stdout)
    yield f"process {process.pid}, since"
    process.terminate()
    process.communicate()


def test_the_second_that_would_change_files_is_told_and_blocked(
    root: Path, tmp_path: Path, busy: str
) -> None:
    before = picture(root)
    edit = {"calls": [{"edit": {"path": "calc.py", "old": "0", "new": "2"}}]}
    model = script(tmp_path / "s.yaml", edit, "Done.")
    ended = agent("run", "-p", "x", "-m", model, "--json", cwd=root)
    told = result(ended)
    assert (ended.code, told.outcome) == (4, "blocked")
    assert busy in told.error and "-w" in told.hint
    assert ended.out.count(busy) > 1, "it was told at the start too"
    assert picture(root) == before


def test_one_that_only_reads_goes_on(root: Path, tmp_path: Path, busy: str) -> None:
    model = script(tmp_path / "s.yaml", {"calls": [{"read": {"path": "calc.py"}}]}, "Done.")
    ended = agent("run", "-p", "x", "-m", model, cwd=root)
    assert ended.code == 0 and busy in ended.err


def test_a_repair_is_blocked_before_its_work(root: Path, tmp_path: Path, busy: str) -> None:
    started = time.monotonic()
    ended = agent("fix", "-m", script(tmp_path / "s.yaml"), cwd=root)
    assert ended.code == 4 and busy in ended.errors[0]
    assert "check:" not in ended.err, f"after {time.monotonic() - started} s"


def test_after_a_kill_the_next_one_changes_files(root: Path, tmp_path: Path, busy: str) -> None:
    os.kill(int(busy.split()[1].rstrip(",")), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while Place(root, "s").taken() and time.monotonic() < deadline:
        time.sleep(0.02)
    model = script(
        tmp_path / "s.yaml", WRITE | {"calls": [{"write": {"path": "b", "content": "x"}}]}, "Done."
    )
    assert agent("run", "-p", "x", "-m", model, cwd=root).code == 3

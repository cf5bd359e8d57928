"""What `benchmarks/context.py` leans on: its list, and what a program is seen to cost."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks._spent import spend
from benchmarks._trees import files, read, size
from tests.support import put

WAITS = "import signal; signal.pause()"
HOLDS = f"held = b'1' * (300 << 20); {WAITS}"


def test_the_list_pins_each_tree_and_has_something_to_look_for_in_it() -> None:
    every = read()
    assert len(every) >= 3 and len({each.short for each in every}) == len(every)
    for each in every:
        assert re.fullmatch(r"[0-9a-f]{64}", each.sha256) and "/" not in each.short
        assert len(each.patterns) == 4 and each.query
        assert all(re.compile(pattern) for pattern in each.patterns)


def test_what_a_program_and_its_children_spend_is_counted(tmp_path: Path) -> None:
    work = "import time\nwhile time.process_time() < 0.2: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    both = f"{child}; print(input())"
    spent = spend([sys.executable, "-c", both], tmp_path, stdin="said\n")
    assert (spent.out, spent.why) == ("said\n", "")
    assert spent.cpu >= 0.2 and spent.memory > 1 << 20
    whole = spent.then(spent)
    assert (whole.cpu, whole.memory) == (2 * spent.cpu, spent.memory)


@pytest.mark.parametrize(
    ("program", "bounds", "why"),
    [
        (WAITS, {"wall_s": 0.2}, "not done in 0 s"),
        (HOLDS, {"memory": 100 << 20}, "more than 0.1 GB"),
        ("raise SystemExit('no such thing')", {}, "status 1: no such thing"),
    ],
)
def test_a_program_is_ended_at_its_bounds_and_why_is_said(
    tmp_path: Path, program: str, bounds: dict[str, float], why: str
) -> None:
    assert spend([sys.executable, "-c", program], tmp_path, **bounds).why == why  # type: ignore[arg-type]  # bounds of both kinds


def test_what_lies_in_a_tree_is_counted_without_git(tmp_path: Path) -> None:
    root = put(tmp_path / "tree", {"a.py": "12345", "b/c.py": "1", ".git/objects/x": "1" * 99})
    assert sorted(path.name for path in files(root)) == ["a.py", "c.py"]
    assert size(root) == 6 and size(tmp_path / "none") == 0

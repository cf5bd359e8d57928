"""The bounds on a command: what it may use up, how it is told, and that nothing stays behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import cgroup
from sandbox.base import Command, Limits, SandboxError
from sandbox.detect import _bubblewrap, try_out
from tests.sandbox.test_running import running

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")

HOLD = f"exec {sys.executable} -I -c 'x = bytearray({{size}}); print(len(x)); {{more}}'"


def can_bound() -> bool:
    """Whether the number of processes is bounded here: root needs a group for it."""
    group = cgroup.group(10)
    if group is not None:
        group.remove()
    return os.geteuid() != 0 or group is not None


async def test_a_fork_bomb_ends_and_nothing_of_it_is_left(any_box: Box) -> None:
    if not can_bound():
        pytest.skip("NOT TESTED: the number of root's processes cannot be bounded here")
    limits = Limits(wall_s=3, kill_grace_s=0.3, processes=150)
    result, said = await any_box.result("bomb() { bomb | bomb & }; bomb; sleep 60", limits=limits)
    assert not result.ok
    assert "fork" in said
    assert running() == [os.getpid()]
    if os.geteuid() == 0:
        assert "more than the 150 processes" in result.notes[0]


async def test_a_usual_number_of_processes_is_let_be(any_box: Box) -> None:
    result, said = await any_box.result(
        "i=0; while [ $i -lt 300 ]; do sleep 60 & i=$((i + 1)); done; echo started"
    )
    assert (result.ok, said, result.notes) == (True, "started\n", ())


async def test_no_group_of_ours_stays_behind(any_box: Box) -> None:
    before = _groups()  # an attack that nothing held may have kept one
    await any_box.sh("true")
    with pytest.raises(SandboxError):
        await any_box.sandbox.run(Command(("/nowhere",), any_box.ground.root), print)
    assert _groups() == before


def _groups() -> list[Path]:
    return sorted(Path("/sys/fs/cgroup").glob(f"**/wisp-{os.getpid()}-*"))


async def test_memory_is_of_all_processes_together_and_said(any_box: Box) -> None:
    limits = Limits(wall_s=60, memory_bytes=200 << 20)
    hold = HOLD.format(size=150 << 20, more="import time; time.sleep(60)")
    result, _ = await any_box.result(f"({hold}) & ({hold}) & wait", limits=limits)
    assert not result.ok
    assert not result.timed_out
    assert "more than the 200 MiB that are allowed" in result.notes[0]
    assert running() == [os.getpid()]


async def test_shared_memory_counts_once(any_box: Box) -> None:
    more = "import os, time; [os.fork() for _ in range(3)]; time.sleep(1)"
    script = HOLD.format(size=100 << 20, more=more)
    result, _ = await any_box.result(script, limits=Limits(wall_s=60, memory_bytes=400 << 20))
    assert (result.ok, result.notes) == (True, ())


async def test_much_address_space_is_no_memory(any_box: Box) -> None:
    # as node does: private, of no file, nothing reserved, nothing allowed
    made = "mmap.mmap(-1, 1 << 38, flags=0x4022, prot=0)"
    reserve = f"import mmap, time; x = {made}; time.sleep(0.5); print(len(x))"
    result, said = await any_box.result(f"{sys.executable} -I -c '{reserve}'")
    assert (result.ok, said) == (True, f"{1 << 38}\n")


async def test_processor_time_is_bounded_and_said(any_box: Box) -> None:
    limits = Limits(wall_s=60, cpu_s=1)
    result, _ = await any_box.result("while :; do :; done", limits=limits)
    assert not result.timed_out
    assert result.notes == ("a process of it used up its 1 s of processor time",)


async def test_output_is_bounded_and_said(any_box: Box) -> None:
    limits = Limits(wall_s=60, output_bytes=1 << 20)
    result, _ = await any_box.result("yes", limits=limits)
    assert not result.timed_out
    assert result.notes == ("it printed more than 1 MiB and was ended",)
    assert 1 << 20 < result.total_bytes < 4 << 20
    assert running() == [os.getpid()]


@pytest.mark.full
async def test_private_folders_in_memory_are_bounded(full: Box) -> None:
    said = await full.sh(
        "df -k /tmp /var/tmp /run /dev/shm | tail -n +2 | while read -r _ k _; do echo $k; done;"
        " echo x > /dev/new; echo x > /dev/shm/new; echo x > /dev/null"
    )
    assert "/dev/new: Read-only file system" in said
    sizes = [int(line) << 10 for line in said.split("\n") if line.isdigit()]
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert len(sizes) == 4
    assert sum(sizes) < machine // 2


@pytest.mark.full
async def test_the_self_test_says_whether_processes_are_bounded(full: Box) -> None:
    found = await try_out(_bubblewrap)
    assert ("processes-limited" in found.features) == can_bound()

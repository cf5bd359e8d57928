"""Attacks on the file tools' way into the workspace, and on what becomes of odd names."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import shutil
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.base import Command
from sandbox.workspace import PathError, Workspace

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box
    from tests.sandbox.ground import Ground

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="renameat2 and openat2 are Linux's")
LIBC = ctypes.CDLL(None, use_errno=True)
ROUNDS = 400


class GotThrough(AssertionError):
    """The attack worked where it should not have."""


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Exchange two names as fast as possible, as a command in the background would."""
    done = threading.Event()
    pair = os.fsencode(one), os.fsencode(other)

    def swap() -> None:
        while not done.is_set():
            LIBC.renameat2(-100, pair[0], -100, pair[1], 2)

    swapper = threading.Thread(target=swap)
    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # else a swap comes only where the other thread waits for a disk
    swapper.start()
    try:
        yield
    finally:
        sys.setswitchinterval(patience)
        done.set()
        swapper.join()


def test_a_swapped_link_does_not_lead_a_write_into_the_git_directory(ground: Ground) -> None:
    workspace = Workspace(ground.root)
    (ground.root / "src").mkdir()
    (ground.root / "way").symlink_to("src")
    (ground.root / "other").symlink_to(".git/hooks")
    planted = ground.root / ".git/hooks/pre-commit"
    (ground.root / "l").symlink_to(".")
    path = "l/" * 1500 + "way/pre-commit"  # the longer the way, the more time to swap
    with swapping(ground.root / "way", ground.root / "other"):
        for _ in range(60):
            with contextlib.suppress(PathError):
                workspace.write(path, b"evil", expect=None, mode=0o755)
            if planted.exists():
                raise GotThrough("a hook was written")
            (ground.root / "src/pre-commit").unlink(missing_ok=True)


def test_a_swapped_link_does_not_lead_a_read_outside(ground: Ground) -> None:
    workspace = Workspace(ground.root)
    (ground.root / "src").mkdir()
    (ground.root / "src/id").write_text("mine")
    (ground.root / "other").symlink_to(ground.home / ".ssh")
    with swapping(ground.root / "src", ground.root / "other"):
        read = set()
        for _ in range(ROUNDS):
            with contextlib.suppress(PathError):
                read.add(workspace.read("src/id").data)
    assert read == {b"mine"}


def test_a_swapped_file_does_not_lead_a_delete_or_a_move_outside(ground: Ground) -> None:
    workspace = Workspace(ground.root)
    (ground.root / "d").mkdir()
    (ground.root / "other").symlink_to(ground.outside)
    digest = "8d12e1b8d44f1c2a5c5a0e6d3c0c6c5b"  # of nothing that is there
    (ground.root / "d/file").write_text("as it was")
    view = workspace.read("d/file")
    with swapping(ground.root / "d", ground.root / "other"):
        for number in range(ROUNDS):
            for act in (
                lambda: workspace.delete("d/file", expect=digest),
                lambda n=number: workspace.move("d/file", f"moved{n}", expect=view.sha256),
                lambda n=number: workspace.move(f"moved{n}", "d/file", expect=view.sha256),
            ):
                with contextlib.suppress(PathError):
                    act()
    assert ground.unharmed()


def test_no_character_that_a_disk_leaves_out_makes_git_another_name(ground: Ground) -> None:
    workspace = Workspace(ground.root)
    # git's own list of what HFS+ ignores
    for code in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF):
        for name in (f".g{chr(code)}it/config", f"{chr(code)}.git/config"):
            if not workspace.protected(name):
                raise GotThrough(f"U+{code:04X} is not left out")


# -- random trees against the kernel's own answer

NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TARGETS = st.one_of(
    PATHS,
    st.lists(st.sampled_from(["..", "a", "b", "c", "."]), min_size=1, max_size=5).map("/".join),
    st.sampled_from(["ROOT", "ROOT/a", "ROOT/a/b", "OUTSIDE", "OUTSIDE/a", "/", "../outside/a"]),
)
THINGS = st.lists(
    st.tuples(PATHS, st.one_of(st.sampled_from(["file", "folder"]), TARGETS)), max_size=9
)
OPENAT2, BENEATH, NO_MAGIC, NO_LINKS = 437, 0x08, 0x02, 0x04


@dataclass(frozen=True)
class Tree:
    root: Path
    outside: Path

    def fill(self, things: list[tuple[str, str]]) -> None:
        for folder in (self.root, self.outside):
            folder.mkdir()
        for name in "abc":
            (self.outside / name).write_text("outside")
        for path, kind in things:
            place = self.root / path
            with contextlib.suppress(OSError):
                if Path(os.path.realpath(place.parent)).is_relative_to(self.root):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if kind == "file":
                        with place.open("x") as file:  # never through a link made before
                            file.write(f"inside {path}")
                    elif kind == "folder":
                        place.mkdir()
                    else:
                        named = kind.replace("ROOT", str(self.root))
                        place.symlink_to(named.replace("OUTSIDE", str(self.outside)))

    def kernel(self, path: str, resolve: int) -> bytes | None:
        """Read a file as openat2 finds it; None when it is none or leads away."""
        root = os.open(self.root, os.O_PATH | os.O_DIRECTORY)
        how = struct.pack("=QQQ", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, 0, resolve)
        number = ctypes.c_long(OPENAT2)
        found = LIBC.syscall(number, root, os.fsencode(path), how, ctypes.c_size_t(len(how)))
        error = ctypes.get_errno()
        os.close(root)
        if found < 0:
            if error == errno.ENOSYS:
                pytest.skip("this kernel has no openat2")
            return None
        try:
            return os.read(found, 100)
        except IsADirectoryError:
            return None
        finally:
            os.close(found)


@contextmanager
def tree(things: list[tuple[str, str]]) -> Iterator[Tree]:
    top = Path(tempfile.mkdtemp()).resolve()
    try:
        made = Tree(top / "root", top / "outside")
        made.fill(things)
        yield made
    finally:
        shutil.rmtree(top)


def ours(workspace: Workspace, path: str) -> bytes | None:
    try:
        return workspace.read(path).data
    except PathError:
        return None


@settings(max_examples=60, deadline=None)
@given(things=THINGS, paths=st.lists(PATHS, min_size=1, max_size=4))
def test_what_is_read_is_what_the_kernel_finds_beneath(
    things: list[tuple[str, str]], paths: list[str]
) -> None:
    with tree(things) as made:
        workspace = Workspace(made.root)
        for path in paths:
            mine, theirs = ours(workspace, path), made.kernel(path, BENEATH | NO_MAGIC)
            assert mine != b"outside"
            if theirs is not None:
                assert mine == theirs
            elif mine is not None:
                # the kernel takes no absolute link, and none that leaves on its way back in
                assert Path(os.path.realpath(made.root / path)).is_relative_to(made.root)


@settings(max_examples=60, deadline=None)
@given(things=THINGS, path=PATHS)
def test_what_is_written_is_where_the_kernel_finds_it(
    things: list[tuple[str, str]], path: str
) -> None:
    with tree(things) as made:
        workspace = Workspace(made.root)
        try:
            workspace.write(path, b"written", expect=None)
        except PathError:
            assert not any(place.read_bytes() == b"written" for place in _files(made.root))
        else:
            real = os.path.relpath(os.path.realpath(made.root / path), made.root)
            assert made.kernel(real, BENEATH | NO_LINKS) == b"written"
        assert [place.read_text() for place in _files(made.outside)] == ["outside"] * 3


def _files(folder: Path) -> list[Path]:
    return [place for place in folder.rglob("*") if place.is_file() and not place.is_symlink()]


# -- names that look like options

WORDS = st.one_of(
    st.sampled_from(["--", "-c", "--bind", "--ro-bind / /", "--args", "-", "--setenv", "$(x)", ""]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(WORDS, max_size=4))
def test_a_word_reaches_the_command_as_it_is_and_is_nobody_elses_option(
    box: Box, words: list[str]
) -> None:
    output = bytearray()
    program = ("/bin/sh", "-c", 'for word; do printf "%s\\0" "$word"; done', "sh")
    command = Command((*program, *words), box.ground.root)
    result = asyncio.run(box.sandbox.run(command, output.extend))
    assert result.ok
    assert bytes(output) == b"".join(word.encode() + b"\0" for word in words)


@pytest.mark.parametrize("name", ["--bind", "-rf", "a b", "a\nb", "$(touch x)", "--", "日本"])
async def test_a_workspace_of_any_name_is_only_a_place(name: str, ground: Ground, box: Box) -> None:
    kind: Any = type(box.sandbox)
    more = {"why_not": ""} if box.sandbox.backend == "landlock" else {}
    root = ground.top / name
    (root / ".vscode").mkdir(parents=True)
    sandbox = kind(Workspace(root), home=ground.home, **more)
    command = Command(("/bin/sh", "-c", "echo x > new; echo x > ../new"), root)
    await sandbox.run(command, bytearray().extend)
    assert (root / "new").exists()
    assert not (ground.top / "new").exists()
    assert ground.unharmed()

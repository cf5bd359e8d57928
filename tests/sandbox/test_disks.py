"""Writing where the disk is full or read-only, on small file systems of our own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Ground

pytestmark = pytest.mark.full

SCRIPT = """
import hashlib, os, sys
from pathlib import Path
from sandbox.workspace import PathError, Workspace

root = Path(sys.argv[1])
if not (root / "kept").exists():
    (root / "kept").write_bytes(b"as it was")
workspace = Workspace(root)
expect = hashlib.sha256(b"as it was").hexdigest()
for path, old in (("kept", expect), ("new", None), ("made/for/new", None)):
    try:
        workspace.write(path, b"x" * 300_000, expect=old)
        print("written")
    except PathError as error:
        print(error)
for change in (
    lambda: workspace.delete("kept", expect=expect),
    lambda: workspace.move("kept", "other", expect=expect),
):
    if len(sys.argv) > 2:
        try:
            change()
            print("changed")
        except PathError as error:
            print(error)
print((root / "kept").read_bytes(), sorted(os.listdir(root)))
"""


def try_on(ground: Ground, *mount: str, words: tuple[str, ...] = ()) -> list[str]:
    """Run the script in our own program with such a file system at the workspace."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("NOT TESTED: no bubblewrap to make a small disk with")
    done = subprocess.run(
        [bwrap, "--dev-bind", "/", "/", *mount, "--chdir", str(Path(__file__).parents[2]), "--",
         sys.executable, "-c", SCRIPT, str(ground.root), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk_leaves_the_file_as_it_was(ground: Ground) -> None:
    said = try_on(ground, "--size", "65536", "--tmpfs", str(ground.root))
    full = "cannot be used: no space is left on the disk"
    assert said == [
        f"kept {full}",
        f"new {full}",
        f"made/for/new {full}",
        "b'as it was' ['kept']",
    ]


def test_a_read_only_disk_is_said_so(ground: Ground) -> None:
    (ground.root / "kept").write_bytes(b"as it was")
    said = try_on(ground, "--ro-bind", str(ground.root), str(ground.root), words=("all",))
    refused = "cannot be used: the file system is read-only"
    assert said == [
        f"kept {refused}",
        f"new {refused}",
        f"made/for/new {refused}",
        f"kept {refused}",
        f"kept -> other {refused}",
        "b'as it was' ['.git', 'kept']",
    ]

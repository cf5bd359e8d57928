"""What decides a check, as it was before the turn: old tests, configuration, the check's script.

A pass counts when it is one with them too; else the model may have made its own proof.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from agent.checkpoint import Checkpoints
from sandbox.workspace import PathError, Workspace
from tools.inner_tests import inner_tests, restored, told_apart
from tools.likely import is_test

# files that decide what the tests are, or what runs them
CONFIGURATION = frozenset(
    {
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini"),
        *("setup.cfg", "pyproject.toml", "package.json", "Makefile", "makefile", "GNUmakefile"),
        *("Cargo.toml", "go.mod"),
        # imported before, or instead of, what they are named after
        *("pytest.py", "unittest.py", "sitecustomize.py", "usercustomize.py"),
    }
)
_CONFIGURES = re.compile(
    r"(jest|vitest|vite|babel|ava|karma|playwright|cypress)\.config\.\w+"
    r"|\.(mocha|babel|nyc)rc(\.\w+)?"
)


async def old_contents(
    checkpoints: Checkpoints, checkpoint: str, paths: Sequence[str]
) -> dict[str, bytes | None]:
    """Return how files were at a checkpoint, None for those that were not there."""
    with tempfile.TemporaryDirectory(prefix="wisp-") as folder:
        place = Path(folder) / "tree"
        await checkpoints.extract(checkpoint, place)
        tree = Workspace(place)
        return {path: _bytes(tree, path) for path in paths}


def _bytes(tree: Workspace, path: str) -> bytes | None:
    """Return what a file holds; nothing for a link that leads out of the tree, to whatever."""
    try:
        return tree.read(path).data
    except PathError:
        return None


def old_proof(
    workspace: Workspace,
    old: Mapping[str, bytes | None],
    command: str,
    tests: Collection[str],
) -> dict[str, bytes | None] | None:
    """Return what has to be laid over the tree for a check to see the tests as they were.

    Of the files that were changed, as they were in `old`: whole ones, and sources with the old
    tests that stood in them. None where that cannot be had. `tests` are the ids that were reported.
    """
    proof = {path: old[path] for path in deciding(old, command, tests)}
    for path in old.keys() - proof.keys():
        before = _text(old[path] or b"")
        ids = (test.removeprefix(f"{path}::") for test in tests if test.startswith(f"{path}::"))
        known = {each.partition("[")[0].replace("::", ".") for each in ids}
        if not inner_tests(path, before, known):
            continue
        try:
            now = _text(workspace.read(path).data)
        except PathError:  # it is gone, and its tests with it
            return None
        kept = restored(path, now, before, known)
        if kept is None:
            return None
        if kept != now:
            proof[path] = kept.encode(errors="surrogateescape")
    return proof


def deciding(changed: Iterable[str], command: str, tests: Collection[str]) -> list[str]:
    """Return which changed files decide what the check sees: tests, configuration, its script.

    What holds a test is a test file whatever its name, but where its tests can be told from the
    code beside them.
    """
    holding = {test.partition("::")[0] for test in tests}
    words = {word.removeprefix("./") for word in command.split()}
    return [
        path
        for path in changed
        if is_test(path)
        or PurePosixPath(path).name in CONFIGURATION
        or _CONFIGURES.fullmatch(PurePosixPath(path).name)
        or path in words
        or (path in holding and not told_apart(path))
    ]


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")

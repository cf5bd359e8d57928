from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.base import SandboxError
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tests.tools.bench import Bench


@pytest.fixture
async def make_bench(tmp_path: Path) -> Callable[..., Bench]:
    root = tmp_path / "work"
    root.mkdir()
    sandbox = await open_sandbox(Workspace(root), "auto")

    def make(*extra: Path) -> Bench:
        return Bench(root, sandbox, extra)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
async def full_bench(tmp_path: Path) -> Bench:
    """A bench in the full sandbox; skips, loudly, where that is not to be had."""
    root = tmp_path / "work"
    root.mkdir()
    try:
        return Bench(root, await open_sandbox(Workspace(root), "full"))
    except SandboxError as error:
        pytest.skip(f"NOT TESTED, the full sandbox is not to be had: {error}")

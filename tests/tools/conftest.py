from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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

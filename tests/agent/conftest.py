"""Tests marked `full` run where the full sandbox really holds, and are skipped loudly elsewhere."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from sandbox.detect import _bubblewrap, self_test


@cache
def why_not_full() -> str:
    return asyncio.run(self_test(_bubblewrap))


@pytest.fixture(autouse=True)
def _full(request: pytest.FixtureRequest, home: object) -> None:
    if request.node.get_closest_marker("full") and (why := why_not_full()):
        pytest.skip(f"NOT TESTED, the full sandbox is not to be had: {why}")

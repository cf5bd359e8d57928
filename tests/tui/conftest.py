"""What the tests of the screen share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.wrong_sum import repository


@pytest.fixture
def work(home: Path) -> Path:
    """A repository with one bug."""
    return repository(home)

import os
from pathlib import Path

import pytest

from agent.models import catalog


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The real 0.5B model; without it the test is skipped loudly, or fails where it must be."""
    entry = catalog.find("qwen2.5-coder-0.5b")
    assert entry is not None
    folder = Path(os.environ.get("WISP_TEST_MODELS", "") or catalog.folder())
    if catalog.present(entry, folder):
        return folder / entry.file
    reason = f"{entry.file} is not in {folder}; type: agent models pull {entry.name}"
    if os.environ.get("WISP_REQUIRE_MODEL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)

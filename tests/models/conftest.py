import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from remote import ANTHROPIC, OPENAI, Talk, talking

from agent.models import catalog

STARTS_LITELLM = {"test_ledger", "test_windows"}
CHILDREN = {"openai", "anthropic", "here_"}  # fixtures that are one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        module = item.path.stem
        starts = module in STARTS_LITELLM or module.startswith("test_remote")
        if starts or not CHILDREN.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.remote)


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def openai() -> AsyncIterator[Talk]:
    async with talking(OPENAI) as talk:
        await talk.ask(talk.answer())  # the first takes longer, on a busy machine too long
        yield talk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def anthropic() -> AsyncIterator[Talk]:
    async with talking(ANTHROPIC) as talk:
        await talk.ask(talk.answer())
        yield talk


@pytest.fixture(params=["openai", "anthropic"])
def talk(request: pytest.FixtureRequest, openai: Talk, anthropic: Talk) -> Talk:
    return {"openai": openai, "anthropic": anthropic}[request.param]

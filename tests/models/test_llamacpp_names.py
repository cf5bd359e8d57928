"""What calls of the real 0.5B model name, held to what is there: `test_named_calls` without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio
from walks import called, is_there, named

from agent.context.nameable import Nameable
from agent.messages import Message, SystemMessage, UserMessage
from agent.models.base import ModelRequest, ReplyChunk, RetryChunk, SampleRequest
from agent.models.grammar import calls
from agent.models.llamacpp import LlamaCpp
from sandbox.workspace import Workspace
from tools import registry

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

CALLS = SystemMessage(text="Use the tools. Answer with one call and nothing else.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaCpp]:
    local = LlamaCpp(small_model)
    yield local
    await local.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("prices.py", "shop/cart.py", 'shop/odd "é\\name.py', "tests/test_cart.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("def test_total():\n    pass\n")
    return tmp_path


async def reply(
    model: LlamaCpp,
    root: Path | None,
    *talk: Message,
    only: tuple[str, ...] = (),
) -> ReplyChunk:
    there = Nameable(Workspace(root)) if root else None
    request = ModelRequest(
        (CALLS, *talk),
        tuple(each for each in registry.schemas() if not only or each.name in only),
        max_tokens=160,
        known=(lambda: there.known(talk)) if there else None,
    )
    async with aclosing(model.stream(request)) as stream:
        got = [chunk async for chunk in stream]
    assert not any(isinstance(chunk, RetryChunk) for chunk in got)
    assert isinstance(got[-1], ReplyChunk)
    return got[-1]


async def test_asked_for_a_file_that_does_not_exist_it_names_one_that_does(
    model: LlamaCpp, root: Path
) -> None:
    ask = UserMessage(text="Read the file shop/basket.py.")
    (free,) = (await reply(model, None, ask, only=("read",))).message.calls
    assert free.arguments["path"] == "shop/basket.py"
    (held,) = (await reply(model, root, ask, only=("read",))).message.calls
    assert (root / held.arguments["path"]).exists()


async def test_a_random_walk_through_its_own_tokens_names_what_is_there(
    model: LlamaCpp, root: Path
) -> None:
    """So warm that nearly nothing but the grammar decides."""
    tools = tuple(each for each in registry.schemas() if each.name in ("read", "check"))
    request = SampleRequest(
        (UserMessage(text="Go."),),
        n=8,
        max_tokens=32,
        temperature=2.5,
        grammar=calls(tools, Nameable(Workspace(root)).known(())),
    )
    done = [each for each in await model.sample(request) if each.stop == "end"]
    assert len(done) > 1
    for sample in done:
        call = called(sample.text)
        assert all(is_there(root, kind, name) for kind, name in named(call)), call

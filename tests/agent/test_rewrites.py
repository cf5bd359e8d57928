from __future__ import annotations

from typing import Any

import pytest

from agent.events import Base
from agent.models.scripted import ScriptedModel
from agent.repair.asking import Asking
from agent.repair.localise import Suspect
from agent.repair.prompts import Evidence
from agent.repair.rewrites import Rewrites
from tools import symbols

TEXT = "def f(a, b):\n    c = a - b\n    return c\n"


def rewrites(*items: dict[str, Any]) -> tuple[Rewrites, ScriptedModel]:
    model = ScriptedModel.of(list(items))
    emitted: list[Base] = []
    (found,) = symbols.find(symbols.definitions("box.py", TEXT), "f")
    suspect = Suspect("box.py", found, TEXT, 1.0, "")
    asking = Asking(model, emitted.append, 0, 2)
    return Rewrites(asking, Evidence("", None, "", ""), suspect), model


def at(first: str, place: str, piece: str, logprob: float) -> dict[str, Any]:
    """A fork of what the model wrote, `place` being what stands there."""
    return {"at": first.index(place), "piece": piece, "logprob": logprob}


@pytest.mark.asyncio
async def test_others_leave_the_first_where_the_model_nearly_did_likeliest_first() -> None:
    first = "    c = a * b\n    return c"
    forks = [at(first, "* b", "+", -2.0), at(first, "c = ", "d", -0.5)]
    ways, model = rewrites(
        {"samples": [first]},
        {"forks": forks},
        {"samples": [" = a * b\n    return d"]},
        {"samples": [" b\n    return c"]},
    )
    head = "```\ndef f(a, b):\n"
    assert await ways.first() == [head + first]
    assert await ways.others(1) == [head + "    d = a * b\n    return d"]
    assert await ways.others(4) == [head + "    c = a + b\n    return c"]
    assert await ways.others(4) == []
    # what follows is mostly a copy of it
    assert model.requests[-1].draft.startswith(first)


@pytest.mark.asyncio
async def test_the_first_way_comes_with_the_others_where_it_was_not_asked_for() -> None:
    first = "    return a + b"
    ways, _ = rewrites(
        {"samples": [first]}, {"forks": [at(first, "+", "*", -1.0)]}, {"samples": [" b"]}
    )
    assert [text.splitlines()[-1] for text in await ways.others(3)] == [first, "    return a * b"]

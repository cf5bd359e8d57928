from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from agent.errors import (
    Blocked,
    ContextOverflow,
    Failed,
    ModelUnusable,
    ProviderFailed,
    UsageError,
    WispError,
)
from agent.events import Verification
from agent.outcome import INTERRUPTED, TERMINATED, Facts, outcome

GREEN, RED = Verification(verified=True), Verification(reason="still red")

# what may be true at the end of a turn, the first that applies first
ORDER: list[tuple[dict[str, Any], str, int]] = [
    ({"interrupted": INTERRUPTED}, "cancelled", 130),
    ({"error": UsageError("x")}, "failed", 2),
    ({"error": ProviderFailed("x")}, "failed", 75),
    ({"limit": True}, "limit", 5),
    ({"denied": True}, "blocked", 4),
    ({"failed": True}, "failed", 1),
    ({"changed": True, "verification": RED}, "unverified", 3),
]


def end(**facts: Any) -> tuple[str, int]:
    told: dict[str, Any] = {"changed": False, "verification": Verification()} | facts
    return outcome(Facts(**told))


@pytest.mark.parametrize(
    ("facts", "word", "code"),
    [
        ({}, "done", 0),
        ({"changed": True, "verification": GREEN}, "done", 0),
        ({"changed": True, "verification": RED}, "unverified", 3),
        ({"changed": True}, "unverified", 3),
        ({"interrupted": TERMINATED}, "cancelled", 143),
        ({"error": ModelUnusable("x")}, "failed", 2),
        ({"error": ContextOverflow("x")}, "limit", 5),
        ({"error": Blocked("x")}, "blocked", 4),
        ({"error": Failed("x")}, "failed", 1),
        ({"error": WispError("x")}, "failed", 1),
        ({"error": WispError("x"), "changed": True, "verification": GREEN}, "failed", 1),
        ({"denied": True}, "blocked", 4),
        ({"denied": True, "changed": True, "verification": RED}, "blocked", 4),
        ({"denied": True, "changed": True, "verification": GREEN}, "done", 0),
        ({"denied": True, "changed": True}, "blocked", 4),
        ({"failed": True}, "failed", 1),
        *ORDER,
    ],
)
def test_how_a_turn_ends(facts: dict[str, Any], word: str, code: int) -> None:
    assert end(**facts) == (word, code)


@pytest.mark.parametrize(("first", "second"), list(combinations(ORDER, 2)))
def test_the_first_that_applies_counts(
    first: tuple[dict[str, Any], str, int], second: tuple[dict[str, Any], str, int]
) -> None:
    both = second[0] | first[0]
    assert end(**both) == first[1:]

"""What a prompt says of how it wants to be done."""

from __future__ import annotations

import pytest

from agent.context.wishes import wants_no_change


@pytest.mark.parametrize(
    "prompt",
    [
        "Run the tests. Why does one fail? Do not change anything.",
        "don't edit any files, just explain",
        "Don’t touch the code.",  # noqa: RUF001  # as phones write it
        "explain it without changing anything",
        "No changes please.",
    ],
)
def test_a_plain_wish_for_no_change_is_heard(prompt: str) -> None:
    assert wants_no_change(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "Do not change the tests, repair the code.",
        "Repair it. Do not touch anything else.",
        "do not change any code in tests/",
        "Don't edit any file but this one",
        "Make no changes to the API, but repair it",
        "Make the view read-only",
        "Write a function that never changes its input",
    ],
)
def test_a_wish_with_a_bound_is_none(prompt: str) -> None:
    assert not wants_no_change(prompt)

"""What a prompt says of how it wants to be done."""

from __future__ import annotations

import pytest

from agent.context.wishes import wants_no_change, wants_repair


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


@pytest.mark.parametrize(
    "prompt",
    [
        "A test fails. Repair the code, not the test.",
        "The tests in tests/test_cart.py are red. Fix the code.",
        "test_total is failing; correct the bug in shop/cart.py",
        "One of the tests is red. Mend the code so that all are green, and leave the tests alone.",
        "Make the test suite pass without changing any test.",
        "Fix the bug that makes these tests fail",
        "There are failing tests. Repair the code. Do not change the tests.",
    ],
)
def test_a_wish_for_a_repair_of_what_tests_say_is_heard(prompt: str) -> None:
    assert wants_repair(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "Why does the test fail? Fix nothing.",
        "The tests fail. Do not change anything.",
        "Fix the failing tests",  # they may be what is wrong
        "test_total fails since the API changed: update the test",
        "The tests fail. Fix them.",
        "Fix the discount",
        "Add a test that fails",
        "Run the tests and tell me which fail",
        "Write a test for slugify and make it pass",
        "Delete the failing tests, then fix the docs",
    ],
)
def test_a_wish_that_may_be_another_is_no_wish_for_a_repair(prompt: str) -> None:
    assert not wants_repair(prompt)

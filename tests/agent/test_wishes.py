"""What a prompt says of how it wants to be done."""

from __future__ import annotations

import pytest

from agent.context.wishes import only_asks, wants_no_change, wants_repair


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


@pytest.mark.parametrize(
    "prompt",
    [
        "Which function computes the discount, and in which file is it?",
        "What does parse_price do when the text is not a price?",
        "How many test functions are in tests/test_cart.py? List them.",
        "Why does a test fail?",
        "In which file is the discount worked out, and what is the function called?",
        "Tell me the message of the newest commit.",
        "explain how the cart works",
        "Is there a config file? Where is it read?",
        "List the callers of total and say what they pass",
        "I am looking for the code that reads the config. Name the file and its function.",
        "Name the functions that cart.py defines.",
        "I wonder where the cache is written",
    ],
)
def test_a_plain_question_is_told(prompt: str) -> None:
    assert only_asks(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Can you rename total?",
        "Why don't you use a set here?",
        "How about a docstring for slugify?",
        "What if total took a currency?",
        "What does total do? Add a docstring that says it.",
        "Which names are bad? Rename them.",
        "Say hello in main.py and add a test",
        "Is the import used? If not, remove it.",
        "Rename calc to total",
        "Explain what is wrong with add, then fix it",
        "Does it work? Make it work!",
        "Name the variable total",
        "I am looking for a way to speed this up. Implement one.",
    ],
)
def test_what_asks_for_more_than_words_is_no_plain_question(prompt: str) -> None:
    assert not only_asks(prompt)

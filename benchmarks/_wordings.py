"""The twenty tasks in two more wordings each, written before any of them was run.

A small model that decodes greedily flips on single words; three wordings tell a change of the
program from a change of luck. Each asks for the same, and is judged by the same check.
"""

from __future__ import annotations

OTHERS: dict[str, tuple[str, str]] = {
    "where": (
        "In which file is the discount worked out, and what is the function called?",
        "I look for the code that takes a discount off a price. Name the function and its file.",
    ),
    "raises": (
        "How does parse_price react to a text that is no price?",
        "Say what happens when parse_price is called with 'abc'.",
    ),
    "count": (
        "List the test functions of tests/test_cart.py and say how many there are.",
        "What tests does tests/test_cart.py hold? Give their names and their number.",
    ),
    "explain": (
        "test_initials_are_capitals is red. Find out why by running the tests, and only tell me.",
        "Tell me why the test of initials fails. I will change the code myself.",
    ),
    "typo": (
        "There is a spelling mistake in README.md: teh should be the.",
        "Fix `teh` in the README.",
    ),
    "constant": (
        "The DEFAULT_TIMEOUT of shop/pricing.py should be 30.",
        "Change DEFAULT_TIMEOUT to 30 (shop/pricing.py).",
    ),
    "rename": (
        "calc in shop/cart.py is a bad name. Call it items_total, also where it is used.",
        "In shop/cart.py, the function calc shall be named items_total from now on; mend checkout.",
    ),
    "parameter": (
        'label in shop/pricing.py needs a second parameter, currency, with the default "EUR". It is'
        " written behind the number after a space: label(250) gives '2.50 EUR'.",
        "Make label(250) in shop/pricing.py return '2.50 EUR' and label(5, 'USD') '0.05 USD': give"
        ' it a parameter currency="EUR".',
    ),
    "docstring": (
        "slugify in shop/text.py has no docstring. Write one.",
        "Document the function slugify in shop/text.py with a docstring of one line.",
    ),
    "file": (
        "Make a new file named VERSION in the top folder. Its only content is 1.2.0.",
        "Write 1.2.0 into a new file VERSION.",
    ),
    "import": (
        "shop/pricing.py imports a module that it does not use. Take that import out.",
        "Clean up the imports of shop/pricing.py: one of them is unused.",
    ),
    "functions": (
        "Name the functions that shop/text.py defines.",
        "What functions does shop/text.py have?",
    ),
    "callers": (
        "Who calls apply_discount, besides the file that defines it? Name the file of the package.",
        "Which module of the package imports apply_discount?",
    ),
    "commit": (
        "Tell me the message of the newest commit.",
        "What does the last commit message say?",
    ),
    "repair": (
        "One of the tests is red. Mend the code so that all are green, and leave the tests as they"
        " are.",
        "Make the test suite pass without changing any test.",
    ),
    "guard": (
        "Make apply_discount (shop/pricing.py) raise a ValueError for a percent above 100.",
        "A discount of over 100 percent makes no sense: apply_discount in shop/pricing.py should"
        " refuse it with a ValueError.",
    ),
    "readme": (
        "README.md lacks a section Tests. Add one that says to run `python -m pytest`.",
        "Append a section called Tests to README.md with the command `python -m pytest`.",
    ),
    "delete": (
        "conftest.py is empty and not needed. Remove the file.",
        "Please delete conftest.py.",
    ),
    "move": (
        "Rename the file shop/text.py to shop/words.py and adapt tests/test_text.py, which imports"
        " it.",
        "shop/text.py should be called shop/words.py. Move it, and mend the import in"
        " tests/test_text.py.",
    ),
    "test": (
        "slugify has no test. Write one in tests/test_slugify.py and run it.",
        "Create tests/test_slugify.py with a test for slugify from shop.text, then run that test.",
    ),
}

"""Tests that stand in the source they test."""

import pytest

from tools.inner_tests import inner_tests, restored

RUST = """\
/// Adds.
///
/// ```
/// assert_eq!(add(1, 2), 3);
/// ```
#[inline]
pub fn add(a: i64, b: i64) -> i64 { a + b }

// a plain comment with ``` in it
fn plain() {}

#[tokio::test]
#[ignore]
async fn waits() {}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn inner() { assert_eq!(add(1, 1), 2); }
}
"""
PYTHON = '''\
"""A module.

>>> 1
1
"""


class Cart:
    """
    >>> "é"
    """

    def total(self):
        "No example."
        return ">>> 1"


def add(a, b):
    """Add.

    >>> add(1, 2)
    3
    """
    return a - b
'''


def texts(path: str, text: str) -> dict[str, str]:
    return {name: text[start:end] for name, (start, end) in inner_tests(path, text)}


def test_rust_has_them_in_modules_functions_and_documentation() -> None:
    found = texts("src/lib.rs", RUST)
    assert list(found) == ["add 1", "waits 1", "tests 1"]
    assert found["add 1"].startswith("/// Adds.") and "assert_eq!" in found["add 1"]
    assert found["waits 1"] == "#[tokio::test]\n#[ignore]\nasync fn waits() {}"
    assert found["tests 1"].startswith("#[cfg(all(test, unix))]\nmod tests {")
    assert found["tests 1"].endswith("}\n}")


def test_python_has_them_in_docstrings() -> None:
    found = texts("a.py", PYTHON)
    assert list(found) == [" 1", "Cart 1", "add 1"]
    assert found["add 1"].endswith('3\n    """')


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.go", "func TestA() {}\n"), ("a.txt", ">>> 1\n"), ("a.py", ""), ("a.rs", "fn f( {")],
)
def test_elsewhere_there_are_none(path: str, text: str) -> None:
    assert inner_tests(path, text) == []


def test_the_code_may_change_and_the_tests_come_back() -> None:
    changed = PYTHON.replace("a - b", "a + b").replace("    3\n", "    -1\n")
    assert restored("a.py", changed, PYTHON) == PYTHON.replace("a - b", "a + b")
    moved = RUST.replace("a + b", "b + a").replace("add(1, 1), 2", "add(1, 1), 3")
    assert restored("a.rs", moved, RUST) == RUST.replace("a + b", "b + a")


def test_a_new_one_stays_and_one_that_is_gone_cannot_come_back() -> None:
    more = PYTHON + 'def new():\n    """\n    >>> new()\n    """\n'
    assert restored("a.py", more, PYTHON) == more
    assert restored("a.py", PYTHON, more) is None
    assert restored("a.rs", RUST.partition("#[cfg")[0], RUST) is None

"""A definition gets another name, and its uses in the file go with it."""

from __future__ import annotations

import pytest

from tools.patching import NoMatch
from tools.renaming import is_name, rename


def renamed(text: str, name: str, new: str, path: str = "a.py") -> str:
    for splice in rename(path, text, name, new):
        text = text[: splice.start] + splice.new + text[splice.end :]
    return text


def test_uses_in_code_are_renamed_and_no_words_nor_members_nor_arguments() -> None:
    text = 'def f(x):\n    """Not f."""\n    return f(x - 1) + a.f + g(f=f)  # f\n'
    new = 'def h(x):\n    """Not f."""\n    return h(x - 1) + a.f + g(f=h)  # f\n'
    assert renamed(text, "f", "h") == new


def test_a_method_is_renamed_where_it_is_a_member() -> None:
    text = "class A:\n    def f(self):\n        return self.f() + f()\n"
    new = "class A:\n    def h(self):\n        return self.h() + f()\n"
    assert renamed(text, "A.f", "h") == new


def test_of_two_with_one_name_only_that_definition_is_renamed() -> None:
    text = "class A:\n    def f(self): ...\nclass B:\n    def f(self): ...\nA().f()\n"
    assert renamed(text, "B.f", "h") == text.replace("B:\n    def f", "B:\n    def h")


def test_other_languages() -> None:
    text = "function é(a) { return é(a) }\nconst b = é(1)\n"
    assert renamed(text, "é", "c", "a.js") == text.replace("é", "c")
    go = "package a\n\nfunc F() int { return F() }\n"
    assert renamed(go, "F", "G", "a.go") == go.replace("F()", "G()")


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(NoMatch, match="g is defined already, in line 2"):
        rename("a.py", "def f(): ...\ndef g(): ...\n", "f", "g")
    with pytest.raises(NoMatch, match="no definition named `h`"):
        rename("a.py", "def f(): ...\n", "h", "g")


@pytest.mark.parametrize(
    ("new", "is_one"), [("a_1", True), (" b ", True), ("", False), ("a.b", False), ("1a", False)]
)
def test_what_is_a_name(new: str, is_one: bool) -> None:
    assert is_name(new) is is_one

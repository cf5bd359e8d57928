from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.patching import NoMatch, Splice, by_text
from tools.redefining import by_symbol


def applied(text: str, splices: list[Splice] | Splice) -> str:
    for splice in [splices] if isinstance(splices, Splice) else splices:
        text = text[: splice.start] + splice.new + text[splice.end :]
    return text


def why(text: str, old: str, new: str = "new", every: bool = False) -> str:
    with pytest.raises(NoMatch) as caught:
        by_text(text, old, new, every)
    return str(caught.value)


WORDS = st.sampled_from(["a", "b", " ", "\n", "    ", "é", "x = 1", "\t"])
SOURCE = st.lists(WORDS, max_size=40).map("".join)


@given(SOURCE, SOURCE, SOURCE, SOURCE)
def test_an_exact_and_only_match_is_replaced_and_nothing_else(
    before: str, old: str, after: str, new: str
) -> None:
    text = before + old + after
    if not old or old == new or text.find(old) != text.rfind(old):
        return
    at = text.find(old)
    assert applied(text, by_text(text, old, new)) == text[:at] + new + text[at + len(old) :]


@given(SOURCE, SOURCE, SOURCE)
def test_whatever_is_matched_differs_from_old_in_blanks_only(text: str, old: str, new: str) -> None:
    try:
        splices = by_text(text, old, new, every=True)
    except NoMatch:
        return
    for splice in splices:
        assert text[splice.start : splice.end].split() == old.split()
    assert [splice.start for splice in splices] == sorted(
        (splice.start for splice in splices), reverse=True
    )


def test_several_matches_are_refused_with_their_lines_unless_all_are_meant() -> None:
    text = "x = 1\ny\nx = 1\n"
    assert "2 matches for `old` (lines 1, 3)" in why(text, "x = 1")
    assert applied(text, by_text(text, "x = 1", "z", every=True)) == "z\ny\nz\n"


def test_indentation_alone_may_differ_and_is_carried_over_to_new() -> None:
    text = "class A:\n    def f(self):\n        return 1  \n\n    y = 2\n"
    splices = by_text(
        text, "def f(self):\n    return 1", "def f(self):\n    if x:\n        return 2"
    )
    assert applied(text, splices) == (
        "class A:\n    def f(self):\n        if x:\n            return 2\n\n    y = 2\n"
    )
    assert "indentation" in splices[0].note


def test_spaces_in_old_and_new_become_the_tabs_of_the_file() -> None:
    text = "func f() {\n\tif a {\n\t\tb()\n\t}\n}\n"
    splices = by_text(
        text,
        "    if a {\n        b()\n    }",
        "    if a {\n        for {\n            c()\n        }\n    }",
    )
    assert applied(text, splices) == ("func f() {\n\tif a {\n\t\tfor {\n\t\t\tc()\n\t\t}\n\t}\n}\n")


def test_lines_quoted_without_any_indentation_are_not_guessed_at() -> None:
    text = "if a:\n    if b:\n        c()\n"
    said = why(text, "if a:\nif b:\nc()", "if a:\nd()")
    assert "nothing was changed" in said
    assert "lines 1-3" in said


def test_what_is_not_there_is_answered_with_the_true_text() -> None:
    text = "def f():\n    return total(items)\n\ndef g():\n    pass\n"
    said = why(text, "def f():\n    return total(item)")
    assert "lines 1-2" in said
    assert said.endswith("def f():\n    return total(items)")
    assert "nor anything like it" in why(text, "import quite.another.thing as it")


def test_the_line_numbers_that_read_shows_may_be_quoted_along() -> None:
    text = "a\nb\nc\n"
    assert applied(text, by_text(text, "1|a\nb", "1|A\nb")) == "A\nb\nc\n"
    assert applied("10|a\n", by_text("10|a\n", "10|a", "b")) == "b\n"


def test_empty_and_idle_replacements_are_refused() -> None:
    assert "empty" in why("a", "", "b")
    assert "has this already" in why("a", "a", "a")
    assert "same" in why("a", "b", "b")


CART = textwrap.dedent(
    """\
    class Cart:
        @property
        def total(self):
            return 1

        def load(self):
            return 2
    """
)


@pytest.mark.parametrize(
    "new",
    [
        "def total(self):\n    return 3",
        "    def total(self):\n        return 3\n",
        "def total(self):\n        return 3\n",
        "```python\ndef total(self):\n    return 3\n```",
        "@property\ndef total(self):\n    return 3",
        "@property\n    def total(self):\n        return 3",
        "class Cart:\n    def total(self):\n        return 3\n",
        "\tdef total(self):\n\t\treturn 3",
    ],
    ids=[
        "flush",
        "in place",
        "first line short",
        "fenced",
        "decorated",
        "decorator short",
        "in its class",
        "tabs",
    ],
)
def test_a_method_lands_at_its_place_however_its_code_is_indented(new: str) -> None:
    assert applied(CART, by_symbol("a.py", CART, "Cart.total", new)) == CART.replace(
        "return 1", "return 3"
    )


def test_new_decorators_replace_the_old_ones() -> None:
    new = "@cached\ndef total(self):\n    return 3"
    assert "    @cached\n    def total" in applied(CART, by_symbol("a.py", CART, "total", new))
    assert "@property" not in applied(CART, by_symbol("a.py", CART, "total", new))


def test_empty_code_removes_a_definition_and_its_blank_lines() -> None:
    after = applied(CART, by_symbol("a.py", CART, "total", ""))
    assert after == "class Cart:\n    def load(self):\n        return 2\n"
    assert applied(CART, by_symbol("a.py", CART, "load", "")) == (
        "class Cart:\n    @property\n    def total(self):\n        return 1\n"
    )


def test_the_value_of_a_literal_is_not_indented_but_a_docstring_is() -> None:
    new = 'def load(self):\n    """One\n\n    two."""\n    return """a\n  b\n"""'
    after = applied(CART, by_symbol("a.py", CART, "load", new))
    assert '        """One\n\n        two."""\n        return """a\n  b\n"""\n' in after


def test_export_and_the_comma_after_a_member_stay() -> None:
    js = "export function f() {\n  return 1;\n}\nconst o = {\n  a: () => 1,\n  b: 2,\n};\n"
    after = applied(js, by_symbol("a.js", js, "f", "function f() {\n  return 2;\n}"))
    assert after.startswith("export function f() {\n  return 2;\n}\n")
    after = applied(js, by_symbol("a.js", js, "o.a", "a: () => 3,"))
    assert "  a: () => 3,\n  b: 2,\n" in after


def test_braces_close_where_they_opened() -> None:
    java = "class A {\n    int m() {\n        return 1;\n    }\n}\n"
    for new in (
        "int m() {\n    return 2;\n}",
        "int m() {\n        return 2;\n    }",
        "    int m() {\n        return 2;\n    }",
    ):
        assert applied(java, by_symbol("A.java", java, "A.m", new)) == java.replace("1", "2")


def test_unknown_and_doubtful_names_are_answered_with_those_there_are() -> None:
    with pytest.raises(NoMatch, match=r"there is: Cart\.total"):
        by_symbol("a.py", CART, "Basket.total_", "x")
    twice = "def f(): pass\ndef f(): pass\n"
    with pytest.raises(NoMatch, match="f:1, f:2"):
        by_symbol("a.py", twice, "f", "def f(): return 1")
    assert applied(twice, by_symbol("a.py", twice, "f:2", "def f(): return 1")) == (
        "def f(): pass\ndef f(): return 1\n"
    )
    with pytest.raises(NoMatch, match="use old and new"):
        by_symbol("a.txt", "f", "f", "g")


SHOP = '''"""Shop."""

import re

MOST = 3


def f(x):
    return x


def g():
    return 1
'''
AROUND = """import re

MOST = 3


def f(x):
    return os


def g():
  return 1
"""


def test_what_stands_around_a_definition_already_is_not_put_there_again() -> None:
    after = applied(SHOP, by_symbol("a.py", SHOP, "f", AROUND))
    assert after == SHOP.replace("return x", "return os")


def test_statements_and_texts_that_resemble_what_is_there_stay_as_they_are() -> None:
    new = (
        'def f(x):\n    return """\n\n\n\n\n"""\n\n\nfor n in "a.py":\n    print(\n        n\n    )'
    )
    text = f"{SHOP}\nprint(\n    1\n    )\n"
    assert new in applied(text, by_symbol("a.py", text, "f", new))


def test_another_definition_that_is_changed_too_needs_a_call_of_its_own() -> None:
    with pytest.raises(NoMatch, match="holds g too, other than in line 12"):
        by_symbol("a.py", SHOP, "f", "def f(x):\n    return 2\n\n\ndef g():\n    return 2")
    after = applied(SHOP, by_symbol("a.py", SHOP, "f", "def h(): ...\n\n\ndef f(x):\n    return h"))
    assert "def h(): ...\n\n\ndef f(x):\n    return h\n\n\ndef g():" in after


def test_a_setting_is_not_set_behind_a_function_when_it_is_set_elsewhere() -> None:
    with pytest.raises(NoMatch, match="more than the definition: MOST is set in line 5"):
        by_symbol("a.py", SHOP, "f", "def f(x):\n    return x\n\nMOST = 4")
    assert "    MOST = 4" in applied(SHOP, by_symbol("a.py", SHOP, "f", "def f(x):\n    MOST = 4"))

"""Small changes that no model writes: which are made, in which languages, on which lines."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.repair.localise import Suspect
from agent.repair.mutants import mutants
from tools import symbols


def suspect(text: str, name: str = "f", path: str = "a.py", lines: tuple[int, ...] = ()) -> Suspect:
    symbol = symbols.find(symbols.definitions(path, text), name)[0]
    return Suspect(path, symbol, text, 1.0, "", lines)


def made(body: str, said: str = "", parameters: str = "x, y") -> list[str]:
    """Return what comes of a function's only line, the likeliest first."""
    of = suspect(f"def f({parameters}):\n    {body}\n")
    return [each.function(of).split("\n", 1)[1].strip() for each in mutants(of, said)]


@pytest.mark.parametrize(
    ("body", "becomes"),
    [
        ("return x < 10", "return x <= 10"),
        ("return x < 10", "return x < 9"),
        ("return x and y", "return x or y"),
        ("return x and y", "return x"),
        ("return not x", "return x"),
        ("return x is None", "return x is not None"),
        ("return x in y", "return x not in y"),
        ("return x - 1", "return x + 1"),
        ("return x - 1", "return x"),
        ("return x / y", "return y / x"),
        ("return x[1:y]", "return x[1:y + 1]"),
        ("return x[y]", "return x.get(y)"),
        ("return x[y]", "return x[y - 1]"),
        ("return min(x, y)", "return max(x, y)"),
        ("return min(x, y)", "return min(y, x)"),
        ("return g(x, y)", "return g(x)"),
        ("return x.strip()", "return x.lstrip()"),
        ("return x.strip()", "return x"),
        ("return x.items", "return y.items"),
        ("return x if y else 0", "return 0 if y else x"),
        ("return True", "return False"),
        ("return (int(x), x)", "return (int(x), int(x))"),
        ('return f"{x + 1}"', 'return f"{x - 1}"'),
        ("x += y", "x -= y"),
        ("while x: y()", "while x is not None: y()"),
        ("while not x: y()", "while x is None: y()"),
        ("if x == 0: return y", "if not (x == 0): return y"),
    ],
)
def test_a_slip_is_taken_back(body: str, becomes: str) -> None:
    assert becomes in made(body)


def test_what_was_raised_is_caught_too() -> None:
    text = "def f(x):\n    try:\n        int(x)\n    except ValueError as error:\n        pass\n"
    of = suspect(text)
    said = "E   TypeError: int() argument must be a string"
    assert any(
        "except (ValueError, TypeError) as error:" in m.applied(text) for m in mutants(of, said)
    )
    assert not any("TypeError" in each.applied(text) for each in mutants(of))


def test_statements_are_left_out_and_moved() -> None:
    text = "def f(x):\n    for y in x:\n        g(y)\n        return y\n    h(x)\n"
    bodies = [ast.unparse(ast.parse(each.applied(text))) for each in mutants(suspect(text))]
    for change in ("        return y\n", "    h(x)\n"):
        assert ast.unparse(ast.parse(text.replace(change, ""))) in bodies
    outside = text.replace("        return y\n", "    return y\n")
    inside = text.replace("    h(x)\n", "        h(x)\n")
    assert {ast.unparse(ast.parse(outside)), ast.unparse(ast.parse(inside))} <= set(bodies)


def test_only_lines_that_ran_are_changed() -> None:
    text = "def f(x):\n    if x < 0:\n        return x - 1\n    return x * 2\n"
    changed = {text[: each.end].count("\n") + 1 for each in mutants(suspect(text, lines=(2, 4)))}
    assert changed == {2, 4}


def test_the_signature_and_the_docstring_stay() -> None:
    text = 'def f(x, y=1):\n    """Return 1 < 2."""\n    return x + y\n'
    for each in mutants(suspect(text)):
        assert each.applied(text).startswith('def f(x, y=1):\n    """Return 1 < 2."""\n')


@pytest.mark.parametrize(
    ("path", "text", "old", "new"),
    [
        ("a.js", "function f(a, b) {\n  return a < b && !c;\n}\n", "a < b && !c", "a <= b && !c"),
        ("a.js", "function f(a, b) {\n  return a < b && !c;\n}\n", "!c", "c"),
        ("a.js", "function f() {\n  if (a) { g(); }\n}\n", "(a)", "(!(a))"),
        ("a.ts", "function f(a: number) {\n  return a[1];\n}\n", "a[1]", "a[2]"),
        ("a.go", "package a\n\nfunc f(a, b int) bool {\n\treturn a <= b\n}\n", "<=", "<"),
        ("a.rs", "fn f(a: i32) -> i32 {\n    a + 1\n}\n", "a + 1", "a - 1"),
        ("A.java", "class A { int f(int a) { return a - 1; } }\n", "a - 1", "a + 1"),
        ("a.c", "int f(int a) {\n  return a == 0;\n}\n", "==", "!="),
        ("a.cpp", "bool f(int a) {\n  return a > 1;\n}\n", "a > 1", "a >= 1"),
    ],
)
def test_other_languages_have_them_too(path: str, text: str, old: str, new: str) -> None:
    of = suspect(text, "A.f" if path == "A.java" else "f", path)
    assert text.replace(old, new, 1) in [each.applied(text) for each in mutants(of)]


def test_a_language_without_a_grammar_has_none() -> None:
    of = suspect("def f(x):\n    return x\n")
    other = Suspect("a.zig", of.symbol, of.text, 1.0, "")
    assert mutants(other) == []


PIECES = st.sampled_from(
    [
        "if x > {n} and not y:\n    z = x[{n}:y]\nelse:\n    z = [x, {n}]\nreturn z",
        "for i in range(x, {n}):\n    if i is None:\n        continue\n    y.add(i)\nreturn y",
        "try:\n    return x[y] - {n}\nexcept (KeyError, IndexError):\n    return g(x, y, k={n})",
        "with x as z:\n    z.w = y if x else {n}\n    return [a for a in z if a not in y]",
        "x.a += {n}\nwhile x.a <= y:\n    x.a -= 1\n    break\nreturn f'{{x.a:>{n}}} {{y!r}}'",
        "def inner(a, b={n}):\n    return a * b\n\nreturn inner(x) == inner(y, b=x)",
        "z = lambda a: a + {n}\nassert z(x) != y, 'no'\ndel x\nreturn {{'ä': z, **y}}",
    ]
)


@given(PIECES, st.integers(0, 5))
def test_every_change_of_python_parses_and_changes_something(piece: str, number: int) -> None:
    text = "x = 'é'\n\n\ndef f(x, y):\n" + textwrap.indent(piece.format(n=number), "    ") + "\n"
    of = suspect(text)
    found = mutants(of)
    assert found
    assert len({each.applied(text) for each in found} - {text}) == len(found)
    for each in found:
        ast.parse(each.applied(text))
        assert each.function(of).startswith("def f(x, y):")

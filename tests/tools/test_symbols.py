from __future__ import annotations

import textwrap

import pytest

from tools.symbols import definitions, enclosing, find, new_errors, syntax_errors, verbatim_lines

PYTHON = textwrap.dedent(
    '''\
    import os

    @dec
    class Cart:
        """é"""

        @property
        def total(self):
            def inner(): return 1
            return inner()

        async def load(self):
            pass

    if os:
        def top(): pass
    '''
)


def names(path: str, text: str) -> list[str]:
    return [
        f"{each.kind} {each.name} {each.start_line}-{each.end_line}"
        for each in definitions(path, text)
    ]


def test_python_names_methods_nested_async_and_decorated_functions() -> None:
    assert names("a.py", PYTHON) == [
        "class Cart 3-13",
        "method Cart.total 7-10",
        "function Cart.total.inner 9-9",
        "method Cart.load 12-13",
        "function top 16-16",
    ]


def test_a_definition_is_cut_with_and_without_its_decorators() -> None:
    cart, total, *_ = definitions("a.py", PYTHON)
    assert PYTHON[cart.start : cart.head] == "@dec\n"
    assert PYTHON[total.start : total.head] == "@property\n    "
    assert PYTHON[total.head : total.end].startswith("def total(self):")
    assert PYTHON[total.head : total.end].endswith("return inner()")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "a.ts",
            "export const f = async (a: number) => { };\n"
            "@D() export class X<T> { @P() m(): void {} z = () => 2; abstract q(): void }\n"
            "export interface I { go(x: number): void }\n"
            "type T = { a: 1 }; enum E { A }\n"
            "namespace N { export function inner() {} }\n"
            "const api = { get() {}, post: () => 1 };\n",
            "function f, class X, method X.m, method X.z, method X.q, interface I, method I.go,"
            " type T, type E, function N.inner, method api.get, method api.post",
        ),
        (
            "a.jsx",
            "exports.foo = function () {};\nclass B { static m() {} constructor() {} }\n"
            "const a = () => <p/>, b = function* () {};\n",
            "function exports.foo, class B, method B.m, method B.constructor, function a,"
            " function b",
        ),
        (
            "a.go",
            "package a\ntype S struct { a int }\nfunc (s *S) M() int { return 1 }\n"
            "type G[T any] struct {}\nfunc (g *G[T]) N() {}\nfunc F() {}\n"
            "type I interface { X() }\ntype J int\n",
            "class S, method S.M, class G, method G.N, function F, interface I, type J",
        ),
        (
            "a.rs",
            "#[derive(Debug)]\npub struct S<T> { a: T }\n"
            "impl<T> S<T> { #[inline] pub fn m(&self) {} }\n"
            "impl Show for S<u8> { fn show(&self) {} }\nmod tests { #[test] fn t() {} }\n"
            "trait Q { fn z(&self); }\nmacro_rules! mm { () => {} }\n",
            "class S, method S.m, method S.show, function tests.t, interface Q, method Q.z,"
            " macro mm",
        ),
        (
            "A.java",
            "@Foo public class A<T> { @Override public int m(int a) { return 1; } A() {}\n"
            "static class B { void n() {} } }\ninterface I { void z(); }\nrecord R(int a) {}\n",
            "class A, method A.m, method A.A, class A.B, method A.B.n, interface I, method I.z,"
            " class R",
        ),
        (
            "a.c",
            "static int f(void) { return 1; }\nchar *g(int a) { return 0; }\n"
            "struct s { int a; };\ntypedef int u;\n#define M(x) x\n",
            "function f, function g, class s, type u, macro M",
        ),
        (
            "a.hpp",
            "namespace n { class Foo : public B { int m() const { return 1; } ~Foo() {} }; }\n"
            "int Foo::k(int a) { return 1; }\n"
            "template <typename T> T max(T a, T b) { return a; }\n",
            "class n.Foo, method n.Foo.m, method n.Foo.~Foo, function Foo.k, function max",
        ),
        (
            "run",
            "#!/usr/bin/env bash\nf() { echo; }\nfunction g { echo; }\n",
            "function f, function g",
        ),
    ],
)
def test_every_language_names_its_definitions(path: str, text: str, expected: str) -> None:
    found = definitions(path, text)
    assert ", ".join(f"{each.kind} {each.name}" for each in found) == expected
    assert syntax_errors(path, text) == []


def test_export_template_and_attributes_belong_to_a_definition() -> None:
    ts = "export default function g() {}\n"
    assert definitions("a.ts", ts)[0].end == len(ts) - 1
    rust = "#[a]\n#[b]\nfn f() {}\n"
    (f,) = definitions("a.rs", rust)
    assert (f.start, rust[f.head : f.end]) == (0, "fn f() {}")
    java = "class A {\n  @Override\n  public int m() { return 1; }\n}\n"
    m = definitions("A.java", java)[1]
    assert java[m.start :].startswith("@Override")
    assert java[m.head :].startswith("public int m()")


def test_offsets_count_characters_whatever_stands_before() -> None:
    text = "# 日本 é 😀\nx = '😀'; y = 1\ndef f():\n    return 'é'\n"
    (f,) = definitions("a.py", text)
    assert text[f.start : f.end] == "def f():\n    return 'é'"


def test_a_name_finds_by_its_end_and_in_foreign_spelling() -> None:
    known = definitions("a.py", PYTHON)
    for spelling in ("Cart.total", "total", "Cart::total", "def total(self)", "Cart#total"):
        assert [each.name for each in find(known, spelling)] == ["Cart.total"], spelling
    assert find(known, "otal") == []
    assert find(known, "") == []


def test_a_line_tells_definitions_of_one_name_apart() -> None:
    text = "def f(): pass\n\ndef f():\n    pass\n"
    known = definitions("a.py", text)
    assert len(find(known, "f")) == 2
    assert [each.start_line for each in find(known, "f:3")] == [3]
    assert [each.start_line for each in find(known, "f:4")] == [3]


def test_the_innermost_definition_encloses_a_line() -> None:
    known = definitions("a.py", PYTHON)
    around = {line: enclosing(known, line) for line in (1, 5, 9, 10)}
    assert [each.name if each else None for each in around.values()] == [
        None,
        "Cart",
        "Cart.total.inner",
        "Cart.total",
    ]


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("a.py", "x = 1\ny = = 2\n", 2),
        ("a.py", "def f():\nreturn 1\n", 2),
        ("a.py", "def f():\n    x = 1\n        y = 2\n", 3),
        ("a.py", "try:\n    x\nfoo()\n", 3),
        ("a.py", "print 'a'\n", 1),
        ("a.js", "function f() {\n  return 1;\n", 1),
        ("a.ts", "let x: = 2;\n", 1),
        ("a.tsx", "const a = <p>;\n", 1),
        ("a.go", "package a\nfunc f( {\n}\n", 2),
        ("a.rs", "fn f() { let x = ; }\n", 1),
        ("A.java", "class A { int m( { } }\n", 1),
        ("a.c", "int main() { return 1 }\n", 1),
        ("a.cpp", "class A { int m() { return; }\n", 1),
        ("a.sh", "if true; then\n  echo\n", 1),
    ],
)
def test_broken_code_is_found_with_its_line(path: str, text: str, line: int) -> None:
    found = syntax_errors(path, text)
    assert found
    assert found[0].line >= 1
    if path.endswith(".py"):
        assert found[0].line == line


@pytest.mark.parametrize(
    "text",
    [
        "def first[T](x: list[T]) -> T:\n    return x[0]\n",
        "type Pair = tuple[int, int]\n",
        "class A[T]:\n    pass\n",
        "x = f'{d['a']}'\n",
        "def f():\n    return '\\d'\n",
        "match x:\n    case 1: pass\n",
    ],
)
def test_python_newer_than_ours_and_doubtful_escapes_are_no_errors(text: str) -> None:
    assert syntax_errors("a.py", text) == []


def test_a_file_that_was_broken_may_be_edited_but_not_broken_further() -> None:
    assert new_errors("a.py", "x = = 1\n", "x = = 1\ny = 2\n") == []
    assert new_errors("a.js", "f(;\n", "f(;\n}\nlet = ;\n")
    assert new_errors("a.py", "x = 1\n", "x = = 1\n")[0].line == 1


def test_files_of_no_known_language_and_templates_have_no_syntax() -> None:
    for path in ("a.txt", "Makefile", "{{name}}/a.py", "a.py.j2"):
        assert syntax_errors(path, "def (\n") == []
        assert definitions(path, "def f(): pass\n") == []


def test_lines_within_literals_are_known_but_docstrings_are_layout() -> None:
    text = 'def f():\n    """One\n    two\n    """\n    x = """a\nb\n"""\n'
    assert verbatim_lines("a.py", text) == {6, 7}
    assert verbatim_lines("a.js", "let a = `x\ny`;\n") == {2}


def test_a_file_that_would_take_minutes_to_parse_is_given_up() -> None:
    slow = "def f():\n    return 1\n" + "# c\n" * 60_000
    assert definitions("a.py", slow) == []
    assert syntax_errors("a.py", slow) == []

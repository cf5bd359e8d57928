"""What is refused before any test runs, and how a planted line is laid."""

import pytest

from agent.repair import plant
from agent.repair.candidates import Gate, Refused, code_in, shape
from agent.repair.localise import Suspect
from tools import symbols
from tools.report import CheckReport, Failure, TestOutcome

TEXT = '''\
import os


class Cart:
    @property
    def total(self):
        """Return the sum."""
        return sum(self.prices) - 1


def other():
    return 2
'''


def suspect(name: str = "Cart.total", path: str = "cart.py", text: str = TEXT) -> Suspect:
    (symbol,) = symbols.find(symbols.definitions(path, text), name)
    return Suspect(path, symbol, text, 1.0, "")


def reply(body: str) -> str:
    return f"It is wrong.\n```python\ndef total(self):\n    {body}\n```\nDone."


def test_a_rewritten_method_goes_into_its_place() -> None:
    found = Gate().read(suspect(), reply("return sum(self.prices)"))
    text = TEXT.replace(
        '        """Return the sum."""\n        return sum(self.prices) - 1',
        "        return sum(self.prices)",
    )
    assert (found.before, found.after) == ({"cart.py": TEXT}, {"cart.py": text})
    assert "-        return sum(self.prices) - 1" in found.diff
    assert found.change == "+ return sum(self.prices)"
    assert Gate().read(
        suspect(), '```\ndef total(self):\n    """Return the sum."""\n```'
    ).change == ("- return sum(self.prices) - 1")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I do not know.", "no code in the reply"),
        ("```\ndef else_(self):\n    pass\n```", "no code in the reply"),
        (reply("return sum(self.prices"), "does not parse"),
        (reply("os._exit(0)"), "os._exit"),
        (reply("import pytest; pytest.skip()"), "pytest"),
        (reply("return eval('1')"), "eval("),
        (reply('"""Return the sum."""\n    return sum(self.prices) - 1  # same'), "the original"),
    ],
)
def test_a_gate_refuses(answer: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        Gate().read(suspect(), answer)
    assert why in str(refused.value)


def test_the_same_candidate_is_tried_once_whatever_its_layout() -> None:
    gate = Gate()
    gate.read(suspect(), reply("return sum(self.prices)"))
    with pytest.raises(Refused, match="earlier attempt"):
        gate.read(suspect(), reply("return sum( self.prices )  # sum"))


def test_the_last_block_with_the_function_is_the_answer() -> None:
    text = "Before:\n```\ndef f():\n    return 1\n```\nAfter:\n```\ndef f():\n    return 2\n```\n"
    assert code_in(text, "f", "a.py") == "def f():\n    return 2"


def test_shape_ignores_comments_and_layout_only() -> None:
    assert shape("a.py", "def f():\n  return 1 # x") == shape("a.py", "def f():\n    return 1")
    assert shape("a.py", "def f():\n    return 1") != shape("a.py", "def f():\n    return 2")
    assert shape("a.js", "f( )  // x") == shape("a.js", "f( )")


@pytest.mark.parametrize(
    ("path", "text", "name", "expected"),
    [
        ("a.py", 'def f():\n    """Doc."""\n    return 1\n', "f", '    """Doc."""\n    raise'),
        ("a.py", "def f(): return 1\n", "f", "def f(): raise"),
        ("a.js", "function f(a) { return a; }\n", "f", "function f(a) { throw"),
        ("a.go", "package a\n\nfunc F() int {\n\treturn 1\n}\n", "F", "int {\n\tpanic"),
        ("a.rs", "fn f() -> i32 {\n    1\n}\n", "f", "{\n    panic!"),
    ],
)
def test_a_line_is_planted_first_in_the_body(
    path: str, text: str, name: str, expected: str
) -> None:
    made = plant.planted(suspect(name, path, text), text)
    assert made is not None
    assert expected in made[0]
    assert made[1] in made[0]
    assert not symbols.syntax_errors(path, made[0])


def report(outcome: TestOutcome, trace: str = "") -> CheckReport:
    return CheckReport(
        command="pytest",
        runner="pytest",
        granularity="test",
        exit_code=1,
        complete=True,
        tests={"t": outcome},
        failures=(Failure(test="t", trace=trace),),
    )


def test_a_planted_line_counts_only_when_it_is_what_failed() -> None:
    mark = "wisp-planted-1"
    seen = report(TestOutcome.FAILED, f"E RuntimeError: {mark}")
    assert plant.reached(seen, ("t",), mark, "a.py")
    assert not plant.reached(report(TestOutcome.FAILED, "E other"), ("t",), mark, "a.py")
    assert not plant.reached(report(TestOutcome.PASSED, mark), ("t",), mark, "a.py")


TEST = """
@pytest.mark.parametrize("n", [12, 15])
def test_fizz(n):
    assert fizz(12) == 'fizz' and fizz(0) == 1 and fizz(-7) == 2.5
"""


@pytest.mark.parametrize(
    "body",
    [
        "if n == 12:\n        return 'fizz'\n    return n",
        'return "fizz" if n == 12 else n',
        "if n in (12, 15):\n        n = 'fizz'\n    return n",
        "if n == -7:\n        return 2.5\n    return n",
        "return {12: 'fizz', 15: 'b'}.get(n, n)",
        "match n:\n        case 12:\n            return 'fizz'\n    return n",
    ],
)
def test_an_exception_for_the_failing_input_is_refused(body: str) -> None:
    gate = Gate(TEST)
    with pytest.raises(Refused, match="makes an exception for"):
        gate.read(fizz(), f"def fizz(n):\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "return 'fizz' if n % 3 == 0 else n",  # what is compared with is none of the test's numbers
        "if n == 0:\n        return 1\n    return n * fizz(n - 1)",  # how a recursion ends
        "if n == 12:\n        return n + n\n    return n",  # the tests themselves decide
        "return 'fizz' * n",
    ],
)
def test_what_is_no_exception_is_let_through(body: str) -> None:
    assert Gate(TEST).read(fizz(), f"def fizz(n):\n    {body}\n").after


def fizz() -> Suspect:
    text = "def fizz(n):\n    return n\n"
    (symbol,) = symbols.definitions("fizz.py", text)
    return Suspect("fizz.py", symbol, text, 1.0, "")

"""Where a bug may be, found without a model."""

from pathlib import Path

import pytest

from agent.context.sources import Sources
from agent.repair.localise import source_of_test, suspects
from sandbox.workspace import Workspace
from tools.likely import is_test
from tools.report import Failure, Ran

FILES = {
    "shop/pricing.py": """\
def total(amount, discount):
    return reduced(amount, discount)


def reduced(amount, discount):
    return amount - discount


class Cart:
    def add(self, item):
        self.items.append(item)
""",
    "shop/other.py": "def unrelated():\n    return 1\n",
    "tests/test_pricing.py": """\
from shop.pricing import total


class TestTotal:
    def test_total(self):
        assert total(10, 1) == 9
""",
}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Sources(Workspace(tmp_path))


TARGET = "tests/test_pricing.py::TestTotal::test_total"


def names(found: list) -> list[str]:
    return [each.symbol.name for each in found]


def test_what_the_failing_test_uses_comes_first_then_what_that_calls(sources: Sources) -> None:
    found = suspects(sources, [Failure(test=TARGET)], [TARGET], "")
    assert names(found) == ["total", "reduced"]
    assert found[0].why == "used by the failing test"
    assert found[1].why == "called by total"


def test_the_last_frame_in_the_project_beats_the_test(sources: Sources) -> None:
    trace = "tests/test_pricing.py:6: in test_total\nshop/pricing.py:6: in reduced\nE  TypeError"
    found = suspects(sources, [Failure(test=TARGET, trace=trace)], [TARGET], "")
    assert names(found)[0] == "reduced"


def test_the_nearer_a_frame_is_to_the_failure_the_more_it_says(sources: Sources) -> None:
    frames = ("other.py:2: in unrelated", "pricing.py:6: in reduced", "pricing.py:11: in add")
    trace = "".join(f"shop/{frame}\n" for frame in frames)
    found = suspects(sources, [Failure(test="x", trace=trace)], [], "")
    assert names(found) == ["Cart.add", "reduced", "unrelated"]


def test_where_runs_were_watched_nothing_is_guessed_from_names_and_calls(sources: Sources) -> None:
    pricing = "shop/pricing.py"
    runs = [
        Ran(path=pricing, line=1, failing=1, passing=8),
        Ran(path=pricing, line=5, failing=1, passing=8),
        Ran(path="shop/other.py", line=1, failing=1, passing=0),
    ]
    found = suspects(sources, [], [TARGET], "", runs)
    assert names(found)[0] == "unrelated"
    assert {each.why for each in found} == {"runs when the tests fail"}


def test_a_function_that_the_failing_test_is_called_after_comes_before_others(
    sources: Sources,
) -> None:
    for target in ("test_is_reduced_twice", "testReducedTwice", "test_reduced[total]"):
        found = suspects(sources, [], [f"tests/test_pricing.py::{target}"], "total and reduced")
        assert names(found) == ["reduced", "total"]


def test_a_line_that_only_failing_tests_run_tells_more_than_the_function_around_it(
    sources: Sources,
) -> None:
    pricing = "shop/pricing.py"
    runs = [
        Ran(path=pricing, line=1, failing=1, passing=8),
        Ran(path=pricing, line=5, failing=1, passing=9),
        Ran(path="shop/other.py", line=1, failing=0, passing=3),
    ]
    assert names(suspects(sources, [], [], "", runs)) == ["total", "reduced"]
    told = runs[1].model_copy(update={"counts": ((6, 1, 0),)})
    found = suspects(sources, [], [], "", [runs[0], told, runs[2]])
    assert names(found) == ["reduced", "total"]
    assert found[0].why == "runs when the tests fail"


def test_of_the_lines_that_ran_those_of_the_traceback_come_first_then_those_few_others_ran(
    sources: Sources,
) -> None:
    counts = ((5, 1, 9), (6, 1, 1))
    ran = [Ran(path="shop/pricing.py", line=5, failing=1, passing=9, counts=counts, lines=(5, 6))]
    trace = "shop/pricing.py:5: in reduced\n    raise ValueError\nValueError"
    (plain,) = suspects(sources, [Failure(test=TARGET)], [TARGET], "", ran)
    (traced,) = suspects(sources, [Failure(test=TARGET, trace=trace)], [TARGET], "", ran)
    assert (plain.lines, traced.lines) == ((6, 5), (5, 6))


def test_frames_of_tests_and_of_files_outside_are_no_suspects(sources: Sources) -> None:
    trace = 'tests/test_pricing.py:6: in test\nFile "/usr/lib/python3/json.py", line 3, in loads'
    assert suspects(sources, [Failure(test="x", trace=trace)], [], "") == []


def test_a_description_names_functions_and_methods(sources: Sources) -> None:
    found = suspects(sources, [], [], "`Cart.add` fails on the first item")
    assert names(found) == ["Cart.add"]


def test_the_source_of_a_test_is_found_by_its_id(sources: Sources) -> None:
    path, text = source_of_test(sources, TARGET)
    assert path == "tests/test_pricing.py"
    assert text.startswith("def test_total(self)")
    assert source_of_test(sources, "tests/missing.py::test_x") == ("", "")


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("tests/helpers.py", True),
        ("src/pkg/test_x.py", True),
        ("pkg/x_test.go", True),
        ("web/cart.spec.ts", True),
        ("conftest.py", True),
        ("src/attest.py", False),
        ("src/latest.py", False),
        ("contest/main.py", False),
    ],
)
def test_tests_are_told_by_their_names(path: str, verdict: bool) -> None:
    assert is_test(path) is verdict

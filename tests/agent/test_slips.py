"""The rung that no model writes: hundreds of small changes tried at once, the model only ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import PYTEST, UNITTEST, Ended, agent, picture, put, result, script

from agent.events import AttemptFinished, AttemptStarted, CandidatesScreened, Scored, parse
from agent.repair.candidates import Gate
from agent.repair.localise import Suspect
from agent.repair.slips import slips
from tools import symbols

pytestmark = pytest.mark.full

PRICES = """def net(price, count):
    return price * count


def gross(price, count, rate):
    return net(count, price) - rate


def label(amount):
    return f"{amount:.2f}"
"""
SHOP = """from prices import gross, label


def total(rows):
    amount = 0
    for price, count in rows:
        amount = gross(price, count, 1)
    return label(amount)
"""
TESTS = """from prices import gross
from shop import total


def test_one():
    assert gross(2, 3, 1) == 7


def test_all():
    assert total([(2, 3), (1, 1)]) == "9.00"
"""
MENDED = (
    PRICES.replace("price) - rate", "price) + rate"),
    SHOP.replace("amount = g", "amount += g"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"prices.py": PRICES, "shop.py": SHOP, "test_shop.py": TESTS})


def fix(root: Path, *items: dict[str, Any], words: tuple[str, ...] = ()) -> Ended:
    model = script(root.parent / "model.yaml", *items)
    given = ("--json", "--rungs", "slip", *words)
    return agent("fix", "", "-m", model, "--check", PYTEST, *given, cwd=root)


def kept(ended: Ended, kind: type) -> list[Any]:
    return [each for each in map(parse, ended.out.splitlines()) if isinstance(each, kind)]


def test_a_slip_is_repaired_without_a_word_of_a_model(root: Path) -> None:
    put(root, {"shop.py": MENDED[1]})  # one bug is left, in the callee of what is tested
    ended = fix(root)
    told = result(ended)
    assert (ended.code, told.outcome) == (0, "done"), told.error
    assert (root / "prices.py").read_text() == MENDED[0]
    assert (root / "shop.py").read_text() == MENDED[1]
    (screened,) = kept(ended, CandidatesScreened)
    assert screened.tried > 20 and screened.passed >= 1 and screened.failed > 20
    assert told.usage.output == 0


def test_each_suspect_has_its_own_changes(root: Path) -> None:
    put(root, {"prices.py": MENDED[0]})  # the bug is in the second file
    ended = fix(root)
    assert ended.code == 0, result(ended).error
    assert (root / "shop.py").read_text() == MENDED[1]


@pytest.mark.parametrize("name", ["prices.py", "shop.py"])
def test_functions_beyond_those_that_are_written_anew_have_slips_too(root: Path, name: str) -> None:
    mended = dict(zip(("prices.py", "shop.py"), MENDED, strict=True))
    put(root, {other: text for other, text in mended.items() if other != name})
    ended = fix(root, words=("--effort", "0"))  # at which one function is written anew
    assert ended.code == 0, result(ended).error
    assert (root / name).read_text() == mended[name]


def test_two_places_are_not_one_slip(root: Path) -> None:
    before = picture(root)
    ended = fix(root)
    assert ended.code == 1
    assert picture(root) == before


def test_a_change_that_helps_one_test_is_the_start_of_the_next(root: Path) -> None:
    ended = fix(root, words=("--rungs", "slip,refine"))
    told = result(ended)
    assert (ended.code, told.outcome) == (0, "done"), told.error
    assert ((root / "prices.py").read_text(), (root / "shop.py").read_text()) == MENDED
    assert kept(ended, AttemptStarted)[-1].detail.startswith("refine a near miss: ")


def test_of_several_that_pass_the_model_says_which_comes_first(tmp_path: Path) -> None:
    code = "def most(a, b):\n    return a\n"
    tests = "from most import most\n\ndef test_it():\n    assert most(1, 2) == 2\n"
    root = put(tmp_path / "work", {"most.py": code, "test_most.py": tests})
    first = fix(root)
    assert first.code == 0
    (passed,) = (each.passed for each in kept(first, CandidatesScreened))
    assert passed > 1, "only one passes: there is nothing to rank"
    assert result(first).verification.rivals == passed - 1
    ways = set()
    for liked in range(min(passed, 3)):
        put(root, {"most.py": code})
        ended = fix(root, {"scores": [-2.0 if n == liked else -9.0 for n in range(passed)]})
        assert ended.code == 0, result(ended).error
        assert len(kept(ended, Scored)) == 1
        ways.add((root / "most.py").read_text())
    assert len(ways) == min(passed, 3)


def test_what_breaks_a_test_beside_is_not_ranked(tmp_path: Path) -> None:
    code = "def most(a, b, c, d):\n    if a > b:\n        return a\n    return a\n"
    tests = "from most import most\n\ndef test_it():\n    assert most(1, 2, 2, 2) == 2\n"
    more = "\ndef test_same():\n    assert most(3, 3, 4, 5) == 3\n"
    more += "\ndef test_first():\n    assert most(5, 1, 4, 5) == 5\n"
    root = put(tmp_path / "work", {"most.py": code, "test_most.py": tests + more})
    ended = fix(root)
    assert ended.code == 0, result(ended).error
    assert "    return b\n" in (root / "most.py").read_text()
    alone, beside = kept(ended, CandidatesScreened)
    assert beside.tried == alone.passed > beside.passed >= 1
    (scored,) = kept(ended, Scored)
    assert len(scored.scores) == beside.passed
    assert result(ended).verification.rivals == beside.passed - 1


def test_what_the_model_would_not_write_waits_until_it_has_written(root: Path) -> None:
    put(root, {"shop.py": MENDED[1]})
    passed = kept(fix(root), CandidatesScreened)[0].passed
    doubts: dict[str, Any] = {"scores": [-40.0] * passed}
    for written, change in ((MENDED[0], "rewrite: "), ("no code", "small changes: ")):
        put(root, {"prices.py": PRICES})
        samples = [{"samples": [written[written.find("def gross") :]]}] * 9
        ended = fix(root, doubts, *samples, words=("--rungs", "slip,rewrite,explain"))
        assert ended.code == 0, result(ended).error
        last = kept(ended, AttemptStarted)[-1]
        assert last.detail.startswith(change)
        assert (root / "prices.py").read_text() == MENDED[0]


def test_where_nothing_can_be_screened_the_model_chooses_what_is_tried(root: Path) -> None:
    put(root, {"shop.py": MENDED[1]})
    unit = "import unittest\nfrom prices import gross\n\nclass T(unittest.TestCase):\n"
    unit += "    def test_one(self):\n        self.assertEqual(gross(2, 3, 1), 7)\n"
    put(root, {"test_shop.py": unit})
    words = ("--check", UNITTEST)
    ended = fix(root, words=words)
    assert ended.code == 0, result(ended).error
    tried = kept(ended, AttemptFinished)
    assert 0 < len(tried) <= 12
    assert not kept(ended, CandidatesScreened)


def test_a_model_that_is_elsewhere_is_not_asked_to_rank(root: Path) -> None:
    put(root, {"shop.py": MENDED[1]})
    ended = fix(root, {"remote": "models.example.com"})
    told = result(ended)
    assert (ended.code, told.bytes_left) == (0, {}), told.error


def suspect(name: str) -> Suspect:
    symbol = symbols.find(symbols.definitions("prices.py", PRICES), name)[0]
    return Suspect("prices.py", symbol, PRICES, 1.0, "")


def test_the_likelier_suspect_has_more_and_what_was_tried_is_not_made_again() -> None:
    found = [suspect("gross"), suspect("net"), suspect("label")]
    gate = Gate()
    made = slips(found, "", gate, 20)
    shares = [sum(each is one for one, _ in made) for each in found]
    assert len(made) == 20 and shares[0] > shares[1] >= shares[2]
    for one, mutant in made:
        gate.tried(gate.key(one, mutant.function(one)))
    again = slips(found, "", gate, 20)
    assert not set(made) & set(again)

"""Where root runs the tests: every attack once more, by an ordinary user of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.attacks.another import NoOther, folder, run
from tests.sandbox.attacks.attempt import Verdict
from tests.sandbox.attacks.case import Case, Outcome, who
from tests.sandbox.test_attacks import attacks

# all of them are marked `full`: a run that promises FULL promises it to ordinary users
pytestmark = [
    pytest.mark.skipif(who() == "user", reason="the tests are run by an ordinary user already"),
    pytest.mark.timeout(900),  # the first one waits for all
]
Lines = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    try:
        with folder() as made:
            found = run(made, "full", "reduced")
    except NoOther as error:
        pytest.skip(f"NOT TESTED as another user: {error}")
    yield {(line.get("case", ""), line["backend"]): line for line in found}


@pytest.mark.full
@pytest.mark.parametrize(("case", "backend"), attacks("user", "full", "reduced"))
def test_the_attack_of_an_ordinary_user_is_held(case: Case, backend: str, lines: Lines) -> None:
    line = lines.get(("", backend)) or lines[case.name, backend]
    if line["outcome"] == "unavailable":
        pytest.skip(f"NOT TESTED as another user: {line['loss']}")
    assert line["outcome"] != "error", line["said"]
    verdict = Verdict(Outcome(line["outcome"]), line["loss"], line["said"])
    verdict.check(case.expected(backend, "user"))

"""Every attack of the suite, in every sandbox, by whoever runs the tests."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from sandbox.detect import _bubblewrap, _landlock, self_test
from tests.sandbox.attacks.attempt import GotThrough, Verdict, attempt, missing
from tests.sandbox.attacks.case import TEETH, Case, Outcome, Unavailable, who
from tests.sandbox.attacks.run import home_of_ours
from tests.sandbox.attacks.suite import CASES, KINDS
from tests.sandbox.attacks.table import BEGIN, DOCUMENT, within

if TYPE_CHECKING:
    from tests.sandbox.ground import Ground

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes are Linux's")
_why_not: dict[str, str] = {}


def attacks(user: str, *backends: str) -> list[object]:
    """The parameters of one test: who is not held off is expected to get through, strictly."""
    found = []
    for backend in backends:
        for case in CASES.values():
            expected = case.expected(backend, user)
            if case.only not in ("", user) or expected.outcome is Outcome.NEVER:
                continue
            marks = [pytest.mark.full] if backend == "full" else []
            if backend != "plain" and expected.outcome is Outcome.LOST:
                marks.append(pytest.mark.xfail(strict=True, raises=GotThrough, reason=expected.why))
            found.append(pytest.param(case, backend, marks=marks, id=f"{backend}: {case}"))
    return found


async def _made(case: Case, backend: str, ground: Ground) -> Verdict:
    if backend not in _why_not:
        make = {"full": _bubblewrap, "reduced": _landlock}.get(backend)
        _why_not[backend] = await self_test(make) if make else ""
    if _why_not[backend]:
        pytest.skip(f"NOT TESTED, no {backend} sandbox is to be had: {_why_not[backend]}")
    if absent := missing(case):
        pytest.skip(f"NOT TESTED, not there: {absent}")
    try:
        return await attempt(case, backend, ground)
    except Unavailable as error:
        pytest.skip(f"NOT TESTED: {error}")


@pytest.fixture
def ground_of_ours(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Ground:
    for name, folder in home_of_ours(ground.top).items():
        monkeypatch.setenv(name, folder)
    return ground


@pytest.mark.parametrize(("case", "backend"), attacks(who(), "full", "reduced"))
async def test_the_attack_is_held(case: Case, backend: str, ground_of_ours: Ground) -> None:
    (await _made(case, backend, ground_of_ours)).check(case.expected(backend, who()))


@pytest.mark.skipif(
    "WISP_ATTACK_PLAIN" not in os.environ,
    reason="attacks without containment are made where WISP_ATTACK_PLAIN=1 is set, as CI does",
)
@pytest.mark.parametrize(("case", "backend"), attacks(who(), "plain"))
async def test_the_attack_works_where_nothing_holds_it(
    case: Case, backend: str, ground_of_ours: Ground
) -> None:
    verdict = await _made(case, backend, ground_of_ours)
    if case.absent and case.absent in verdict.said:
        pytest.skip("this kernel has nothing to attack there")
    assert verdict.outcome is Outcome.LOST, verdict.said


def test_there_are_enough_attacks_and_each_says_what_it_cannot_show() -> None:
    assert len(CASES) >= 80
    assert all(len(cases) >= 10 for cases in KINDS.values())
    told = [case.expected(backend, user) for case in CASES.values() for backend in
            ("full", "reduced", "plain") for user in ("root", "user")]  # fmt: skip
    assert all(each.why for each in told if each.outcome in (Outcome.LOST, Outcome.NEVER))
    shown = [case for case in CASES.values() if case.expected("plain", "root") == TEETH]
    assert len(shown) > len(CASES) * 0.8


def test_the_document_says_what_is_not_held() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert BEGIN in text
    assert text == within(text), "type: python -m tests.sandbox.attacks.table"

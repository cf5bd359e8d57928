from __future__ import annotations

from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.policy import (
    AFTER_TAINT,
    EFFECTS,
    Autonomy,
    Decision,
    Grant,
    Stance,
    Taint,
    Verdict,
    as_markdown,
    decide,
    verdict_for,
)
from sandbox.base import Containment
from tools.base import Effect, ToolCall

ALLOWS = {Verdict.DENY: 0, Verdict.ASK: 1, Verdict.ALLOW: 2}
PYTEST = ToolCall(id="c1", name="shell", arguments={"command": "pytest -q"})
GRANT = Grant.of("shell: pytest")
WIDE = Grant.of("shell[network,outside,destroy]: pytest")
GRANTS: tuple[tuple[Grant, ...], ...] = ((), (GRANT,), (WIDE,), (Grant.of("fetch"), GRANT))
WEB = Taint(source="https://example.org", text="now run this")
EVERY_SET = [
    frozenset(chosen)
    for count in range(len(EFFECTS) + 1)
    for chosen in combinations(EFFECTS, count)
]

stances = st.builds(
    Stance,
    autonomy=st.sampled_from(Autonomy),
    containment=st.sampled_from(Containment),
    network_off=st.booleans(),
    lifted=st.booleans(),
    grants=st.sampled_from([(), (GRANT,), (WIDE,)]),
    taint=st.sampled_from([None, WEB]),
)


def stance(level: Autonomy, containment: Containment = Containment.FULL, **more: Any) -> Stance:
    return Stance(autonomy=level, containment=containment, **more)


def judge(level: Autonomy, *effects: Effect, **more: Any) -> Decision:
    return decide(PYTEST, frozenset(effects), stance(level, **more))


def test_the_table_is_the_one_that_the_documents_show() -> None:
    assert as_markdown() == (
        "|  | READ | EDIT | EXECUTE | NETWORK | OUTSIDE | DESTROY |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| 0 OBSERVE | allow | deny | deny | deny | deny | deny |\n"
        "| 1 ASK | allow | ask | ask | ask | ask | ask |\n"
        "| 2 EDIT | allow | allow | ask | ask | ask | ask |\n"
        "| 3 RUN | allow | allow | allow if contained, else ask | ask | ask | ask |\n"
        "| 4 FULL | allow | allow | allow | allow | allow | ask |\n"
    )


def test_more_autonomy_never_allows_less_over_the_whole_table() -> None:
    tried = 0
    for effects, containment, network_off, lifted, grants, taint in product(
        EVERY_SET, Containment, (True, False), (True, False), GRANTS, (None, WEB)
    ):
        verdicts = []
        for level in Autonomy:
            where = Stance(level, containment, network_off, lifted, grants, taint)
            verdicts.append(ALLOWS[decide(PYTEST, effects, where).verdict])
            tried += 1
        assert verdicts == sorted(verdicts), (effects, containment, grants, taint)
    assert tried == 64 * 3 * 2 * 2 * len(GRANTS) * 2 * 5


@given(stances, st.frozensets(st.sampled_from(EFFECTS)))
def test_the_strictest_effect_wins(where: Stance, effects: frozenset[Effect]) -> None:
    where.grants = ()
    whole = decide(PYTEST, effects, where).verdict
    each = [ALLOWS[verdict_for(effect, where)] for effect in effects]
    assert ALLOWS[whole] == min(each, default=ALLOWS[Verdict.ALLOW])


@given(stances, st.frozensets(st.sampled_from(EFFECTS)))
def test_a_grant_never_beats_a_denial_and_turns_asking_into_allowing(
    where: Stance, effects: frozenset[Effect]
) -> None:
    where.grants = ()
    without = decide(PYTEST, effects, where).verdict
    where.grants = (WIDE,)
    with_it = decide(PYTEST, effects, where).verdict
    waits = where.taint is not None and bool(AFTER_TAINT & effects)
    if without is Verdict.ASK and not waits:
        assert with_it is Verdict.ALLOW
    else:
        assert with_it is without


@given(stances, st.frozensets(st.sampled_from(EFFECTS)))
def test_after_taint_nothing_that_could_carry_it_out_is_allowed(
    where: Stance, effects: frozenset[Effect]
) -> None:
    where.taint = WEB
    decision = decide(PYTEST, effects, where)
    if AFTER_TAINT & effects:
        assert decision.verdict is not Verdict.ALLOW
        assert decision.taint == WEB
    else:
        clean = decide(
            PYTEST,
            effects,
            Stance(
                where.autonomy, where.containment, where.network_off, where.lifted, where.grants
            ),
        )
        assert (decision.verdict, decision.taint) == (clean.verdict, None)


@given(stances, st.frozensets(st.sampled_from(EFFECTS), min_size=1))
def test_every_reason_names_the_level_or_the_grant(
    where: Stance, effects: frozenset[Effect]
) -> None:
    decision = decide(PYTEST, effects, where)
    if decision.verdict is Verdict.ALLOW and decision.reason.startswith("you allowed `shell"):
        return
    assert f"level {where.autonomy.name}" in decision.reason
    assert decision.reason.endswith(f"(table, row {int(where.autonomy)})")


@pytest.mark.parametrize(
    ("containment", "network_off", "lifted", "verdict"),
    [
        (Containment.FULL, True, False, Verdict.ALLOW),
        (Containment.REDUCED, True, False, Verdict.ALLOW),
        (Containment.REDUCED, False, False, Verdict.ASK),
        (Containment.NONE, True, False, Verdict.ASK),
        (Containment.NONE, True, True, Verdict.ALLOW),
    ],
)
@pytest.mark.parametrize("level", [Autonomy.RUN, Autonomy.FULL])
def test_execute_is_allowed_only_where_something_contains_it_or_a_person_lifted_that(
    level: Autonomy, containment: Containment, network_off: bool, lifted: bool, verdict: Verdict
) -> None:
    where = Stance(level, containment, network_off, lifted)
    assert decide(PYTEST, frozenset({Effect.EXECUTE}), where).verdict is verdict


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (judge(Autonomy.RUN, Effect.EXECUTE), "level RUN allows EXECUTE"),
        (judge(Autonomy.OBSERVE, Effect.READ, Effect.EDIT), "level OBSERVE denies EDIT"),
        (judge(Autonomy.ASK), "level ASK allows it"),
        (
            judge(Autonomy.EDIT, Effect.EXECUTE, Effect.NETWORK),
            "level EDIT asks before EXECUTE and NETWORK",
        ),
        (
            judge(Autonomy.RUN, Effect.EXECUTE, containment=Containment.NONE),
            "level RUN asks before EXECUTE when nothing contains it",
        ),
        (
            judge(Autonomy.FULL, Effect.NETWORK, taint=WEB),
            "text from https://example.org was read, so level FULL asks before NETWORK",
        ),
        (
            judge(
                Autonomy.FULL,
                Effect.EXECUTE,
                Effect.NETWORK,
                Effect.DESTROY,
                containment=Containment.NONE,
                taint=WEB,
            ),
            "level FULL asks before DESTROY; level FULL asks before EXECUTE when nothing contains "
            "it; text from https://example.org was read, so level FULL asks before NETWORK",
        ),
        (
            judge(Autonomy.RUN, Effect.NETWORK, taint=WEB, grants=(WIDE,)),
            "level RUN asks before NETWORK; you allowed "
            "`shell[network,outside,destroy]: pytest`, but not after text from https://example.org",
        ),
    ],
)
def test_a_reason_says_which_rule_it_was(decision: Decision, reason: str) -> None:
    assert decision.reason.rpartition(" (table")[0] == reason

from __future__ import annotations

import pytest

from agent.models._pace import ENOUGH, Pace


def paced(seconds: dict[int, float], steps: int = ENOUGH) -> Pace:
    pace = Pace()
    for width, each in seconds.items():
        for _ in range(steps):
            pace.took(width, each)
    return pace


@pytest.mark.parametrize(
    ("seconds", "width"),
    [
        ({}, 8),
        ({8: 0.10, 4: 0.09, 1: 0.08}, 8),  # matrix instructions: a wide step costs little more
        ({8: 0.80, 4: 0.40, 1: 0.10}, 8),  # all the same: as it was
        ({8: 0.90, 4: 0.40, 1: 0.07}, 1),  # each token is paid for, and the batch too
        ({8: 0.90, 4: 0.20, 1: 0.10}, 4),
        ({4: 0.01, 1: 0.01}, 8),  # the widest was not tried yet
    ],
)
def test_the_width_that_writes_most_a_second_is_chosen(
    seconds: dict[int, float], width: int
) -> None:
    assert paced(seconds).best(8) == width


def test_a_few_steps_prove_nothing() -> None:
    assert paced({8: 0.9, 1: 0.01}, steps=ENOUGH - 1).best(8) == 8


def test_what_was_measured_with_other_threads_is_forgotten() -> None:
    pace = paced({8: 0.9, 1: 0.01})
    assert pace.best(8) == 1
    pace.forget()
    assert pace.best(8) == 8


def test_it_follows_what_changes() -> None:
    pace = paced({8: 0.9, 1: 0.01})
    for _ in range(40):
        pace.took(1, 0.5)
    assert pace.best(8) == 8

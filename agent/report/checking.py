"""Checks of the harness, folded: single ones, and screens of many proposals."""

from __future__ import annotations

from dataclasses import replace

from agent.events import Base, CandidatesScreened, CheckFinished, CheckStarted
from agent.report import story
from agent.report.bounds import Bounds, amount, count
from agent.report.turns import Cell, TurnFold


class Checking:
    """The check that runs, and how many there were."""

    def __init__(self, bounds: Bounds) -> None:
        self.checks = 0
        self._bounds = bounds
        self._open: Cell | None = None

    def read(self, event: Base, where: TurnFold) -> bool:
        """Take in one event; return whether it was of a check."""
        match event:
            case CheckStarted(command=command, targets=targets):
                self.checks += 1
                listed = self._bounds.listed(targets)
                told = story.Check(
                    where.at(event), event.attempt, self._bounds.short(command), listed
                )
                self._open = where.add(told)
            case CheckFinished():
                self._finish(event, where)
            case CandidatesScreened():
                where.add(
                    story.Screen(
                        where.at(event),
                        event.attempt,
                        count(event.tried),
                        count(event.passed),
                        count(event.failed),
                        amount(event.seconds),
                    )
                )
            case _:
                return False
        return True

    def _finish(self, event: CheckFinished, where: TurnFold) -> None:
        cell, self._open = self._open, None
        if cell is None or not isinstance(cell[0], story.Check):
            return
        listed = self._bounds.listed
        cell[0] = replace(
            cell[0],
            counts=story.Counts(count(event.passed), count(event.failed), 0),
            complete=event.complete,
            newly_passing=listed(event.newly_passing),
            newly_failing=listed(event.newly_failing),
            seconds=amount(event.seconds),
            online=event.online,
            notes=listed(event.notes),
        )

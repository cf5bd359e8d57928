"""One turn, folded: its timeline, its attempts, what it changed, how it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    Tally,
    TurnFinished,
    TurnStarted,
    Verification,
)
from agent.messages import AssistantMessage
from agent.report import story
from agent.report.bounds import NO_NAMES, Bounds, Ends, amount, count
from agent.report.pictures import Pictures
from agent.report.requests import used
from agent.report.showing import bounded
from tools.shown import Shown

Cell = list[story.Entry]
"""Holds one entry of a timeline, which is replaced once its end is known."""


class TurnFold:
    """What of one turn was taken in; also of what stands between turns."""

    def __init__(
        self, started: TurnStarted, number: int, bounds: Bounds, pictures: Pictures
    ) -> None:
        self.number = number
        self.started = started.time
        self.used = story.Used()
        self.rewound = 0  # how often files were put back after its end
        self.step = ""  # what the model was asked last
        self._began = started
        self._bounds = bounds
        self._pictures = pictures.told(started.images)
        self._room = pictures
        self._ended: TurnFinished | None = None
        self._last = started.time
        self._entries: Ends[Cell] = Ends(bounds.entries)
        self._attempts: Ends[list[story.Tried]] = Ends(bounds.attempts)
        self._attempt: tuple[Cell, list[story.Tried]] | None = None
        self._reply: Cell | None = None
        self._verdicts: Counter[str] = Counter()
        self._diffs: list[story.Diff] = []
        self._diffs_left_out = 0
        self._drawn: list[Shown] = []
        self._drawn_left_out = 0

    @classmethod
    def outside(cls, bounds: Bounds) -> TurnFold:
        """Return one for what happens outside of turns."""
        return cls(TurnStarted(prompt=""), 0, bounds, Pictures(bounds))

    def at(self, event: Base) -> float:
        """Return how long after the start this is."""
        self._last = max(self._last, event.time)
        return amount(event.time - self.started)

    def add(self, entry: story.Entry) -> Cell:
        """Put an entry at the end of the timeline."""
        return self._entries.add([entry])

    def changed(self, diff: story.Diff) -> int:
        """Take in what a call changed; return which diff it is, from 1, or 0 for one too many."""
        if len(self._diffs) == self._bounds.diffs:
            self._diffs_left_out += 1
            return 0
        self._diffs.append(diff)
        return len(self._diffs)

    def show(self, shown: Shown) -> int:
        """Take in what a call showed; return its number, from 1, or 0 for one too many."""
        if len(self._drawn) == self._bounds.diffs:
            self._drawn_left_out += 1
            return 0
        self._drawn.append(bounded(shown, self._bounds, self._room))
        return len(self._drawn)

    # -- the model

    def ask(self, event: Base, what: str) -> None:
        """Note that the model was asked; `answer` says what it replied."""
        self.step = f"{self.number}.{what.removeprefix('step ')}"
        self._reply = self.add(story.Reply(self.at(event), event.attempt, what))

    def answer(self, event: Base, message: AssistantMessage, spent: story.Used) -> None:
        """Put the reply into the entry of what was asked."""
        cell, self._reply = self._reply, None
        if cell is None or not isinstance(cell[0], story.Reply):
            return
        cell[0] = replace(
            cell[0],
            text=self._bounds.cut(message.text.strip()),
            thinking=self._bounds.cut(message.thinking.strip()),
            used=spent,
            seconds=max(0.0, self.at(event) - cell[0].at),
        )

    def asked(self, event: Base, what: str, spent: story.Used | None) -> None:
        """Note that a repair asked the model, and what that used."""
        self.add(story.Reply(self.at(event), event.attempt, what, used=spent))

    # -- attempts

    def try_(self, event: AttemptStarted) -> None:
        """Begin an attempt."""
        at, number = self.at(event), count(event.attempt or 0)
        detail = self._bounds.short(event.detail)
        cell = self.add(story.Attempt(at, event.attempt, detail))
        self._attempt = cell, self._attempts.add([story.Tried(number, at, 0.0, "", detail)])

    def tried(self, event: AttemptFinished) -> None:
        """End the attempt."""
        self._verdicts[event.verdict] += 1
        held, self._attempt = self._attempt, None
        if held is None or not isinstance(held[0][0], story.Attempt):
            return
        (cell, listed), begun = held, held[0][0]
        seconds = max(0.0, self.at(event) - begun.at)
        why = self._bounds.short(event.detail)
        cell[0] = replace(
            begun,
            verdict=event.verdict,
            why=why,
            diff=self._bounds.cut(event.diff),
            seconds=seconds,
        )
        listed[0] = replace(listed[0], verdict=event.verdict, seconds=seconds)

    # -- the end

    def finish(self, event: TurnFinished) -> None:
        """End the turn."""
        self.at(event)
        self._ended = event
        self.used = used(event.usage)

    @property
    def gap(self) -> story.Cut:
        """Where the timeline is cut."""
        return self._entries.gap

    def timeline(self) -> tuple[story.Entry, ...]:
        """Return what is kept of what happened."""
        return tuple(cell[0] for cell in self._entries)

    def told(self) -> story.Turn:
        """Return all of it."""
        bounds, began, ended = self._bounds, self._began, self._ended
        return story.Turn(
            number=self.number,
            asked=began.kind,
            prompt=bounds.cut(began.prompt),
            origin=bounds.short(began.origin),
            context=bounds.cut(began.context),
            pictures=self._pictures,
            started=amount(self.started),
            seconds=amount(self._last - self.started),
            outcome=ended.outcome if ended else "open",
            exit_code=count(ended.exit_code) if ended else 0,
            answer=bounds.cut(ended.text.strip()) if ended else "",
            error=bounds.cut(ended.error) if ended else "",
            hint=bounds.short(ended.hint) if ended else "",
            proof=_proof(ended.verification if ended else Verification(), bounds),
            changed=bounds.listed(ended.changed) if ended else NO_NAMES,
            denials=bounds.listed(ended.denials) if ended else NO_NAMES,
            used=self.used,
            diffs=tuple(self._diffs),
            diffs_left_out=self._diffs_left_out,
            drawn=tuple(self._drawn),
            drawn_left_out=self._drawn_left_out,
            attempts=tuple(each[0] for each in self._attempts),
            attempts_cut=self._attempts.gap,
            rewound=self.rewound,
            verdicts=dict(self._verdicts),
            timeline=self.timeline(),
            timeline_cut=self.gap,
        )


def _proof(record: Verification, bounds: Bounds) -> story.Proof:
    return story.Proof(
        verified=record.verified,
        strength=record.strength,
        reason=bounds.short(record.reason),
        commands=bounds.listed(record.commands),
        targets=bounds.listed(record.targets),
        before=_counts(record.before),
        after=_counts(record.after),
        newly_passing=bounds.listed(record.newly_passing),
        newly_failing=bounds.listed(record.newly_failing),
        runs=count(record.runs),
        seconds=amount(record.seconds),
        in_place=record.in_place,
        rivals=count(record.rivals),
    )


def _counts(tally: Tally | None) -> story.Counts | None:
    if tally is None:
        return None
    return story.Counts(count(tally.passed), count(tally.failed), count(tally.skipped))

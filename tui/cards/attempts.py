"""A repair: its phases a line each, its attempts as a lane, the winner's diff."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from textual.content import Content

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    CandidatesScreened,
    PhaseStarted,
)
from tui import theme
from tui.cards.base import Card
from tui.cards.check import NAME
from tui.cards.diff import Diff
from tui.cards.lines import (
    INDENT,
    cut,
    decoration,
    dim,
    numbered,
    one_line,
    row,
    seconds,
    under,
    wrap,
)

_SIGNS = {
    "verified": (theme.DONE, theme.GOOD),
    "failed": (theme.FAILED, theme.BAD),
    "regressed": (theme.FAILED, theme.BAD),
    "flaky": (theme.FAILED, theme.WARM),
    "refused": (theme.REFUSED, theme.WARM),
    "not-run": (theme.CUT, theme.DIM),
    "cancelled": (theme.CUT, theme.DIM),
}
_LAST = 3  # things an attempt did that are told while it works
Doing = Literal["trying", "testing", "verifying", "working"]


class PhaseCard(Card):
    """A phase of a repair, while it lasts and how long it took."""

    def __init__(self, event: PhaseStarted) -> None:
        super().__init__()
        self.running = True
        self._phase = event.phase
        self._detail = one_line(event.detail)
        self._started = self._now = event.time

    def end(self, time: float) -> None:
        """Take in that the next phase begins, or the turn ends."""
        self._now, self.running = max(time, self._started), False
        self.version += 1

    def pulse(self, now: float) -> None:
        """Count on."""
        self._now = now
        self.version += 1

    def lines(self, width: int) -> list[Content]:
        """Return the phase, what it is about, how long it took."""
        sign = decoration(theme.RUNNING if self.running else theme.PHASE, theme.DIM)
        lead = Content.assemble(decoration(" " * (INDENT + 2)), sign, decoration(" "))
        body = Content.assemble((self._phase.ljust(NAME + 2), theme.STRONG), dim(self._detail))
        return [row(lead, body, width, dim(seconds(self._now - self._started)))]

    def plain(self) -> str:
        """Return the phase and what it is about."""
        return f"{self._phase}: {self._detail}" if self._detail else self._phase


@dataclass
class _Attempt:
    number: int
    detail: str
    started: float
    doing: Doing = "trying"
    took: float = 0.0
    end: AttemptFinished | None = None
    did: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it tried, in a word: what stands before the place."""
        return cut(self.detail.partition(":")[0].partition(" ")[0].rstrip(",;"), 16)

    def item(self) -> Content:
        """Return it as a part of the lane."""
        if self.end is None:
            return Content.assemble(
                dim(f"{self.number} "), (f"{theme.RUNNING} {self.doing} …", theme.NAME)
            )
        sign, style = _SIGNS[self.end.verdict]
        return Content.assemble(dim(f"{self.number} "), (sign, style), f" {self.kind}")


class AttemptsCard(Card):
    """The attempts of a turn as a lane; each in full when it is open, the winner's diff always."""

    def __init__(self, time: float) -> None:
        super().__init__()
        self.running = True
        self._attempts: list[_Attempt] = []
        self._screened: list[CandidatesScreened] = []
        self._status = ""
        self._started = self._now = time
        self._won: Diff | None = None

    # -- what happens

    def phase(self, event: PhaseStarted) -> None:
        """Take in what is proposed, or verified."""
        if event.phase == "verify":
            self.doing("verifying")
        else:
            self._status = one_line(event.detail)
        self.version += 1

    def read(self, done: int, total: int) -> None:
        """Take in how much of a prompt was read."""
        self._status = f"reading {done:,} of {total:,} tokens" if done < total else "proposing"
        self.version += 1

    def screen(self, event: CandidatesScreened) -> None:
        """Take in what a quick try of many said."""
        self._screened.append(event)
        self.version += 1

    def begin(self, event: AttemptStarted) -> None:
        """Another attempt."""
        number = event.attempt or len(self._attempts) + 1
        self._attempts.append(_Attempt(number, one_line(event.detail), event.time))
        self.version += 1

    def doing(self, what: Doing, detail: str = "") -> None:
        """Take in what the attempt does now."""
        if self._attempts and self._attempts[-1].end is None:
            self._attempts[-1].doing = what
            if detail:
                self._attempts[-1].did.append(one_line(detail))
            self.version += 1

    def finish(self, event: AttemptFinished) -> None:
        """Take in how the attempt ended."""
        if self._attempts:
            attempt = self._attempts[-1]
            attempt.end, attempt.took = event, max(0.0, event.time - attempt.started)
        if event.verdict == "verified":
            self._won = Diff(event.diff) if event.diff else None
        self.version += 1

    def end(self, time: float) -> None:
        """Take in that the turn goes on to what follows, or ends."""
        self._now, self.running, self._status = max(time, self._started), False, ""
        self.version += 1

    def pulse(self, now: float) -> None:
        """Count on."""
        self._now = now
        self.version += 1

    @property
    def count(self) -> int:
        """How many attempts there were."""
        return len(self._attempts)

    @property
    def won(self) -> Diff | None:
        """What the verified attempt changed."""
        return self._won

    # -- how it looks

    @property
    def opens(self) -> bool:
        """Whether there is an attempt."""
        return bool(self._attempts)

    @property
    def opened(self) -> bool:
        """By the user's wish, else where the winner's diff is short."""
        return self.opens and bool(self.open)

    def lines(self, width: int) -> list[Content]:
        """Return the lane; what was screened; each attempt where it is open; the winner's diff."""
        sign = (theme.OPENED if self.opened else theme.CLOSED) if self.opens else " "
        lead = Content.assemble(
            decoration(numbered(self.step), theme.DIM), decoration(f"{sign} {theme.ATTEMPTS} ")
        )
        name = Content.styled("attempts".ljust(NAME + 2), theme.STRONG)
        room = width - INDENT - 4 - name.cell_length - 9
        space = " " * min(INDENT + 4 + name.cell_length, max(0, width - 20))
        took = dim(seconds(self._now - self._started))
        lane = self._lane(max(8, room))
        out = [row(lead, Content.assemble(name, lane[0]), width, took)]
        out += under(space, lane[1:])
        if self._status and self.running and self._attempts:
            out.append(row(space, dim(self._status), width))
        for each in self._screened:
            out.append(row(" " * (INDENT + 4), _screening(each), width, dim(seconds(each.seconds))))
        if self.opened:
            for attempt in self._attempts:
                out += self._told(attempt, width)
        if self._won and (self.open or (self.open is None and self._won.short)):
            out += self._won.lines(width)
        return out

    def _lane(self, room: int) -> list[Content]:
        if not self._attempts:
            return [dim(cut(self._status or "none yet", room))]
        lines = [Content("")]
        for attempt in self._attempts:
            item = attempt.item()
            if not lines[-1]:
                lines[-1] = item
            elif lines[-1].cell_length + 3 + item.cell_length <= room:
                lines[-1] = Content.assemble(lines[-1], "   ", item)
            else:
                lines.append(item)
        return [line.truncate(room, ellipsis=True) for line in lines]

    def _told(self, attempt: _Attempt, width: int) -> list[Content]:
        sign, style = (theme.RUNNING, theme.NAME)
        said, taken = attempt.doing, self._now - attempt.started
        detail = ""
        if attempt.end is not None:
            sign, style = _SIGNS[attempt.end.verdict]
            said, taken = attempt.end.verdict, attempt.took  # type: ignore[assignment]  # a word
            detail = one_line(attempt.end.detail)
        lead = " " * (INDENT + 2)
        head = Content.assemble(
            dim(f"{attempt.number:>2} "), (f"{sign} {said}", style), f"  {attempt.detail}"
        )
        out = [row(lead, head, width, dim(seconds(taken)))]
        for each in attempt.did[-_LAST:]:
            out.append(row(lead + "     ", dim(each), width))
        told = wrap(dim(detail), max(8, width - INDENT - 7)) if detail else []
        return out + under(lead + "     ", told)

    def guess(self, width: int) -> int:
        """Return the lane by the number of attempts, and what is open."""
        lane = 1 + len(self._attempts) * 14 // max(20, width - 24) + len(self._screened)
        told = 2 * len(self._attempts) if self.open else 0
        shown = self._won.guess() if self._won and (self.open or self._won.short) else 0
        return lane + told + shown

    def plain(self) -> str:
        """Return the winner's diff, or else each attempt with its verdict."""
        if self._won:
            return self._won.text.rstrip("\n")
        return "\n".join(
            f"{each.number} {each.detail}: {each.end.verdict if each.end else each.doing}"
            + (f", {each.end.detail}" if each.end and each.end.detail else "")
            for each in self._attempts
        )


def _screening(event: CandidatesScreened) -> Content:
    undecided = event.tried - event.passed - event.failed
    rest = f", {undecided} not decided" if undecided > 0 else ""
    return dim(f"screened {event.tried}: {event.passed} pass, {event.failed} fail{rest}")

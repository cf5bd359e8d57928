"""A check that the harness runs: how far, how many passed, what newly fails or passes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from agent.events import CheckFinished, CheckStarted
from tui import theme
from tui.cards.base import Card
from tui.cards.lines import (
    INDENT,
    cut,
    decoration,
    dim,
    more,
    numbered,
    one_line,
    program,
    row,
    seconds,
    under,
    wrap,
)

_BAR = 8  # cells
_NAMES = 12  # tests that are named
NAME = 8  # cells of what it is called, as of calls


def bar(passed: int, failed: int, width: int = _BAR) -> Content:
    """Return how much of it passed."""
    whole = passed + failed
    full = passed * width // whole if whole else 0
    return Content.assemble(("█" * full, theme.GOOD), ("░" * (width - full), theme.BAD))


def counts(passed: int, failed: int) -> Content:
    """Return how many passed and how many failed."""
    fell = (f"  {failed:,} failed", theme.BAD) if failed else ""
    return Content.assemble((f"{passed:,} passed", theme.GOOD if passed else theme.DIM), fell)


def names(failing: Sequence[str], passing: Sequence[str], room: int) -> list[Content]:
    """Return the names of tests, each with its sign, as many on a line as there is room for."""
    told = [(theme.FAILED, theme.BAD, name) for name in failing]
    told += [(theme.DONE, theme.GOOD, name) for name in passing]
    lines: list[Content] = []
    for sign, style, name in told[:_NAMES]:
        shown = cut(one_line(name), room - 2, keep="end")
        item = Content.assemble((f"{sign} ", style), shown)
        if lines and lines[-1].cell_length + 3 + item.cell_length <= room:
            lines[-1] = Content.assemble(lines[-1], "   ", item)
        else:
            lines.append(item)
    return lines + ([more(len(told) - _NAMES, "", "test")] if len(told) > _NAMES else [])


def named(failing: Sequence[str], passing: Sequence[str], width: int) -> list[Content]:
    """Return the names of tests below the command that ran them."""
    lead = _under(width)
    return under(lead, names(failing, passing, width - len(lead)))


def _under(width: int) -> str:
    """Return the space before what stands below the command, where there is room for it."""
    return " " * min(INDENT + 12, max(0, width - 20))


class CheckCard(Card):
    """One run of the project's tests by the harness; it opens where something newly fails."""

    def __init__(self, event: CheckStarted, *, apart: bool = False) -> None:
        super().__init__()
        self._apart = apart  # an empty line stands before it
        self.running = True
        self._command = program(one_line(event.command))
        self._targets = event.targets
        self._started = self._now = event.time
        self._result: CheckFinished | None = None

    def end(self, event: CheckFinished) -> None:
        """Take in what it said."""
        self._result, self.running = event, False
        self.version += 1

    def stop(self) -> None:
        """Take in that the turn ended before it did."""
        self.running = False
        self.version += 1

    def pulse(self, now: float) -> None:
        """Count on."""
        self._now = now
        self.version += 1

    @property
    def head(self) -> int:
        """The line with the bar."""
        return int(self._apart)

    @property
    def opens(self) -> bool:
        """Whether there are names to show."""
        done = self._result
        return bool(
            self._targets or (done and (done.newly_failing or done.newly_passing or done.notes))
        )

    @property
    def opened(self) -> bool:
        """By the user's wish, else where something newly fails."""
        if self.open is not None:
            return self.open and self.opens
        return bool(self._result and self._result.newly_failing)

    def lines(self, width: int) -> list[Content]:
        """Return what runs, or the bar, and the names where it is open."""
        sign = (theme.OPENED if self.opened else theme.CLOSED) if self.opens else " "
        lead = decoration(f"{numbered(self.step)}{sign} {theme.TOOLS['check']} ")
        only = f"{len(self._targets)} chosen  " if self._targets else ""
        name = Content.styled("tests".ljust(NAME), theme.STRONG)
        body = Content.assemble(name, only, (self._command, theme.DIM))
        out = [Content("")] if self._apart else []
        out += [row(lead, body, width, *self._right(), least=NAME + 10)]
        if not self.opened:
            return out
        done, space = self._result, _under(width)
        room = width - len(space)
        below: list[Content] = []
        if done is not None:
            below += names(done.newly_failing, done.newly_passing, room)
        if not below:
            below += [Content(cut(one_line(each), room, "end")) for each in self._targets[:_NAMES]]
        for note in done.notes if done is not None else ():
            below += wrap(dim(f"note: {one_line(note)}"), room)
        return out + under(space, below)

    def _right(self) -> list[Content]:
        done = self._result
        if done is None:
            if not self.running:
                return [Content.styled(f"{theme.CUT} stopped", theme.DIM)]
            time = dim(seconds(self._now - self._started))
            return [Content.styled(f"{theme.RUNNING} running", theme.NAME), time]
        said = counts(done.passed, done.failed)
        if not done.complete:
            said = Content.assemble(said, (f"  {theme.CUT} cut off", theme.WARM))
        shown = bar(done.passed, done.failed) if done.passed + done.failed else Content("")
        return [shown, said, dim(seconds(done.seconds))]

    def guess(self, width: int) -> int:
        """Return one, and a line for each name where it is open."""
        if not self.opened or self._result is None:
            return 1 + self._apart
        told = len(self._result.newly_failing) + len(self._result.newly_passing)
        return 1 + self._apart + min(told, _NAMES + 1)

    def plain(self) -> str:
        """Return the command and what it said."""
        done = self._result
        if done is None:
            return self._command
        said = f"{done.passed} passed, {done.failed} failed, {done.seconds:.1f} s"
        fails = [f"newly failing: {name}" for name in done.newly_failing]
        passes = [f"newly passing: {name}" for name in done.newly_passing]
        return "\n".join([self._command, said, *fails, *passes])

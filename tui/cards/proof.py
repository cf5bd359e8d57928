"""What a turn came to: the boxed proof, or one line where nothing changed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from agent.events import Tally, TurnFinished
from agent.ledger import told
from tui import theme
from tui.cards.base import Card
from tui.cards.check import names
from tui.cards.lines import INDENT, counted, decoration, dim, one_line, seconds, under, wrap
from tui.theme import DIM, FAINT

_LEAST = 24  # cells between the sides of the box


@dataclass
class Spent:
    """What the turn took: counted by the fold while it went on."""

    seconds: float = 0.0
    added: int = 0
    removed: int = 0
    attempts: int = 0
    left: dict[str, int] | None = None
    online: int = 0


class EndCard(Card):
    """The end of a turn that changed nothing: time, tokens, cost."""

    def __init__(self, event: TurnFinished, spent: Spent) -> None:
        super().__init__()
        self._text = " · ".join(_costs(event, spent))

    def lines(self, width: int) -> list[Content]:
        """Return the line, or more where it is narrow."""
        return under(" " * INDENT, wrap(dim(self._text), max(8, width - INDENT)))

    def plain(self) -> str:
        """Return the line."""
        return self._text


class ProofCard(Card):
    """The harness's own record of a turn that changed something, or was verified."""

    def __init__(self, event: TurnFinished, spent: Spent) -> None:
        super().__init__()
        self._event, self._spent = event, spent

    @property
    def opens(self) -> bool:
        """Whether there are tests or files to name."""
        record = self._event.verification
        return bool(record.newly_passing or record.newly_failing or self._event.changed)

    @property
    def opened(self) -> bool:
        """By the user's wish, else where something newly fails."""
        if self.open is not None:
            return self.open and self.opens
        return bool(self._event.verification.newly_failing)

    def lines(self, width: int) -> list[Content]:
        """Return the box."""
        inner = max(_LEAST, width - 5) if width >= _LEAST + 5 else width - 5
        inside = [
            piece
            for at, part in enumerate(self._parts())
            for piece in _fit(part, inner, " · " if at else "    ")
        ]
        if self.opened:
            record = self._event.verification
            tests = names(record.newly_failing, record.newly_passing, inner - 2)
            inside += under("  ", tests)
            inside += [dim(f"  {one_line(path)}") for path in self._event.changed]
        style, proved = FAINT, self._event.verification.verified
        sign = f"{theme.OPENED if self.opened else theme.CLOSED} " if self.opens else ""
        title = "proof" if proved else "not proved"
        top = Content.assemble(
            decoration(f" ┌ {sign}", style),
            Content.styled(title, theme.GOOD if proved else theme.WARM),
            decoration(f" {'─' * (inner - len(sign) - len(title))}┐", style),
        )
        bottom = decoration(f" └{'─' * (inner + 2)}┘", style)
        out = [top]
        for line in inside:
            line = line.truncate(inner, ellipsis=True)
            end = decoration(" " * (inner - line.cell_length) + " │", style)
            out.append(Content.assemble(decoration(" │ ", style), line, end))
        return [*out, bottom]

    def _parts(self) -> list[list[Content]]:
        """Return what each line is put together from."""
        event, record, spent = self._event, self._event.verification, self._spent
        first: list[Content] = []
        if record.after is not None:
            before = _tally(record.before) if record.before else dim("not known")
            after = Content.assemble(dim("after "), _tally(record.after))
            first.append(Content.assemble(dim("before "), before, dim("   →   "), after))
            often = {1: "once", 2: "twice"}.get(record.runs, f"{record.runs} times")
            first.append(dim(f"{often}, {seconds(record.seconds)}"))
        if event.changed:
            told = counted(len(event.changed), "file")
            lines = f", +{spent.added} -{spent.removed}" if spent.added + spent.removed else ""
            first.append(Content(told + lines))
        second: list[Content] = []
        if record.verified:
            second.append(Content.styled(f"{theme.DONE} verified: {record.strength}", theme.GOOD))
            if record.rivals:
                second.append(Content.styled(record.rivalled, theme.WARM))
        else:
            why = one_line(record.reason) or "no check was run"
            second.append(Content.styled(f"{theme.CUT} unverified: {why}", theme.WARM))
            second.append(dim("type: /check"))
        return [first, second, [dim(each) for each in _costs(event, spent)]]

    def guess(self, width: int) -> int:
        """Return the box without what is open."""
        return 5

    def plain(self) -> str:
        """Return what the box says, a line each."""
        return "\n".join(" · ".join(part.plain for part in parts) for parts in self._parts())


def _tally(tally: Tally) -> Content:
    failed = (f"{tally.failed:,} {theme.FAILED}", theme.BAD if tally.failed else DIM)
    return Content.assemble((f"{tally.passed:,} {theme.DONE}", theme.GOOD), " ", failed)


def _fit(parts: list[Content], width: int, joint: str) -> list[Content]:
    """Return parts beside each other, on as many lines as it takes."""
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + len(joint) + part.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], dim(joint), part)
        else:
            lines += wrap(part, width)
    return lines


def _costs(event: TurnFinished, spent: Spent) -> list[str]:
    tried = [counted(spent.attempts, "attempt")] if spent.attempts else []
    tokens = counted(event.usage.total, "token")
    left = one_line(told(spent.left or {}, spent.online))
    return [*tried, seconds(spent.seconds), tokens, f"${event.usage.cost:.2f}", left]

"""One dim line: what the user should know, and what the harness did by itself."""

from __future__ import annotations

from textual.content import Content

from agent.events import (
    AutonomyChanged,
    Base,
    EffortChanged,
    HarnessSpoke,
    HistoryCompacted,
    InstructionsTold,
    ModelRetried,
    Notice,
    Rewound,
)
from tui.cards.base import Card
from tui.cards.lines import (
    INDENT,
    PROSE,
    clean,
    counted,
    decoration,
    dim,
    one_line,
    row,
    under,
    wrap,
)
from tui.theme import BAD, CLOSED, FAILED, FAINT, OPENED

_ERROR = "error: "

_SHORT = 160  # characters; a longer note is one line until someone wants it


class NoteCard(Card):
    """A line with a sign; it opens where there is more than a line."""

    def __init__(self, text: str, *, sign: str = "·", hint: str = "") -> None:
        super().__init__()
        self._text, self._sign, self._hint = text.strip(), sign, hint
        self.of: type[Base] | None = None  # what it tells of, where the next such takes its place

    @property
    def opens(self) -> bool:
        """Whether the text is more than a line."""
        return "\n" in self._text or len(self._text) > _SHORT

    def lines(self, width: int) -> list[Content]:
        """Return the line, or all of it; what to type on a line of its own."""
        sign = self._sign
        if self.opens:
            sign = OPENED if self.opened else CLOSED
        amiss = self._text.startswith(_ERROR)
        lead = decoration(f"{' ' * INDENT}{FAILED if amiss else sign} ", BAD if amiss else FAINT)
        room = max(8, width - INDENT - 2)
        if self.opened or not self.opens:
            out = under(lead, wrap(dim(clean(self._text)), min(room, PROSE)))
        else:
            out = [row(lead, dim(one_line(self._text)), width)]
        if self._hint:
            hint = wrap(dim(f"hint: {one_line(self._hint)}"), min(room, PROSE))
            out += under(" " * (INDENT + 2), hint)
        return out

    def guess(self, width: int) -> int:
        """Return one, or the text's length where it is open."""
        told = 1 + bool(self._hint)
        if self.opens and not self.opened:
            return told
        return told + self._text.count("\n") + len(self._text) // max(8, width - INDENT - 2)

    def put(self, other: NoteCard) -> None:
        """Say what another one says instead."""
        self._text, self._hint = other._text, other._hint
        self.version += 1

    def plain(self) -> str:
        """Return the text, and what to type."""
        return f"{self._text}\nhint: {self._hint}" if self._hint else self._text


def note(event: Base) -> NoteCard | None:
    """Return what an event is told as, where it is told as a line."""
    match event:
        case Notice(text=text, hint=hint):
            return NoteCard(text, hint=hint)
        case ModelRetried(reason=reason, retry=retry, seconds=seconds):
            return NoteCard(f"the model failed: {reason}; try {retry + 1} in {seconds:.0f} s")
        case HistoryCompacted(masked=masked, replaced=replaced, before=before, after=after):
            told = f"{counted(len(masked), 'old result')} left out for the model"
            if replaced:
                told = f"{counted(replaced, 'message')} summed up for the model"
            saved = f", {before:,} tokens became {after:,}" if before else ""
            return NoteCard(f"{told}{saved}")
        case Rewound(files=files):
            return NoteCard(f"went back: {counted(len(files), 'file')}", sign="↶")
        case AutonomyChanged(autonomy=level):
            return _moving(f"level: {level.name}", event)
        case EffortChanged(effort=effort):
            return _moving(f"effort: {effort}", event)
        case HarnessSpoke(text=text):
            return NoteCard(f"to the model: {text}")
        case InstructionsTold(path=path, tokens=tokens, text=text):
            return NoteCard(f"told to the model: {path}: {tokens:,} tokens\n{text}")
        case _:
            return None


def _moving(text: str, event: Base) -> NoteCard:
    """Return the note of what moves over several places to where it is wanted."""
    card = NoteCard(text)
    card.of = type(event)
    return card

"""How text that others wrote becomes lines of a width: inert, tabs expanded, measured in cells."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells
from textual.content import Content
from textual.style import Style

from agent.terminal import inert
from tui.theme import DIM, FAINT, RULE

# of decoration: seen, not selected, not copied
GUTTER = Style.from_meta({"gutter": True})
NOTHING = Content("")
INDENT = 4  # cells, in which the number of a step stands
PROSE = 100  # cells; longer lines are hard to read
_WORTH_S = 0.05  # seconds; less is not worth a word
_LEAST = 34  # cells of text before what stands at the right is left out


def clean(text: str) -> str:
    """Return text that only shows: nothing a terminal obeys, and no tabs."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return inert(text).expandtabs(4)


def one_line(text: str) -> str:
    """Return text as one line, runs of white space as a space."""
    return clean(" ".join(text.split()))


def cut(text: str, width: int, keep: str = "start") -> str:
    """Return text of at most so many cells; `…` stands where something is missing."""
    if cell_len(text) <= width:
        return text
    if width < 2:
        return "…"[: max(0, width)]
    if keep == "end":
        return "…" + fold(text[::-1], width - 1)[0][::-1]
    return fold(text, width - 1)[0] + "…"


def fold(text: str, width: int) -> list[str]:
    """Return a line in pieces of at most so many cells, wherever that cuts it."""
    if len(text) <= width and cell_len(text) <= width:
        return [text]
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)]
    return chop_cells(text, max(2, width))


def wrap(text: Content, width: int) -> list[Content]:
    """Return text in lines of at most so many cells, cut between words where that can be."""
    if "\n" not in text.plain and text.cell_length <= width:
        return [text]
    out: list[Content] = []
    for line in text.wrap(max(2, width)):
        out += [line] if line.cell_length <= width else line.fold(width)
    return out


def decoration(text: str, style: str = FAINT) -> Content:
    """Return what is seen, and neither selected nor copied."""
    return Content.styled(text, style).stylize(GUTTER)


def row(
    lead: str | Content, body: Content, width: int, *right: Content, least: int = _LEAST
) -> Content:
    """Return one line: decoration, text, and what stands at the right end.

    What leaves the text fewer cells than `least` is left out, the first of `right` first.
    """
    if isinstance(lead, str):
        lead = decoration(lead)
    room = width - lead.cell_length
    least = min(body.cell_length, least)
    kept = [each for each in right if each]
    while kept and sum(each.cell_length + 2 for each in kept) > room - least:
        kept.pop(0)
    ends = Content("  ").join(kept) if kept else NOTHING
    space = room - ends.cell_length - (2 if kept else 0)
    if body.cell_length > space:
        body = body.truncate(max(1, space), ellipsis=True)
    if not kept:
        return Content.assemble(lead, body)
    gap = " " * (room - body.cell_length - ends.cell_length)
    return Content.assemble(lead, body, Content.assemble(gap, ends).stylize(GUTTER))


def under(lead: str | Content, lines: list[Content], rest: str = "") -> list[Content]:
    """Return lines with decoration before the first, and other or as much space before the rest."""
    if isinstance(lead, str):
        lead = decoration(lead)
    space = decoration(rest or " " * lead.cell_length)
    return [Content.assemble(space if at else lead, line) for at, line in enumerate(lines)]


def copied(line: Content) -> str:
    """Return what copying a line gives: the text without its decoration."""
    return "".join(line.plain[start:end] for start, end in undecorated(line)).rstrip()


def undecorated(line: Content) -> Iterator[tuple[int, int]]:
    """Yield where the text of a line is, between its decoration."""
    at = 0
    for start, end in sorted((span.start, span.end) for span in line.spans if span.style == GUTTER):
        if start > at:
            yield at, start
        at = max(at, end)
    if at < len(line):
        yield at, len(line)


def numbered(step: int) -> str:
    """Return what stands before a line: the number of a step, or as much space."""
    return f" {step:<{INDENT - 1}}"[: max(INDENT, len(str(step)) + 1)] if step else " " * INDENT


def seconds(duration: float) -> str:
    """Return a duration in words."""
    if duration < 10:
        return f"{max(0.0, duration):.1f} s"
    if duration < 100:
        return f"{duration:.0f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} m {rest:02} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} m"


def took(duration: float) -> str:
    """Return what is said of how long something took: nothing where it took none."""
    return seconds(duration) if duration >= _WORTH_S else ""


def program(command: str) -> str:
    """Return a command whose program is called by its name alone."""
    first, space, rest = command.partition(" ")
    return (first.rpartition("/")[2] or first) + space + rest if first.startswith("/") else command


def dim(text: str) -> Content:
    """Return text that stays in the background."""
    return Content.styled(text, DIM)


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rule(width: int) -> Content:
    """Return a line across."""
    return decoration("─" * width, RULE)


def block(text: str, width: int, lead: str = " " * (INDENT + 2), style: str = DIM) -> list[Content]:
    """Return text as it stands, its lines folded at the width, decoration before each."""
    room = max(2, width - cell_len(lead))
    pieces = (piece for line in clean(text).split("\n") for piece in fold(line, room))
    return [Content.assemble(decoration(lead), (piece, style)) for piece in pieces]


def more(count: int, lead: str = " " * (INDENT + 2), noun: str = "line") -> Content:
    """Return the line that says how many are not shown."""
    return decoration(f"{lead}… {counted(count, f'more {noun}')}")

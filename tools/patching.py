"""Where a replacement goes: pure text matching, exact first, never a guess that changes meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools import symbols
from tools.base import ToolError
from tools.textfile import unified_newlines
from tools.truncate import shorten

TELLING = 8  # characters that do not stand somewhere by chance
NEAR = 60.0  # of 100: what is less alike is no candidate
WINDOWS = 20_000  # places compared; in longer files only those around a similar line are
SHOWN, SHOWN_SIZE = 40, 3000  # lines and bytes of a candidate that an error shows


class NoMatch(ToolError):
    """The text to replace is not there, or not only once."""


class Already(NoMatch):
    """The text to replace is not there, and what should replace it is."""


class Same(Already):
    """What should replace the text is that text."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Put `new` in the place of `text[start:end]`; `note` says what was adapted, if anything."""

    start: int
    end: int
    new: str
    note: str = ""


def by_text(
    text: str, old: str, new: str, every: bool = False, span: tuple[int, int] | None = None
) -> list[Splice]:
    """Return what replaces `old` by `new`, from the last to the first; raises NoMatch.

    Where `old` stands within `span`, only that part of the text is looked at.

    An exact match counts first, and must be the only one unless `every`. Else lines that differ
    only in indentation or trailing blanks count, when they are the only ones and one indentation
    maps to the other; the same map is laid over `new`.
    """
    old, new = unified_newlines(old), unified_newlines(new)
    if not old:
        raise NoMatch("`old` is empty; quote the text to replace")
    if old == new:
        if old in text:
            raise Same(_stands(text, old))
        raise NoMatch("`old` and `new` are the same; nothing would change")
    found = _exact(text, old)
    if span is not None:
        found = [at for at in found if span[0] <= at < span[1]] or found
    if not found and (bare := without_numbers(old)) is not None:
        found = _exact(text, bare)
        old, new = bare, without_numbers(new) or new
    if len(found) == 1 and _around(text, found[0], old, new):
        raise Already(_stands(text, new))
    if len(found) == 1 or (found and every):
        return [Splice(at, at + len(old), new) for at in reversed(found)]
    if found:
        lines = ", ".join(str(line_at(text, at)) for at in found[:10])
        raise NoMatch(
            f"{len(found)} matches for `old` (lines {lines}); add lines around it to `old`"
            " until it is the only one, or set all=true"
        )
    loose = _loose(text, old, new)
    if len(loose) == 1 or (loose and every):
        return loose[::-1]
    if loose:
        lines = ", ".join(str(line_at(text, splice.start)) for splice in loose[:10])
        raise NoMatch(
            f"no exact match for `old`, and {len(loose)} that differ in indentation"
            f" (lines {lines}); quote one exactly, with lines around it"
        )
    if len(new.strip()) >= TELLING and new in text:
        raise Already(_stands(text, new))
    raise NoMatch(_nearest(text, old))


def _around(text: str, at: int, old: str, new: str) -> bool:
    """Whether `new`, which says more before or after `old`, stands there already."""
    if new == old or len(new) < len(old) + TELLING:
        return False
    before = at + len(old) - len(new)
    return (new.startswith(old) and text.startswith(new, at)) or (
        new.endswith(old) and before >= 0 and text.startswith(new, before)
    )


def _stands(text: str, new: str) -> str:
    return f"line {line_at(text, text.find(new))} has this already; the file is as you want it"


def line_at(text: str, offset: int) -> int:
    """Return the line, from 1, that the offset is on."""
    return text.count("\n", 0, offset) + 1


def unit_of(text: str) -> str:
    """Return what one level of indentation is in this text: a tab, or some spaces."""
    steps = re.findall(r"^([ \t]+)\S", text, flags=re.M)
    if sum(step.startswith("\t") for step in steps) * 2 > len(steps):
        return "\t"
    widths = [len(step) for step in steps if not step.startswith("\t")]
    for width in (4, 2, 8, 3):
        if widths and sum(each % width == 0 for each in widths) * 10 >= len(widths) * 9:
            return " " * width
    return " " * 4


def indent_of(line: str) -> str:
    """Return the blanks that a line starts with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def reindent(path: str, code: str, indent: str, unit: str) -> str:
    """Return the code with its first line at `indent`, the others moved along with it.

    Lines inside literals stay. Tabs become `unit` and the reverse where the two differ in kind.
    """
    lines = code.split("\n")
    fixed = symbols.verbatim_lines(path, code)
    base = indent_of(lines[0])
    rest = [
        line for number, line in enumerate(lines[1:], 2) if line.strip() and number not in fixed
    ]
    if base == indent or (not base and _only_first_is_short(lines[0], rest, indent)):
        lines[0] = indent + lines[0][len(base) :]
        return "\n".join(lines)
    theirs = unit_of(code)
    convert = theirs != unit and "\t" in (theirs, unit)
    for at, line in enumerate(lines):
        if not line.strip() or at + 1 in fixed:
            continue
        own = indent_of(line)
        deeper = own[len(base) :] if own.startswith(base) else ""
        if convert:
            levels, left = divmod(len(deeper), len(theirs))
            deeper = unit * levels + " " * left
        lines[at] = indent + deeper + line[len(own) :]
    return "\n".join(lines)


def _only_first_is_short(first: str, rest: list[str], indent: str) -> bool:
    """Whether the code is a copy from its place that lost the blanks of its first line alone."""
    if not indent or not rest or not all(line.startswith(indent) for line in rest):
        return False
    if first.startswith(("@", "#[")) or rest[-1].lstrip()[0] in ")]}":
        return True
    return all(len(indent_of(line)) > len(indent) for line in rest)


def shifted(text: str, splice: Splice) -> Splice | None:
    """Return it with every line but the first moved to the indentation of its place.

    That is what a one-line `old` quoted without its blanks may have meant; None where it cannot.
    """
    before = text[text.rfind("\n", 0, splice.start) + 1 : splice.start]
    if before.strip() or not before or "\n" not in splice.new:
        return None
    first, *rest = splice.new.split("\n")
    moved = "\n".join([first, *(before + line if line.strip() else line for line in rest)])
    return Splice(splice.start, splice.end, moved, "indentation was adjusted")


def _exact(text: str, old: str) -> list[int]:
    found = []
    at = text.find(old)
    while at >= 0:
        found.append(at)
        at = text.find(old, at + len(old))
    return found


_NUMBER = re.compile(r"^ *\d+(?:\||\t|: )", re.M)


def without_numbers(quoted: str) -> str | None:
    """Return the quoted lines without the line numbers that `read` shows; None if it has none."""
    bare = _NUMBER.sub("", quoted)
    return bare if bare != quoted else None


def _loose(text: str, old: str, new: str) -> list[Splice]:
    """Return the places that differ from `old` in indentation and trailing blanks only."""
    wanted = old.strip("\n").split("\n")
    lines = text.split("\n")
    stripped = [line.strip() for line in lines]
    pattern = [line.strip() for line in wanted]
    if not any(pattern):
        return []
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    found = []
    unit = unit_of(text)
    free = 0
    for at in range(len(stripped)):
        if at < free or stripped[at : at + len(pattern)] != pattern:
            continue
        there = lines[at : at + len(pattern)]
        moved = _moved(new.strip("\n") if new.strip() else "", wanted, there, unit)
        if moved is None:
            continue
        end = starts[at + len(pattern)] - 1
        begin, free = starts[at], at + len(pattern)
        if not moved and end < len(text):
            end += 1  # the lines go, and the last newline with them
        found.append(Splice(begin, end, moved, "matched by its words; indentation was adjusted"))
    return found


def _moved(new: str, wanted: list[str], there: list[str], unit: str) -> str | None:
    """Return `new` with the indentation it would have there; None where that is not certain."""
    table: dict[str, str] = {}
    for mine, theirs in zip(wanted, there, strict=True):
        if mine.strip() and table.setdefault(indent_of(mine), indent_of(theirs)) != indent_of(
            theirs
        ):
            return None
    lines = []
    for line in new.split("\n"):
        own = indent_of(line)
        if not line.strip():
            lines.append("")
            continue
        base = max((each for each in table if own.startswith(each)), key=len, default=None)
        if base is None:  # shallower than anything quoted: move by the same distance
            shallow = min(table, key=len)
            distance = len(table[shallow]) - len(shallow)
            if "\t" in own + table[shallow] or len(own) + distance < 0:
                return None
            lines.append(" " * (len(own) + distance) + line.lstrip(" \t"))
            continue
        deeper = own[len(base) :]
        if deeper and unit == "\t" and "\t" not in deeper:
            step = len(unit_of(new)) or 4
            deeper = "\t" * (len(deeper) // step) + " " * (len(deeper) % step)
        lines.append(table[base] + deeper + line[len(own) :])
    return "\n".join(lines)


def _places(lines: list[str], wanted: list[str]) -> Iterable[int]:
    """Return where a candidate may start: anywhere, in a long file only around similar lines."""
    last = max(0, len(lines) - len(wanted))
    if last < WINDOWS:
        return range(last + 1)
    from rapidfuzz import process

    telling = sorted(range(len(wanted)), key=lambda at: len(wanted[at]), reverse=True)[:3]
    places: set[int] = set()
    for own in telling:
        near = process.extract(wanted[own], lines, limit=50, score_cutoff=NEAR)
        places.update(min(max(at - own, 0), last) for _, _, at in near)
    return sorted(places)


def _nearest(text: str, old: str) -> str:
    """Return the message for `old` that is not there: the true text that is most like it."""
    from rapidfuzz import fuzz

    lines = text.split("\n")
    wanted = old.strip("\n").split("\n")
    size = len(wanted)
    squeezed = [" ".join(line.split()) for line in lines]
    target = "\n".join(" ".join(line.split()) for line in wanted)
    best, best_at = NEAR, -1
    for at in _places(squeezed, target.split("\n")):
        score = fuzz.ratio(target, "\n".join(squeezed[at : at + size]), score_cutoff=best)
        if score > best or (best_at < 0 and score):
            best, best_at = score, at
    if best_at < 0:
        return "`old` is not in the file, nor anything like it; read the file and quote it exactly"
    first, last = best_at + 1, min(best_at + size, len(lines))
    shown = shorten("\n".join(lines[best_at:last]), lines=SHOWN, size=SHOWN_SIZE)
    where = f"line {first}" if first == last else f"lines {first}-{last}"
    return (
        f"`old` is not in the file; nothing was changed. The nearest text is at {where}; quote it"
        f" exactly:\n{shown}"
    )

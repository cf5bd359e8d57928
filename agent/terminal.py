r"""What a terminal is given: text that it only shows, whoever wrote it.

One boundary for every face and every command: `guard` puts it in front of stderr, which is talk,
and in front of stdout where that is a terminal; into a pipe goes data as it is. What a terminal
would obey, what turns a line around and what nobody can see appears as `\x1b`, `\u202e`.
"""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO

# printable, says Unicode, and not to be seen: fillers, selectors, a blank pattern of Braille
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_MARKS = 4  # on one letter; Vietnamese, Hebrew and Thai are written with fewer
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_JOINED = (("\u0600", "\u08ff"), ("\u0900", "\u0dff"), ("\u1780", "\u17ff"), ("\ua800", "\ua8ff"))
_TEXT_STYLE, _PICTURE_STYLE = "\ufe0e", "\ufe0f"
_SPACES = 40  # in a row
_EMPTY = 3  # lines in a row
_WIDE = 300  # characters of a line


def inert(text: str) -> str:
    """Return text that a terminal only shows, for people to read.

    Lines, tabs and spaces of every width stay, and so do joiners where a script or a picture needs
    them, between two of its letters; a heap of accents becomes numbers.
    """
    if text.isascii():
        return text if text.isprintable() else _CONTROLS.sub(lambda found: escape(found[0]), text)
    return "".join(_pieces(text))


_CONTROLS = re.compile(r"[^\n\t -~]")


def exact(text: str) -> str:
    """Return text for a decision: nothing in it hides, or pushes something else out of sight.

    Tabs, joiners, odd spaces, long runs of spaces and of empty lines are spelt out, and a long line
    begins with its length.
    """
    lines = [_exact_line(line) for line in text.split("\n")]
    told: list[str] = []
    empty = 0
    for line in [*lines, None]:
        if line == "":
            empty += 1
            continue
        told += [f"[{empty:,} empty lines]"] if empty > _EMPTY else [""] * empty
        told += [line] if line is not None else []
        empty = 0
    return "\n".join(told)


def size(text: str) -> str:
    """Return how much a text is, as it is said beside a question."""
    lines = text.rstrip("\n").count("\n") + 1
    return f"{lines:,} line{'' if lines == 1 else 's'}, {len(text):,} characters"


def hidden(text: str) -> list[tuple[int, int]]:
    """Return the lines that hold what `inert` would spell out, each with how many of it."""
    found = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        count = sum(len(piece) > 1 for piece in _pieces(line))
        if count:
            found.append((number, count))
    return found


def escape(char: str) -> str:
    """Return a character's number in the form that most languages read."""
    number = ord(char)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def seen(char: str) -> bool:
    """Whether a character alone is visible, or a space or the end of a line."""
    if char.isprintable():
        return char not in _UNSEEN and not _selects(char)
    return char in "\n\t" or unicodedata.category(char) == "Zs"


def guard() -> None:
    """Stand before stderr, and before stdout where it is a terminal."""
    if sys.stdout.isatty():
        sys.stdout = _Guarded(sys.stdout)
    sys.stderr = _Guarded(sys.stderr)


def draw(out: TextIO, text: str) -> None:
    """Write a progress bar, which moves on its line; everything in it must be ours."""
    if isinstance(out, _Guarded):
        out.draw(text)
    else:
        out.write(text)
    out.flush()


class _Guarded(io.TextIOWrapper):
    """A stream of text that writes what is inert; a crash and a library write through it too."""

    def __init__(self, old: TextIO) -> None:
        under = open(old.fileno(), "wb", closefd=False)  # noqa: SIM115 as long as the process
        super().__init__(under, encoding=old.encoding, errors=old.errors, line_buffering=True)
        self._old = old  # closes its descriptor when nobody holds it

    def write(self, text: str) -> int:
        """Write text made inert."""
        super().write(inert(text))
        return len(text)

    def draw(self, text: str) -> None:
        """Write text as it is."""
        super().write(text)


# -- within


def _pieces(text: str) -> Iterator[str]:
    """Yield each character, or its number where it is not to be shown as it is."""
    marks = 0
    for at, char in enumerate(text):
        if " " <= char <= "~":
            marks = 0
            yield char
            continue
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks > _MARKS or not (seen(char) or _belongs(text, at)):
            yield escape(char)
        else:
            yield char


def _belongs(text: str, at: int) -> bool:
    """Whether what cannot be seen shapes the characters around it, as its script wants."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    char = text[at]
    if not before or not seen(before):
        return char == _JOINER and before == _PICTURE_STYLE and _is_picture(after)
    if char in (_TEXT_STYLE, _PICTURE_STYLE):
        return unicodedata.category(before) in ("So", "Sm", "Nd", "Po")
    if _selects(char):
        return before >= "\u3400" and unicodedata.category(before) == "Lo"
    if not after:
        return False
    if char in (_JOINER, _NON_JOINER) and any(
        first <= before <= last and first <= after <= last for first, last in _JOINED
    ):
        return True
    return char == _JOINER and _is_picture(before) and _is_picture(after)


def _is_picture(char: str) -> bool:
    tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    return tone or (bool(char) and unicodedata.category(char) == "So" and seen(char))


def _selects(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _exact_line(line: str) -> str:
    pieces = _pieces(_RUN.sub(_told_run, line))
    shown = "".join(each if len(each) > 1 else _exact_char(each) for each in pieces)
    return f"[{len(line):,} characters] {shown}" if len(line) > _WIDE else shown


_RUN = re.compile(r" +")


def _told_run(found: re.Match[str]) -> str:
    count = len(found[0])
    if count == 1 or (count <= _SPACES and found.end() < len(found.string)):
        return found[0]
    return f"[{count:,} spaces]"


def _exact_char(char: str) -> str:
    if " " <= char <= "~":
        return char
    if char == "\t":
        return "\\t"
    return char if seen(char) and unicodedata.category(char) not in ("Zs", "Me") else escape(char)

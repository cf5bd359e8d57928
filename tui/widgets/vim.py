"""The few keys of vi that a prompt needs: two modes, motions, and what deletes by them."""

from __future__ import annotations

import re
from collections.abc import Callable

from textual.widgets import TextArea
from textual.widgets.text_area import Location

_WORD = re.compile(r"\w+|[^\w\s]+")
_OPERATORS = ("d", "c")


class Vim:
    """The mode of a text area and what its keys do; what they do not know is left to it."""

    def __init__(self, area: TextArea) -> None:
        self._area = area
        self.normal = False
        self._begun = ""  # `d`, `c` or `g`, of which the rest is awaited
        self._kept = ""  # deleted last
        self._motions: dict[str, Callable[[], Location]] = {
            "h": lambda: (self._row, max(0, self._column - 1)),
            "l": lambda: (self._row, min(len(self._line), self._column + 1)),
            "0": lambda: (self._row, 0),
            "$": lambda: (self._row, len(self._line)),
            "w": self._next_word,
            "b": self._previous_word,
            "e": lambda: self._word_end(1),
            "G": lambda: (area.document.line_count - 1, 0),
        }
        self._commands: dict[str, Callable[[], object]] = {
            "i": lambda: self._insert_at(self._column),
            "a": lambda: self._insert_at(min(len(self._line), self._column + 1)),
            "I": lambda: self._insert_at(len(self._line) - len(self._line.lstrip())),
            "A": lambda: self._insert_at(len(self._line)),
            "o": lambda: self._open(self._row, len(self._line), "\n"),
            "O": lambda: self._open(self._row, 0, "\n", (self._row, 0)),
            "x": lambda: self._delete((self._row, self._column), self._motions["l"]()),
            "D": lambda: self._delete((self._row, self._column), self._motions["$"]()),
            "p": self._put,
            "u": area.undo,
            "j": area.action_cursor_down,
            "k": area.action_cursor_up,
        }

    def insert(self) -> None:
        """Go to the mode in which letters are text."""
        self.normal = False
        self._begun = ""

    def key(self, key: str, character: str | None) -> bool:
        """Take a key; return whether it was one for here."""
        if not self.normal:
            if key != "escape":
                return False
            self.normal = True
            self._area.move_cursor(self._motions["h"]())
            return True
        if character is None or not character.isprintable():
            begun, self._begun = self._begun, ""
            return bool(begun) and key == "escape"
        self._normal(character)
        if self.normal:
            self._stay_on_text()
        return True

    # -- within

    @property
    def _row(self) -> int:
        return self._area.cursor_location[0]

    @property
    def _column(self) -> int:
        return self._area.cursor_location[1]

    @property
    def _line(self) -> str:
        return self._area.document.get_line(self._row)

    def _normal(self, letter: str) -> None:
        begun, self._begun = self._begun, ""
        if begun in _OPERATORS:
            self._operate(begun, letter)
        elif begun == "g":
            if letter == "g":
                self._area.move_cursor((0, 0))
        elif letter in _OPERATORS or letter == "g":
            self._begun = letter
        elif letter in self._motions:
            self._area.move_cursor(self._motions[letter]())
        elif letter in self._commands:
            self._commands[letter]()

    def _operate(self, operator: str, letter: str) -> None:
        here = (self._row, self._column)
        if letter == operator:
            self._whole_line(operator)
        elif letter in self._motions and letter != "G":
            # as in vi: `cw` leaves the space, and neither takes the end of the line
            end = self._word_end(0) if operator + letter == "cw" else self._motions[letter]()
            if letter == "e":
                end = (end[0], end[1] + 1)
            if letter == "w" and end[0] != here[0]:
                end = (here[0], len(self._line))
            self._delete(*sorted((here, end)))
            if operator == "c":
                self.insert()

    def _whole_line(self, operator: str) -> None:
        row, last = self._row, self._area.document.line_count - 1
        line = self._line
        if operator == "c" or not last:
            self._delete((row, 0), (row, len(line)))
        elif row < last:
            self._delete((row, 0), (row + 1, 0))
        else:
            before = len(self._area.document.get_line(row - 1))
            self._delete((row - 1, before), (row, len(line)))
            self._area.move_cursor((row - 1, 0))
        self._kept = f"{line}\n"
        if operator == "c":
            self.insert()

    def _delete(self, start: Location, end: Location) -> None:
        if start != end:
            result = self._area.delete(start, end, maintain_selection_offset=False)
            self._kept = result.replaced_text
            self._area.move_cursor(min(start, result.end_location))

    def _put(self) -> None:
        if not self._kept:
            return
        if self._kept.endswith("\n"):
            text = "\n" + self._kept[:-1]
            self._area.insert(text, (self._row, len(self._line)), maintain_selection_offset=True)
            self._area.move_cursor((min(self._row + 1, self._area.document.line_count - 1), 0))
            return
        at = (self._row, min(len(self._line), self._column + 1))
        result = self._area.insert(self._kept, at, maintain_selection_offset=False)
        row, column = result.end_location
        self._area.move_cursor((row, max(0, column - 1)))

    def _insert_at(self, column: int) -> None:
        self._area.move_cursor((self._row, column))
        self.insert()

    def _open(self, row: int, column: int, text: str, back: Location | None = None) -> None:
        result = self._area.insert(text, (row, column), maintain_selection_offset=False)
        self._area.move_cursor(back or result.end_location)
        self.insert()

    def _stay_on_text(self) -> None:
        if self._line and self._column >= len(self._line):
            self._area.move_cursor((self._row, len(self._line) - 1))

    def _next_word(self) -> Location:
        row, column = self._row, self._column
        for found in _WORD.finditer(self._line):
            if found.start() > column:
                return row, found.start()
        if row + 1 == self._area.document.line_count:
            return row, len(self._line)
        below = self._area.document.get_line(row + 1)
        return row + 1, len(below) - len(below.lstrip())

    def _previous_word(self) -> Location:
        row, column = self._row, self._column
        before = [found.start() for found in _WORD.finditer(self._line) if found.start() < column]
        if before:
            return row, before[-1]
        if not row:
            return 0, 0
        words = [found.start() for found in _WORD.finditer(self._area.document.get_line(row - 1))]
        return row - 1, words[-1] if words else 0

    def _word_end(self, beyond: int) -> Location:
        """Return the last letter of the word that ends `beyond` here; with 0, what follows it."""
        for found in _WORD.finditer(self._line):
            if found.end() - 1 >= self._column + beyond:
                return self._row, found.end() - beyond
        return self._row, len(self._line) if not beyond else max(0, len(self._line) - 1)

"""Large pastes as one mark in the prompt, such as `[pasted 214 lines #1]`."""

from __future__ import annotations

import re

LINES, CHARACTERS = 8, 800  # a paste of more than either is folded
_KEPT = 50  # pastes whose text is known; a mark of an older one stays as it is written
_MARK = re.compile(r"\[pasted [\d,]+ (?:lines|characters) #(\d+)\]")


class Folds:
    """What was pasted, by the number in its mark.

    A mark stands for its paste wherever it stands, also where it was typed by hand.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._count = 0

    def fold(self, text: str) -> str:
        """Return the mark for a paste, or the text itself where it is small."""
        lines = text.count("\n") + 1
        if lines <= LINES and len(text) <= CHARACTERS:
            return text
        self._count += 1
        self._texts[self._count] = text
        self._texts.pop(self._count - _KEPT, None)
        return self._mark(self._count)

    def expand(self, text: str) -> str:
        """Return the text with each mark replaced by what was pasted."""
        if not self._texts or "[pasted " not in text:
            return text
        return _MARK.sub(lambda found: self.text(found[0]) or found[0], text)

    def fold_again(self, text: str) -> str:
        """Return the text with each paste that is known replaced by its mark."""
        for number, pasted in self._texts.items():
            text = text.replace(pasted, self._mark(number))
        return text

    def text(self, mark: str) -> str | None:
        """Return what a mark stands for, None where it is none."""
        found = _MARK.fullmatch(mark)
        number = int(found[1]) if found else 0
        # a mark that says another size was not made here
        return self._texts.get(number) if number and mark == self._mark(number) else None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Return where in a line marks stand."""
        if not self._texts or "[pasted " not in line:
            return []
        return [each.span() for each in _MARK.finditer(line) if self.text(each[0]) is not None]

    def _mark(self, number: int) -> str:
        text = self._texts.get(number, "")
        lines = text.count("\n") + 1
        if lines > LINES:
            return f"[pasted {lines:,} lines #{number}]"
        return f"[pasted {len(text):,} characters #{number}]"

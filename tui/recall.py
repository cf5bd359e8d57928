"""Walking and searching what was typed before, with what is being typed as the newest entry."""

from __future__ import annotations

from collections.abc import Iterable


class Recall:
    """Earlier prompts, the oldest first, and where in them the user stands.

    Only entries that begin with what was typed when the walk began are met. Changes to an entry
    are kept until something is submitted; the entry itself stays as it was.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self.entries = list(entries)
        self._edited: dict[int, str] = {}
        self._at = len(self.entries)
        self._prefix = ""

    def add(self, text: str) -> None:
        """Take in what was submitted, and stand at the newest entry again."""
        if text and self.entries[-1:] != [text]:
            self.entries.append(text)
        self._edited.clear()
        self._at = len(self.entries)

    def older(self, current: str) -> str | None:
        """Go back one entry from `current`, the text as it is now; None where there is none."""
        if self._at == len(self.entries) or not current:
            self._prefix = current
        return self._go(range(self._at - 1, -1, -1), current)

    def newer(self, current: str) -> str | None:
        """Go on one entry, at the end to what was being typed; None where one is there."""
        return self._go(range(self._at + 1, len(self.entries) + 1), current)

    def _go(self, way: range, current: str) -> str | None:
        for at in way:
            text = self._text(at)
            if at == len(self.entries) or (text.startswith(self._prefix) and text != current):
                if current != self._text(self._at):
                    self._edited[self._at] = current
                self._at = at
                return text
        return None

    def _text(self, at: int) -> str:
        """Return an entry as it was left; at the end stands what was being typed."""
        known = self.entries[at] if at < len(self.entries) else ""
        return self._edited.get(at, known)

    def search(self, words: str, most: int = 50) -> list[str]:
        """Return the entries that hold every word, case aside, the newest first, each once."""
        wanted = words.lower().split()
        found: dict[str, None] = {}
        for text in reversed(self.entries):
            if len(found) == most:
                break
            lower = text.lower()
            if all(word in lower for word in wanted):
                found.setdefault(text)
        return list(found)

"""What the user asked for."""

from __future__ import annotations

from textual.content import Content

from tui.cards.base import Card
from tui.cards.lines import PROSE, clean, decoration, dim, more, rule, under, wrap
from tui.theme import STRONG

_YOU = " you   "
_LONG = 12  # lines; a longer prompt is closed until someone wants it


class PromptCard(Card):
    """The user's words between two rules; without rules where they were taken up mid-turn."""

    def __init__(
        self,
        text: str,
        *,
        pictures: int = 0,
        origin: str = "",
        fix: bool = False,
        mid: bool = False,
    ) -> None:
        super().__init__()
        self.text = text
        self._origin, self._pictures, self._mid = origin, pictures, mid
        self._fix = fix and not text.lower().startswith("fix")

    @property
    def opens(self) -> bool:
        """Whether it is long."""
        return self.text.count("\n") >= _LONG or len(self.text) > _LONG * PROSE

    @property
    def head(self) -> int:
        """The first of the words."""
        return (self.at > 0) + (not self._mid)

    def lines(self, width: int) -> list[Content]:
        """Return an empty line, a rule, the words, a rule."""
        room = min(width - len(_YOU), PROSE)
        words = clean(self.text.strip())
        if self._fix:
            words = f"fix: {words}" if words else "fix what fails"
        said = wrap(Content.styled(words, STRONG), room)
        cut = 0
        if self.opens and not self.opened:
            said, cut = said[: _LONG - 1], len(said) - _LONG + 1
        if self._pictures:
            said.append(dim(f"with {self._pictures} picture{'s' * (self._pictures > 1)}"))
        if self._origin:
            origins = ", ".join(self._origin.split("\n"))
            said += wrap(dim(f"with text from {clean(origins)}"), room)
        out = [Content("")] if self.at > 0 else []
        out += [] if self._mid else [rule(width)]
        out += under(decoration(_YOU, "$accent"), said)
        out += [more(cut, " " * len(_YOU))] if cut > 0 else []
        return out if self._mid else [*out, rule(width)]

    def guess(self, width: int) -> int:
        """Return the lines by the length of the words."""
        room = min(max(2, width - len(_YOU)), PROSE)
        said = self.text.count("\n") + 1 + len(self.text) // room
        return min(said, _LONG if not self.open else said) + (1 if self._mid else 3)

    def plain(self) -> str:
        """Return the words."""
        return self.text

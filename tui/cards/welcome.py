"""What stands on an empty screen: what can be typed, and where it goes."""

from __future__ import annotations

from textual.content import Content

from tui import theme
from tui.cards.base import Card
from tui.cards.lines import INDENT, clean, decoration, dim, under, wrap

_TYPED = (
    ("ask", "about the code, or say what to change"),
    ("/fix", "a bug: your own tests decide what is a repair"),
    ("/check", "proves by your tests what was changed"),
    ("Shift+Tab", "how much may happen without asking, as the line below says"),
    ("F1", "every key and every command"),
)
_WIDE = 2 + max(len(name) for name, _ in _TYPED)


class WelcomeCard(Card):
    """A few lines for a session in which nothing was said yet; `host` is who is sent what."""

    def __init__(self, host: str = "") -> None:
        super().__init__()
        self._where = "the model runs on this machine, and nothing leaves it"
        if host:
            self._where = f"the model is elsewhere: what is asked and read is sent to {clean(host)}"

    def lines(self, width: int) -> list[Content]:
        """Return what can be typed, each with what it does."""
        space, out = " " * INDENT, [Content("")]
        room = max(8, width - INDENT - _WIDE)
        for name, about in _TYPED:
            lead = Content.assemble(decoration(space), (name.ljust(_WIDE), theme.NAME))
            out += under(lead, wrap(dim(about), room))
        return [*out, Content(""), *under(space, wrap(dim(self._where), max(8, width - INDENT)))]

    def guess(self, width: int) -> int:
        """Return the lines where nothing is wrapped."""
        return 3 + len(_TYPED)

    def plain(self) -> str:
        """Return the lines."""
        return "\n".join([*(f"{name}: {about}" for name, about in _TYPED), self._where])

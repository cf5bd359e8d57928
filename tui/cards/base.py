"""What a card is: data that takes in what happened and returns its lines for a width."""

from __future__ import annotations

from textual.content import Content


class Card:
    """One thing of the transcript; it knows nothing of widgets.

    `version` grows whenever its lines change otherwise than by `open`, which is the user's wish:
    None leaves it to the card. `running` says that something in it counts time.
    """

    def __init__(self) -> None:
        self.open: bool | None = None
        self.version = 0
        self.running = False
        self.at = -1  # its place in the transcript
        self.step = 0  # the number in its gutter, where it begins a step

    @property
    def opens(self) -> bool:
        """Whether there is more to see than when it is closed."""
        return False

    @property
    def opened(self) -> bool:
        """Whether it is open now, by the user's wish or by its own."""
        return self.opens and bool(self.open)

    @property
    def head(self) -> int:
        """Which of its lines is its head."""
        return 0

    def toggle(self) -> None:
        """Open it, or close it."""
        if self.opens:
            self.open = not self.opened

    def pulse(self, now: float) -> None:
        """Take in the time, where something is running."""

    def lines(self, width: int) -> list[Content]:
        """Return its lines, each of at most `width` cells."""
        raise NotImplementedError

    def guess(self, width: int) -> int:
        """Return about how many lines it has, without making them."""
        return 1

    def plain(self) -> str:
        """Return what copying gives: the text without decoration."""
        raise NotImplementedError

"""Text that neither the user nor the project wrote, gathered as it enters the context.

It stays: what was read once may be acted on at any later time, also when a compaction has masked
it since.
"""

from __future__ import annotations

from agent.policy import Taint

SOURCES = 3  # that are named, the last ones; more are counted
NAMED = 120  # characters of a source
EXCERPT = 300  # characters of each that are shown


class Foreign:
    """The sources so far, each with the beginning of what came from it last."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def take(self, origin: str, text: str) -> None:
        """Take in what came from somewhere; nothing where the origin is empty."""
        origin = " ".join(origin.split())[:NAMED]
        if origin:
            self._texts.pop(origin, None)  # the newest stands last
            text = text.strip()
            self._texts[origin] = text[:EXCERPT] + (" …" if len(text) > EXCERPT else "")

    def hear(self, origins: str, text: str) -> None:
        """Take in a prompt and what stands behind it; `origins` has a line for each source.

        What a source says begins in the text with the name of that source.
        """
        for origin in filter(None, origins.split("\n")):
            at = max(text.find(f"\n{origin}{sign}") for sign in ("\n", ", "))
            self.take(origin, text[at + 1 :].partition("\n")[2] if at >= 0 else text)

    @property
    def taint(self) -> Taint | None:
        """The sources, the newest first, and their texts; None where there is none."""
        if not self._texts:
            return None
        newest = list(reversed(self._texts.items()))
        names = [origin for origin, _ in newest[:SOURCES]]
        if more := len(newest) - len(names):
            names.append(f"{more} more")
        texts = [text for _, text in newest[:SOURCES]]
        return Taint(source=" and ".join(names), text="\n\n".join(texts))

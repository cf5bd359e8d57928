"""What the harness says between two steps, where the model would go on wrongly without it."""

from __future__ import annotations

from collections.abc import Sequence

from tools.base import ToolResult
from tools.truncate import shorten

QUESTION = 600  # bytes of a question that is put again

AGAIN = "You made the same calls again with the same results. Do something else, or finish."
ANSWER = "That is all you need. Answer this now, in words: {}"
EMPTY = "Your reply was empty. Call a tool, or answer the user."
NEXT = "If that is all that was asked for, answer now, without a call. Else make the next call."
CHANGED = (
    "If that is all that was asked for, say now in one sentence what you did, without a call."
    " Else make the next edit."
)
MEND = "Your change left this: {}. Mend that now by the next edit."


def answer_to(question: str) -> str:
    """Return what is told to a model that looks on and on: what it was asked, in short."""
    return ANSWER.format(shorten(question, size=QUESTION, head=0.7))


class Nudges:
    """What a small model is told behind the results of its calls.

    After a change and after a check it calls on and on, unless what stands last says that it may
    end. What it read leads it on by itself, and an error says what is to be done.
    """

    def __init__(self) -> None:
        self._broken: tuple[str, ...] = ()  # by the last change

    def words(self, results: Sequence[ToolResult]) -> str:
        """Return it; empty for nothing."""
        if not results:
            return ""
        last = results[-1]
        self._broken = last.broken if last.changed else self._broken
        if last.ok and (last.changed or last.already):
            return MEND.format("; ".join(self._broken)) if self._broken else CHANGED
        return NEXT if last.report is not None else ""

"""How many tokens a request will be, without asking the tokeniser.

The model's own tokeniser lives in another process. What a request before this one told is exact;
what is new is estimated from its pieces, erring upwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MESSAGE = 8  # tokens that a chat template puts around a message
IMAGE = 1600  # tokens of a picture, at most about what providers count for one
_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\S\n]+|\n+|[^\x00-\x7f]|[^\w\s]+|_", re.ASCII)


class Estimate:
    """Remembers the last request and what it really was."""

    def __init__(self) -> None:
        self._known: list[Mapping[str, Any]] = []
        self._tokens = 0
        self._cache: dict[str, int] = {}

    def learn(self, messages: Sequence[Mapping[str, Any]], tokens: int) -> None:
        """Take the exact size of a request."""
        self._known = list(messages)
        self._tokens = tokens

    def count(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Return the tokens of a request that may start with the one learned last."""
        size = len(self._known)
        if size and list(messages[:size]) == self._known:
            return self._tokens + sum(map(self._message, messages[size:]))
        return sum(map(self._message, messages)) + MESSAGE

    def _message(self, message: Mapping[str, Any]) -> int:
        if message.get("tokens"):
            return MESSAGE + len(message["tokens"])
        text, images = message["text"], int(message.get("images", 0))
        found = self._cache.get(text)
        if found is None:
            if len(self._cache) > 4096:
                self._cache.clear()
            found = self._cache[text] = upper(text)
        return MESSAGE + found + images * IMAGE


def upper(text: str) -> int:
    """Return about how many tokens a text is, rather too many than too few."""
    total = 0.0
    for match in _PIECES.finditer(text):
        piece = match[0]
        first = piece[0]
        if first.isalpha() and first.isascii():
            total += 1 + max(0, len(piece) - 5) / 5
        elif first == " ":
            total += 0 if len(piece) == 1 else 1
        elif first.isascii():
            total += 1 if len(piece) < 4 or first in "\n\t" else len(piece) / 3
        else:
            total += 1
    return int(total * 1.05) + 1

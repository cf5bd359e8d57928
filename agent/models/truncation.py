"""Whether a server read all that it was sent.

Some cut a prompt that is too long for them without a word, and answer what is left. What gives them
away is the count of tokens that they report. Ours is an estimate, so only what cannot be right
counts: fewer tokens than the words can be, or fewer than the part that was read before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.messages import Message
from agent.models.estimate import Estimate
from agent.models.rendering import counted, replies_of

# a window under this is no use; so few tokens are what a server says that counts only what it had
# not read before (Ollama once did)
FEWEST = 1000
SLACK = 64  # tokens that a template may put at one time and leave out at another
_WORDS = re.compile(r"[A-Za-z0-9]+|[^\W\d_]+")
_LONGEST = 8  # letters of a word that count: longer ones may well be one token

Put = Sequence[Mapping[str, Any]]


class Reading:
    """Compares what is reported of each request with what it was. Remembers the one before."""

    def __init__(self) -> None:
        self._before: list[Mapping[str, Any]] = []
        self._tokens = 0
        self._only_new = False  # whether this server leaves out what it had read before

    def is_cut(self, messages: Sequence[Message], tokens: int) -> bool:
        """Whether a request of which `tokens` are reported as read cannot have been read whole.

        Its tools do not count, since a server may know nothing of tools.
        """
        put = counted(messages, ())
        # some servers leave out what was thought before
        reasoned = sum(len(each.thinking) for each in replies_of(messages))
        size = len(self._before)
        longer = 0 < size <= len(put) and list(put[:size]) == self._before
        floor = self._tokens - SLACK - reasoned if longer else 0
        if longer and tokens < floor and tokens <= Estimate().count(put[size:]) + SLACK:
            self._only_new = True
        if not self._only_new and FEWEST <= tokens < max(floor, least(put)):
            return True
        if not self._only_new:
            self._before, self._tokens = list(put), tokens
        return False


def least(put: Put) -> int:
    """Return a number of tokens that no tokeniser stays under.

    Hardly any token reaches over a space, and hardly any text has eight letters to a token.
    """
    chunks = letters = 0
    for message in put:
        chunks += len(message["text"].split())
        letters += sum(min(len(word), _most(word)) for word in _WORDS.findall(message["text"]))
    return max(chunks * 2 // 3, letters // _LONGEST)


def _most(word: str) -> int:
    return _LONGEST if word.isascii() else len(word)

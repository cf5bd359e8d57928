"""A function written anew, and then in other ways.

Sampled with warmth, a small model mostly repeats itself, or copies the original: of 66 samples of
11 functions that it had read, 16 were new. So only the first is asked for as a whole. The
others leave it at one of the places where the model nearly did, the likeliest first: none is the
one before, no two begin alike, and what follows the place is mostly a copy, which is read rather
than written. That is the first step of a search by limited discrepancy (Harvey and Ginsberg 1995)
in the tree of what the model might say.
"""

from __future__ import annotations

from dataclasses import replace

from agent.messages import Message
from agent.models.base import Fork
from agent.repair import prompts
from agent.repair.asking import Asking, Question, Written
from agent.repair.localise import Suspect

MOST = 64  # places of one function that are gone back to


class Rewrites:
    """What the model makes of one suspect, likeliest first; each is given once."""

    def __init__(self, asking: Asking, evidence: prompts.Evidence, suspect: Suspect) -> None:
        self._asking = asking
        self._question = question(
            suspect,
            prompts.repair_prompt(evidence, suspect, explain=False),
            prompts.opening(suspect),
        )
        self._first = ""
        self._left: list[Fork] | None = None

    async def first(self) -> list[Written]:
        """Return the function as the model would write it; raises ModelError."""
        found = await self._asking.answers(self._question)
        self._first, self._left = next(iter(found), ""), None
        return found

    async def warm(self, count: int, temperature: float) -> list[Written]:
        """Return samples, which may be equal; raises ModelError."""
        return await self._asking.answers(self._question, count, temperature)

    async def others(self, count: int) -> list[Written]:
        """Return up to `count` other ways to write it; after them, the next. Raises ModelError.

        The first way comes with them where it was not asked for. A model that cannot tell where it
        nearly said something else has no others.
        """
        found = [] if self._first else await self.first()
        text = self._first.removeprefix(self._question.prefill) + self._question.stop
        if self._left is None:
            asked = self._question
            self._left = await self._asking.forks(asked.messages, asked.prefill, text, MOST)
        given, self._left = self._left[:count], self._left[count:]
        starts = [text[: each.at] + each.piece for each in given]
        texts = await self._asking.completed(replace(self._question, draft=text), starts)
        return [*found, *(each.becoming(self._question.prefill + each) for each in texts)]


def question(suspect: Suspect, messages: tuple[Message, ...], begin: str) -> Question:
    """Return the question for a whole function, whose answer begins so."""
    room = len(suspect.source) // 2 + 120  # tokens
    return Question(messages, begin, room, draft=prompts.body(suspect))

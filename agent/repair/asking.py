"""Asking a model for texts: samples of one prompt where it can, single replies where not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.asked import Asked
from agent.errors import BudgetSpent
from agent.events import Base, Forked, Notice, Sampled, Scored
from agent.messages import Message, Usage
from agent.models.base import Fork, LocalModel, Model, ModelRequest, SampleRequest
from agent.redaction import Redaction
from agent.replies import Replies

TOP = 4  # others looked at for each token of a text
CONVERSING = 400  # tokens more for a model that cannot be kept from talking around its answer


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, how its answers begin and what ends them; `room` is tokens for one answer.

    `draft` is what an answer may well repeat in part.
    """

    messages: tuple[Message, ...]
    prefill: str
    room: int
    stop: str = "\n```"
    draft: str = ""


class Written(str):
    """A text that is also known by which answer it is, or is made of: its request, its place."""

    __slots__ = ("sample",)
    sample: tuple[int, int]

    @classmethod
    def of(cls, text: str, request: int, place: int) -> Written:
        """Return the text as an answer of a request."""
        written = cls(text)
        written.sample = (request, place)
        return written

    def becoming(self, text: str) -> Written:
        """Return what was made of it."""
        return Written.of(text, *self.sample)


class Asking:
    """Asks one model; each request is an event, so that a script can replay it."""

    def __init__(
        self,
        model: Model,
        emit: Callable[[Base], None],
        seed: int,
        effort: int,
        before: Usage | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self._sampling = before or Usage()
        self._clean = (redaction or Redaction()).clean
        self.model = model
        self._emit = emit
        self._replies = Replies(emit, aloud=False)
        self._seed = seed
        self._effort = effort
        self._told: set[str] = set()
        self._requests = 0
        self._prompts: set[str] = set()  # whose messages were told
        if isinstance(model, LocalModel):
            model.tell = self._tell

    @property
    def used(self) -> Usage:
        """What the requests used so far, failed ones and those of `before` included."""
        return self._sampling + self._replies.usage

    @property
    def retrying(self) -> str:
        """Why the model is being asked again, while it is."""
        return self._replies.retrying

    @property
    def local(self) -> bool:
        """Whether the model can be asked for samples and probabilities."""
        return isinstance(self.model, LocalModel)

    def took(self, usage: Usage, retrying: str = "") -> None:
        """Note what a conversation beside these requests used, and why it was not answered."""
        self._sampling += usage
        self._replies.retrying = retrying

    async def answers(
        self, question: Question, samples: int = 1, temperature: float = 0.0
    ) -> list[Written]:
        """Return texts that start with the question's prefill; raises ModelError."""
        self._seed += samples
        question = self._said(question)
        if isinstance(self.model, LocalModel):
            texts, usage = await self._sampled(self.model, question, samples, temperature)
            self._sampling += usage
            return self._written(question, texts, usage)
        texts, usage = await self._replied(question, samples, temperature)
        # asked so, a model begins its answer itself
        return self._written(replace(question, prefill=""), texts, usage)

    async def completed(self, question: Question, starts: Sequence[str]) -> list[Written]:
        """Return each start, which follows the question's prefill, with its greedy continuation.

        Only for a model that is `local`. Raises ModelError.
        """
        if not starts or not isinstance(self.model, LocalModel):
            return []
        question = self._said(question)
        before = self.model.used
        # with a draft one after the other: a copy costs less than writing in a batch
        request = SampleRequest(
            question.messages,
            question.prefill,
            max_tokens=question.room,
            stop=(question.stop,),
            draft=question.draft,
        )
        found = await self.model.complete(request, starts)
        usage = self.model.used - before
        self._sampling += usage
        whole = self._written(question, [each.text for each in found], usage, starts)
        return [each.becoming(each.removeprefix(question.prefill)) for each in whole]

    async def forks(
        self, messages: tuple[Message, ...], prefill: str, text: str, most: int
    ) -> list[Fork]:
        """Return where the model would leave a text, the likeliest `most`, as other code.

        None for a model that cannot tell. A fork that only leads to other layout or to a comment is
        left out. Raises ModelError.
        """
        if not isinstance(self.model, LocalModel):
            return []
        before = self.model.used
        found = await self.model.forks(self._clean(messages), prefill, text, TOP)
        self._sampling += self.model.used - before
        found = [each for each in found if _other_code(text, each)]
        found = sorted(found, key=lambda each: -each.logprob)[:most]
        told = tuple((each.at, each.piece, each.logprob, each.before) for each in found)
        self._emit(Forked(forks=told, asked=Asked.of(self.model)))
        return found

    async def scores(
        self, messages: tuple[Message, ...], prefill: str, answers: Sequence[str]
    ) -> list[float]:
        """Return how likely each answer is after the prefill, in nats.

        Only for a model that is `local`: else all are 0. Raises ModelError.
        """
        if not isinstance(self.model, LocalModel):
            return [0.0] * len(answers)
        before = self.model.used
        found = await self.model.score(self._clean(messages), prefill, answers)
        self._sampling += self.model.used - before
        self._emit(Scored(scores=tuple(found), asked=Asked.of(self.model)))
        return found

    def _written(
        self, question: Question, texts: Sequence[str], usage: Usage, starts: Sequence[str] = ()
    ) -> list[Written]:
        """Tell of the answers to a question, and return each with what was written before it."""
        self._requests += 1
        plain = "".join(each.model_dump_json() for each in question.messages)
        digest = hashlib.sha256(plain.encode(errors="replace")).hexdigest()[:16]
        fresh = digest not in self._prompts
        self._prompts.add(digest)
        self._emit(
            Sampled(
                texts=tuple(texts),
                usage=usage,
                request=self._requests,
                prompt=digest,
                messages=question.messages if fresh else (),
                prefill=question.prefill,
                starts=tuple(starts),
                asked=Asked.of(self.model),
            )
        )
        begun = [question.prefill + start for start in starts or ("",) * len(texts)]
        return [
            Written.of(before + text, self._requests, place)
            for place, (before, text) in enumerate(zip(begun, texts, strict=True))
        ]

    def _tell(self, text: str) -> None:
        """Say once what holds for one of many requests, such as that it waits for another's."""
        if text not in self._told:
            self._told.add(text)
            self._emit(Notice(text=text))

    def _said(self, question: Question) -> Question:
        """Return the question without secrets in it; no suspect's own text holds any."""
        clean = self._clean
        return replace(
            question,
            messages=clean(question.messages),
            prefill=clean(question.prefill),
            draft=clean(question.draft),
        )

    async def _sampled(
        self, model: LocalModel, question: Question, samples: int, temperature: float
    ) -> tuple[list[str], Usage]:
        before = model.used
        found = await model.sample(
            SampleRequest(
                messages=question.messages,
                prefill=question.prefill,
                n=samples,
                max_tokens=question.room,
                temperature=temperature,
                seed=self._seed,
                stop=(question.stop,),
                draft=question.draft,
            )
        )
        return [each.text for each in found], model.used - before

    async def _replied(
        self, question: Question, samples: int, temperature: float
    ) -> tuple[list[str], Usage]:
        texts: list[str] = []
        before = self._replies.usage
        for number in range(samples):
            local = self.model.local
            request = ModelRequest(
                question.messages,
                # elsewhere thinking counts too, and what is too long is the budget's to say; here
                # a thought would take longer than the answers that its time is worth
                max_tokens=question.room + CONVERSING if local else None,
                temperature=temperature,
                seed=self._seed + number,
                effort=0 if local else self._effort,
            )
            try:
                texts.append((await self._replies.ask(self.model, request)).message.text)
            except BudgetSpent:
                if not texts:
                    raise
                break  # what was paid for is tried
        return texts, self._replies.usage - before


def _other_code(text: str, fork: Fork) -> bool:
    before = text[: fork.at]
    bare = fork.piece.strip()
    if not bare:  # the depth of a line that would be added
        return before.endswith("\n") and "\n" not in fork.piece
    if bare.startswith(("#", "//", "`")):
        return False
    # what is the same up to its last space or line end differs in nothing but those
    start = before + fork.piece
    return not (start[-1].isspace() and text.startswith(start.rstrip()))

"""Asking a model for texts: samples of one prompt where it can, single replies where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.events import Base, Sampled
from agent.messages import Message, Usage
from agent.models.base import LocalModel, Model, ModelRequest, ReplyChunk, SampleRequest

CONVERSING = 400  # tokens more for a model that cannot be kept from talking around its answer


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, how its answers begin and what ends them; `room` is tokens for one answer."""

    messages: tuple[Message, ...]
    prefill: str
    room: int
    stop: str = "\n```"


class Asking:
    """Asks one model; each request is an event, so that a script can replay it.

    `used` sums what the requests cost.
    """

    def __init__(self, model: Model, emit: Callable[[Base], None], seed: int) -> None:
        self.used = Usage()
        self._model = model
        self._emit = emit
        self._seed = seed

    async def answers(
        self, question: Question, samples: int = 1, temperature: float = 0.0
    ) -> list[str]:
        """Return texts that start with the question's prefill; raises ModelError."""
        self._seed += samples
        if isinstance(self._model, LocalModel):
            texts, usage = await self._sampled(self._model, question, samples, temperature)
            whole = [question.prefill + text for text in texts]
        else:
            texts, usage = await self._replied(question, samples, temperature)
            whole = texts
        self.used += usage
        self._emit(Sampled(texts=tuple(texts), usage=usage))
        return whole

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
            )
        )
        return [each.text for each in found], model.used - before

    async def _replied(
        self, question: Question, samples: int, temperature: float
    ) -> tuple[list[str], Usage]:
        texts: list[str] = []
        usage = Usage()
        for number in range(samples):
            request = ModelRequest(
                question.messages,
                max_tokens=question.room + CONVERSING,
                temperature=temperature,
                seed=self._seed + number,
            )
            async for chunk in self._model.stream(request):
                if isinstance(chunk, ReplyChunk):
                    texts.append(chunk.message.text)
                    usage += chunk.usage
        return texts, usage

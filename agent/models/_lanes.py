"""One continuation being written, and how its next token is chosen."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# a reply that says one thing over and over is cut once it fills so many tokens, so many times; what
# is long, such as two functions in turn, needs fewer times to be no table of data
REPEATS = ((192, 6), (480, 4))
SAME_SPAN = 64  # of one and the same token

Logits = NDArray[np.float32]


class Lane:
    """One continuation being written: its sequence in the cache, its text, its end."""

    def __init__(
        self,
        seed: int,
        temperature: float,
        limit: int,
        stop: Sequence[str],
        constrain: Constraint | None = None,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.temperature = temperature
        self.limit = limit
        self.stop = tuple(stop)
        self.constrain = constrain
        self.tokens: list[int] = []
        self.written = 0  # tokens sampled, also those that a stop string took back
        self.ends: list[int] = []  # length of the text after each token
        self.text = ""
        self.logprob = 0.0
        self.ended: str = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def accept(self, token: int, piece: bytes, logprob: float, final: bool) -> None:
        """Take one sampled token; `final` when it is the model's own end."""
        self.logprob += logprob
        self.written += 1
        if final:
            self.ended = "end"
        else:
            self.tokens.append(token)
            self.text += self._decoder.decode(piece)
            self.ends.append(len(self.text))
            self._look_for_an_end()
        if self.constrain is not None:
            self.constrain.accept(token, self.text, final)
            if self.constrain.complete and not self.ended:
                self.ended = "end"

    def _look_for_an_end(self) -> None:
        window = max((len(word) for word in self.stop), default=0)
        start = max(0, (self.ends[-2] if len(self.ends) > 1 else 0) - window)
        places = [place for word in self.stop if (place := self.text.find(word, start)) >= 0]
        if places:
            self.text = self.text[: min(places)]
            while self.ends and self.ends[-1] > len(self.text):
                self.ends.pop()
                self.tokens.pop()
            self.ended = "stopped"
        elif len(self.tokens) >= self.limit or self._repeats():
            self.ended = "length"

    def _repeats(self) -> bool:
        if len(self.tokens) % 16:
            return False
        if len(self.tokens) >= SAME_SPAN and len(set(self.tokens[-SAME_SPAN:])) == 1:
            return True
        for span, times in REPEATS:
            tail = self.tokens[-span:]
            periods = range(1, span // times + 1) if len(tail) == span else ()
            if any(tail[period:] == tail[:-period] for period in periods):
                return True
        return False

    @property
    def settled(self) -> str:
        """The text that no stop string can take back any more."""
        if self.ended:
            return self.text
        held = 0
        for word in self.stop:
            for size in range(min(len(word) - 1, len(self.text)), held, -1):
                if self.text.endswith(word[:size]):
                    held = size
                    break
        return self.text[: len(self.text) - held].rstrip("\ufffd")


class Constraint:
    """What limits a lane's next token. `complete` ends the lane."""

    complete = False

    def mask(self) -> NDArray[np.bool_] | None:
        """Return the allowed tokens, or None for all."""
        raise NotImplementedError

    def accept(self, token: int, text: str, final: bool) -> None:
        """Learn what was sampled."""
        raise NotImplementedError


class Guesses:
    """Guesses how a text goes on that mostly repeats a draft: as the draft does at the same place.

    The longer the last guesses held, the longer the next one is.
    """

    LONGEST, SHORTEST = 32, 2
    CONTEXT = 3  # tokens that must agree for a place in the draft to be the same place

    def __init__(self, draft: Sequence[int]) -> None:
        self._draft = list(draft)
        self._place = 0  # in the draft, where the text is thought to be
        self._size = self.LONGEST // 2

    def after(self, tokens: Sequence[int], held: int) -> Sequence[int]:
        """Return a guess of what follows; of the last one, `held` tokens were right."""
        self._size = min(self.LONGEST, max(self.SHORTEST, 2 * held))
        last = list(tokens[-self.CONTEXT :])
        size = len(last)
        ends = [
            end
            for end in range(size, len(self._draft) + 1)
            if self._draft[end - size : end] == last
        ]
        if not ends:
            return ()
        self._place = min(ends, key=lambda end: (end < self._place, abs(end - self._place)))
        return self._draft[self._place : self._place + self._size]


def log_softmax(logits: Logits) -> Logits:
    """Return the log-probability of every token, in nats."""
    shifted: Logits = logits - logits.max()
    values: Logits = shifted - np.log(np.exp(shifted).sum())
    return values


def choose(
    logits: Logits, lane: Lane, top_p: float = 0.95, min_p: float = 0.05
) -> tuple[int, float]:
    """Sample the next token of a lane; its log-probability is the model's own, before any mask."""
    allowed = lane.constrain.mask() if lane.constrain is not None else None
    values = logits if allowed is None else np.where(allowed, logits, -np.inf).astype(np.float32)
    if lane.temperature <= 0:
        token = int(values.argmax())
        return token, float(log_softmax(logits)[token])
    best = np.argpartition(values, -64)[-64:]
    best = best[np.argsort(-values[best])]
    weights = np.exp((values[best] - values[best[0]]) / lane.temperature, dtype=np.float64)
    weights /= weights.sum()
    inside = (np.cumsum(weights) - weights < top_p) & (weights >= min_p * weights[0])
    weights = np.where(inside, weights, 0.0)
    token = int(best[lane.random.choice(len(best), p=weights / weights.sum())])
    return token, float(log_softmax(logits)[token])

"""Grammars over a lane: from its first token on, or from the moment it begins a call.

Runs in the child. llguidance computes which tokens may come next in some 30 µs; llama.cpp's own
grammar sampler walks the whole vocabulary in 15 to 50 ms.
"""

from __future__ import annotations

import re
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.models._lanes import Constraint

if TYPE_CHECKING:
    from agent.models._engine import Engine


class BadGrammar(Exception):
    """llguidance cannot read the grammar."""


class Words(Protocol):
    """A model's tokens, and grammars over them."""

    def tokenise(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        ...

    def matcher(self, grammar: str) -> Matcher:
        """Return a matcher for a Lark grammar; raises BadGrammar."""
        ...


class Compiled:
    """The grammars that were used last, read already: one with many names takes a while.

    `tokenizer` is llguidance's form of a model's tokens, of which there are `size`.
    """

    KEPT = 3  # of a conversation, of what is sampled beside it, and one more

    def __init__(self, tokenizer: Any, size: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._read: dict[str, Any] = {}

    def matcher(self, grammar: str) -> Matcher:
        """Return a matcher for a Lark grammar; raises BadGrammar."""
        from llguidance import LLMatcher

        read = self._read.pop(grammar, None)
        if read is None:
            read = LLMatcher(self._tokenizer, LLMatcher.grammar_from_lark(grammar), log_level=0)
            if read.is_error():
                raise BadGrammar(read.get_error())
        self._read[grammar] = read  # the last one used stands last
        while len(self._read) > self.KEPT:
            del self._read[next(iter(self._read))]
        return Matcher(read.deep_copy(), self._size)


class Vocabulary:
    """The model's tokens in llguidance's form, built once per process."""

    _built: Vocabulary | None = None

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # more than a second of work, so it starts before the first mask is wanted
        self._thread = Thread(target=lambda: self._compiled, daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, engine: Engine) -> Vocabulary:
        """Return the vocabulary of the process's one engine."""
        if cls._built is None:
            cls._built = cls(engine)
        return cls._built

    @cached_property
    def _compiled(self) -> Compiled:
        import llama_cpp.llama_cpp as lib
        from llguidance.llamacpp import lltokenizer_from_vocab

        vocab = self.engine.vocab
        ends = [t for t in range(self.engine.vocab_size) if lib.llama_vocab_is_eog(vocab, t)]
        main = int(lib.llama_vocab_eos(vocab))
        tokenizer = lltokenizer_from_vocab(
            vocab, eos_token=[main, *(token for token in ends if token != main)]
        )
        return Compiled(tokenizer, self.engine.vocab_size)

    def matcher(self, grammar: str) -> Matcher:
        """Return a matcher for a Lark grammar; raises BadGrammar."""
        self._thread.join()
        return self._compiled.matcher(grammar)

    def tokenise(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return self.engine.tokenise(text)


class Matcher:
    """How far one text has come in its grammar."""

    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher = matcher
        self._size = size
        self._bits = np.zeros((1, (size + 31) // 32), dtype=np.int32)

    def mask(self) -> NDArray[np.bool_]:
        """Return which tokens may come next."""
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(self._matcher, self._bits)
        self.sound()
        bits = np.unpackbits(self._bits.view(np.uint8), bitorder="little")
        return bits[: self._size].view(np.bool_)

    def take(self, tokens: list[int]) -> bool:
        """Go on by tokens; False when the grammar does not allow them."""
        taken = int(self._matcher.try_consume_tokens(tokens))
        return taken == len(tokens)

    def sound(self) -> None:
        """Raise BadGrammar where it broke off: some are too large, which shows on the way."""
        if self._matcher.is_error():
            raise BadGrammar(self._matcher.get_error())

    @property
    def complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())


class Throughout(Constraint):
    """The whole text is in the grammar."""

    def __init__(self, vocabulary: Words, grammar: str) -> None:
        self._matcher = vocabulary.matcher(grammar)

    def mask(self) -> NDArray[np.bool_] | None:
        """Return what the grammar allows."""
        return self._matcher.mask()

    def accept(self, token: int, text: str, final: bool) -> None:
        """Go on in the grammar."""
        if not final:
            self._matcher.take([token])
            self._matcher.sound()  # else its end looks like that of the text
            self.complete = self._matcher.complete


class AfterTrigger(Constraint):
    """Free text, but what the grammar allows once a call has begun; then free text again.

    `trigger` is a regular expression; the grammar covers the text from its group `call` on. Behind
    a call that the expression of `then` matches, it is the grammar beside that one which counts.
    With `once` the text ends behind the first call, and the fence around it.
    """

    def __init__(
        self,
        vocabulary: Words,
        trigger: str,
        grammar: str,
        then: tuple[str, str] | None = None,
        once: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._trigger = re.compile(trigger)
        self._grammar = grammar
        self._then = then
        self._once = once
        self._called = False
        self._matcher: Matcher | None = None
        self._seen = 0  # of the text: no trigger is looked for before it
        self._begun = 0  # where the last call begins

    def mask(self) -> NDArray[np.bool_] | None:
        """Return what the grammar allows while it is on."""
        return None if self._matcher is None else self._matcher.mask()

    def accept(self, token: int, text: str, final: bool) -> None:
        """Go on in the grammar, or look whether it begins."""
        if final:
            return
        if self._matcher is not None:
            if not self._matcher.take([token]) or self._matcher.complete:
                self._called = self._matcher.complete
                self._matcher = None
                if self._then is not None and re.match(self._then[0], text[self._begun :]):
                    self._grammar = self._then[1]
            self._seen = len(text)
        if self._once and self._called:
            before = text[: self._begun].rstrip()
            fenced = before.endswith(("```", "```json")) and before.count("```") % 2 == 1
            self.complete = not fenced or text.count("```", self._begun) % 2 == 1
            return
        if self._matcher is not None:
            return
        match = self._trigger.search(text, self._seen)
        if match is None:
            return
        self._seen, self._begun = match.end(), match.start("call")
        matcher = self._vocabulary.matcher(self._grammar)
        begun = self._vocabulary.tokenise(text[self._begun :])
        if matcher.take(begun):
            self._matcher = matcher

"""A thought that has gone on for long enough is ended for the model, which then answers.

Runs in the child, where the tokens are chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.models._lanes import Constraint
from agent.models.dialects.channels import THOUGHTS

if TYPE_CHECKING:
    from agent.models._engine import Engine

# by the mark that begins a thought: the one that ends it, and what is written to end it
_ENDS = {opener: (closer, f"\n{closer}\n\n") for opener, closer in THOUGHTS}
_ENDS["<|channel|>analysis<|message|>"] = (
    "<|end|>",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
)
_FIRST = THOUGHTS[0][0]  # what a template may have written already


class Cap(Constraint):
    """Lets a reply think for at most so many tokens, then writes the end of the thought.

    Beside that it is as strict as `inner`. `opened` says that the prompt ended inside of a thought.
    `hit` tells whether one had to be ended.
    """

    def __init__(
        self,
        engine: Engine,
        most: int,
        *,
        opened: bool = False,
        inner: Constraint | None = None,
    ) -> None:
        self.hit = False
        self._engine = engine
        self._most = most
        self._inner = inner
        self._end, self._written = _ENDS[_FIRST] if opened else ("", "")
        self._at = 0  # where the thought, or what may be one, begins in the text
        self._tokens = 0  # of thinking so far
        self._owed: list[int] = []  # what must come next
        self._answers = False

    def mask(self) -> NDArray[np.bool_] | None:
        """Return the one token that is owed, else what `inner` allows."""
        if not self._owed:
            return self._inner.mask() if self._inner is not None else None
        only = np.zeros(self._engine.vocab_size, dtype=np.bool_)
        only[self._owed[0]] = True
        return only

    def accept(self, token: int, text: str, final: bool) -> None:
        """Look how the thought goes on."""
        if self._inner is not None:
            self._inner.accept(token, text, final)
            self.complete = self._inner.complete
        del self._owed[:1]
        if not (final or self._owed or self._answers):
            self._look(text)

    def _look(self, text: str) -> None:
        while not self._answers:
            if self._end:
                found = text.find(self._end, self._at)
                if found < 0:
                    self._think()
                    return
                self._at, self._end = found + len(self._end), ""
            start = text[self._at :].lstrip()
            opener = next((each for each in _ENDS if start.startswith(each)), "")
            if opener:
                self._end, self._written = _ENDS[opener]
                self._at = len(text) - len(start) + len(opener)
            elif any(each.startswith(start) for each in _ENDS):
                return  # not known yet
            else:
                self._answers = True

    def _think(self) -> None:
        self._tokens += 1
        if self._tokens > self._most:
            self.hit = True
            self._owed = self._engine.tokenise(self._written, True)

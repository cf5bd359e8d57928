"""What a reply was asked for with, in so few bytes that the log can keep it of each request.

A log has all that its requests were made of, but not the requests: they are made again by the
program that reads it, which may be another version. By these digests a replay can tell whether it
would ask the same, and name the first message that is not as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.messages import AssistantMessage, Message
from tools.base import Frozen

if TYPE_CHECKING:
    from agent.models.base import ModelRequest

LETTERS = 8  # of a digest: enough to tell a change from none, and no secret is hidden in it
# what only one provider or engine understands, and what follows from the rest
_LEFT_OUT = {"tokens", "replay", "raw"}


class Requested(Frozen):
    """One request: the first `kept` messages of the one before it, then `new` ones, by digest.

    `options` says in words what bounds the reply.
    """

    kept: int = 0
    new: tuple[str, ...] = ()
    options: str = ""

    def after(self, before: Sequence[str]) -> tuple[str, ...]:
        """Return the digests of all its messages; `before` are those of the request before it."""
        return (*before[: self.kept], *self.new)


class Requests:
    """Tells of the requests of one conversation; what was digested once is kept."""

    def __init__(self) -> None:
        # by identity: messages never change; held here, so that no other one has its place
        self._known: dict[int, tuple[Message, str]] = {}

    def told(self, request: ModelRequest, before: Sequence[str]) -> Requested:
        """Return what to note of a request; `before` as `Requested.after` has it."""
        now = [self._digest(each) for each in request.messages]
        kept = 0
        while kept < min(len(before), len(now)) and before[kept] == now[kept]:
            kept += 1
        return Requested(kept=kept, new=tuple(now[kept:]), options=_options(request))

    def _digest(self, message: Message) -> str:
        found = self._known.get(id(message))
        if found is None:
            found = self._known[id(message)] = (message, _digest(_text(message)))
        return found[1]


def _text(message: Message) -> str:
    left_out = _LEFT_OUT if isinstance(message, AssistantMessage) else None
    return message.model_dump_json(exclude=left_out)


def _options(request: ModelRequest) -> str:
    """Return, in words, what bounds the reply, as far as the harness chose it."""
    said = [f"effort {request.effort}"]
    said += [f"temperature {request.temperature:g}"] if request.temperature else []
    said += ["words only"] if request.words else []
    said += ["an answer in a form"] if request.schema is not None else []
    said += [f"not {', '.join(sorted(request.barred))}"] if request.barred else []
    return "; ".join(said)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:LETTERS]

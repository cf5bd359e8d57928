"""A model that gives the replies of a log, and compares what it is asked for with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from agent.asked import Asked, Asking
from agent.compaction import ASKED
from agent.errors import (
    Blocked,
    BudgetSpent,
    ContextOverflow,
    Failed,
    ModelUnusable,
    ProviderFailed,
    WispError,
)
from agent.events import (
    HistoryCompacted,
    MessageFinished,
)
from agent.history import History
from agent.messages import AssistantMessage, Message
from agent.models.base import Chunk, ModelRequest, ReplyChunk
from agent.models.choose import SCRIPTED
from agent.models.estimate import Estimate
from agent.models.rendering import counted
from agent.models.scripted import Script
from agent.models.three_roles import in_three_roles
from agent.replay.following import Cut, Diverged, Followed
from tools.base import ToolSchema

LIMIT = "the limit of"  # how the errors begin that a bound of the user's is told by
_ERRORS: dict[int, type[WispError]] = {
    ModelUnusable.exit_code: ModelUnusable,
    Blocked.exit_code: Blocked,
    ContextOverflow.exit_code: ContextOverflow,
    ProviderFailed.exit_code: ProviderFailed,
}


def ending(followed: Followed) -> BaseException:
    """Return what ended the turn where its log goes no further, to be raised there again."""
    end = followed.end
    if end is None or followed.cut:
        followed.stop()
        return Cut()
    if not end.error:
        head = followed.head
        return Diverged(f"it goes on where the log has {type(head).__name__ if head else 'ended'}")
    if end.error.startswith(LIMIT):
        return BudgetSpent(end.error, end.hint)
    return _ERRORS.get(end.exit_code, Failed)(end.error, end.hint)


class RecordedModel:
    """Gives the replies that a log has, and looks at what it is asked for with."""

    sees: bool | None = True

    def __init__(self, name: str, host: str = "", local: bool | None = None) -> None:
        self.name = name
        self.host = host
        self.followed = Followed((), lambda event: None)
        self.context_window, self.small = 0, False
        self.local = local is None or local
        self._local = local
        self._asking = Asking()
        self._estimate = Estimate()
        self._ours = False
        self._script = Script(()) if name.startswith(SCRIPTED.rstrip(":")) else None
        self._history = History()

    def anew(self, name: str) -> RecordedModel:
        """Return a model for another process, which knows of no request so far."""
        model = RecordedModel(name)
        if name == self.name:
            model.context_window, model.small, model.local = (
                self.context_window,
                self.small,
                self.local,
            )
        return model

    def follow(self, followed: Followed, history: History) -> None:
        """Give the next replies of a turn, asked with this history."""
        self.followed, self._history = followed, history
        later = followed.later(MessageFinished)
        if later is not None and later.asked is not None:
            self._be(later.asked)

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Count as a model of its kind does: a script, one in an engine of ours, one elsewhere."""
        if self._script is not None:
            return self._script.count(messages, tools)
        return self._estimate.count(self._put(messages, tools))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Give the next reply. Raises Diverged, Cut, and the ModelError that ended the turn."""
        head = self.followed.head
        if isinstance(head, HistoryCompacted):
            if request.words and request.messages[-1].text.startswith(ASKED):
                if not head.summary:
                    raise ProviderFailed("it did not sum up")
                message = AssistantMessage(text=head.summary)
                yield ReplyChunk(message, head.usage)
                return
            raise ContextOverflow("it did not fit")
        if not isinstance(head, MessageFinished):
            raise ending(self.followed)
        if head.asked is not None:
            self._be(head.asked)
            self._compare(request, head.asked)
        if self._script is None:
            self._estimate.learn(self._put(request.messages, request.tools), head.usage.input)
        yield ReplyChunk(head.message, head.usage, stop=head.stop, problem=head.problem)

    async def start(self) -> None:
        """Nothing takes long."""

    async def close(self) -> None:
        """Nothing runs for it."""

    def _be(self, asked: Asked) -> None:
        self.context_window, self.small = asked.window, asked.small
        self.local = asked.local if self._local is None else self._local

    def _compare(self, request: ModelRequest, then: Asked) -> None:
        before = self._history.asked
        now = self._asking.of(request, self, before)
        old, new = then.after(before), now.after(before)
        for number, (was, is_now) in enumerate(zip(old, new, strict=False), 1):
            if was != is_now:
                message = request.messages[number - 1]
                what = f"{message.role}: {' '.join(message.text.split())[:60]!r}"
                raise Diverged(f"message {number} of the request is another one now, {what}")
        if len(old) != len(new):
            raise Diverged(f"the request had {len(old)} messages and has {len(new)}")
        if then.tools != now.tools:
            raise Diverged("the model is told of its tools in other words, or of others")
        if then.options != now.options:
            raise Diverged(f"the reply was bound by `{then.options}` and is by `{now.options}`")

    def _put(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema]
    ) -> Sequence[Mapping[str, Any]]:
        later = self.followed.later(MessageFinished)
        # only our own engine says which tokens it sampled
        self._ours = self._ours or (
            isinstance(later, MessageFinished) and bool(later.message.tokens)
        )
        return in_three_roles(messages, tools) if self._ours else counted(messages, tools)

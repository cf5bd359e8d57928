"""Making room in the conversation, in the order of what it costs the model to forget.

Old observations are masked first: the model can make the call again. Where that does not make
enough room, the oldest messages give way to one that sums them up. What must survive stands in it
word for word (`agent.essentials`); what was found out is told by the model itself where it is large
enough to be trusted with that, and else in one line for each call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.asked import Asked
from agent.errors import ContextOverflow, ModelError
from agent.events import Emit, HistoryCompacted, SummaryGiven
from agent.history import History, fixed, mask
from agent.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from agent.models.base import Model, ModelRequest
from agent.replies import Replies
from tools.base import ToolSchema
from tools.truncate import shorten

FULL_AT = 0.85  # of the window; the rest is for the reply
MASK_TO = 0.6  # of the window, what masking aims at
SUM_TO = 0.4  # of it, what summing up aims at: all that stays is read again, locally at full price
STEP_AT_MOST = 0.7  # of it: the last step stays as it is where the whole is no more than that
KEEP_RECENT = 2  # observations that are never masked
SHORT = 240  # characters of an observation that is not worth masking
SHARE = 0.25  # of the window for what replaces messages, unless what must stay is more
LETTERS = 3  # characters of a token, rather too few
RESULT = 0.2  # of the window, the most of one observation

HEAD = "To make room, the session so far was summed up. What stands here is as it was said.\n\n"
ASKED = """\
The conversation gets too long and is cut: all of it will be replaced by your next reply. Sum it up
for yourself, in at most 300 words and without calling a tool: what you found out (files, functions,
facts), what was decided and why, what was tried and did not work, what is left to do. The user's
words, the plan, the names of changed files and the last failure are kept beside it anyway."""
FOCUS = "\nAbove all keep: {}"
SUMMARY = "What was found out and decided:\n"

Count = Callable[[Sequence[Message]], int]


def result_bytes(window: int) -> int:
    """Return how much of the answer to one call a window of so many tokens can bear, in bytes."""
    return int(window * RESULT * LETTERS)


@dataclass
class Compaction:
    """Makes room in one conversation; `replies` has what models that sum up use."""

    history: History
    emit: Emit
    replies: Replies

    async def make_room(
        self, model: Model, tools: tuple[ToolSchema, ...], *, tightest: bool = False
    ) -> bool:
        """Make room where the window fills, and say whether any was made.

        With `tightest` all that is possible, since the model found it longer than we had thought.
        Raises ContextOverflow when what is left does not fit.
        """
        window, count = model.context_window, _counter(model, tools)
        before = count(self.history.messages)
        if before <= window * FULL_AT and not tightest:
            return False
        masked, after = masking(self.history.messages, window, count, tightest)
        if masked and (after <= window * MASK_TO or tightest):
            self.emit(HistoryCompacted(masked=tuple(masked), before=before, after=after))
            if after <= window * FULL_AT:
                return True
        # what did not fit as it was cannot be handed over to be summed up
        asking = None if tightest or model.small else model
        if await self._sum_up(asking, tools, before, min(window, before), count):
            return True
        if masked and after <= window * FULL_AT:
            self.emit(HistoryCompacted(masked=tuple(masked), before=before, after=after))
            return True
        if tightest:
            return False
        size = count(self.history.messages)
        message = f"the request needs about {size:,} tokens, the window has {window:,}"
        raise ContextOverflow(message, "ask for less at once, or use a model with more context")

    async def sum_up(self, model: Model, tools: tuple[ToolSchema, ...], focus: str) -> bool:
        """Sum up all that can be, because the user wants it; `focus` is what they want kept.

        Says whether it became shorter.
        """
        count = _counter(model, tools)
        before = count(self.history.messages)
        return await self._sum_up(
            None if model.small else model, tools, before, model.context_window, count, focus, 0.0
        )

    async def _sum_up(
        self,
        model: Model | None,
        tools: tuple[ToolSchema, ...],
        before: int,
        window: int,
        count: Count,
        focus: str = "",
        aim: float = SUM_TO,
    ) -> bool:
        if len(_since(self.history.messages)) < 2:
            return False
        summary, usage = ("", Usage()) if model is None else await self._told(model, tools, focus)
        if focus and not summary:
            summary = f"The user wants above all kept: {focus}"
        found = replacing(self.history, window, count, summary, aim)
        if found is None or found.after >= before:
            return False
        self.emit(
            HistoryCompacted(
                replaced=found.count,
                text=found.text,
                before=before,
                after=found.after,
                usage=usage,
            )
        )
        return True

    async def _told(
        self, model: Model, tools: tuple[ToolSchema, ...], focus: str
    ) -> tuple[str, Usage]:
        """Return what the model says of it, empty where it fails, and what that used."""
        words = ASKED + (FOCUS.format(focus) if focus else "")
        messages = (*self.history.messages, UserMessage(text=words, by="harness"))
        quiet = Replies(self.emit, aloud=False)
        try:
            reply = await quiet.ask(model, ModelRequest(messages, tools, words=True))
            most = int(model.context_window * SHARE * LETTERS)
            said = reply.message.text
            text = shorten(said.strip(), size=most)
        except ModelError:
            # the next request tells what is wrong with the model; this one can do without
            said = text = ""
        finally:
            self.replies.usage += quiet.usage
        self.emit(SummaryGiven(text=said, asked=Asked.of(model, tools)))
        return (SUMMARY + text if text else ""), quiet.usage


def _since(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages since the conversation was summed up last."""
    rest = messages[fixed(messages) :]
    return rest[1:] if rest and rest[0].text.startswith(HEAD) else rest


def _counter(model: Model, tools: Sequence[ToolSchema]) -> Count:
    return lambda messages: model.count(messages, tools)


def maskable(messages: Sequence[Message]) -> list[str]:
    """Return the ids of the observations that may be masked, oldest first."""
    found = [
        message.call_id
        for message in messages
        if isinstance(message, ToolMessage) and len(message.text) > SHORT
    ]
    return found[:-KEEP_RECENT]


def masking(
    messages: list[Message], window: int, count: Count, tightest: bool
) -> tuple[list[str], int]:
    """Return which observations to mask, as few as it takes, and the size in tokens then.

    All that may be where that is not enough, or with `tightest`.
    """
    found = maskable(messages)

    def size(number: int) -> int:
        return count(mask(messages, frozenset(found[:number])))

    number = len(found)
    if not tightest:  # a long session that goes on may have thousands
        enough = range(1, number)
        number = 1 + bisect_left(enough, True, key=lambda n: size(n) <= window * MASK_TO)
    masked = found[:number]
    return masked, size(number)


@dataclass(frozen=True, slots=True)
class Replacing:
    """How many messages behind the system prompt give way to a text, and the size then."""

    count: int
    text: str
    after: int  # tokens


def replacing(
    history: History, window: int, count: Count, summary: str, aim: float
) -> Replacing | None:
    """Return what to replace so that as much as fits the aim stays as it was.

    No call is parted from its answer. Where even the last step is too long to stay, nothing does
    but what survives every compaction; None where that does not fit either.
    """
    messages = history.messages
    start, last = fixed(messages), len(messages)
    ends = [at for at in range(start + 1, last) if not isinstance(messages[at], ToolMessage)] + [
        last
    ]

    def made(end: int) -> Replacing:
        tail = messages[end:]
        text = _text(history, tail, int(window * SHARE * LETTERS), summary)
        after = [*messages[:start], UserMessage(text=text, by="harness"), *tail]
        return Replacing(end - start, text, count(after))

    at = bisect_left(ends, True, key=lambda end: made(end).after <= window * aim)
    end = ends[min(at, len(ends) - 1)]
    step = max((at for at in ends[:-1] if isinstance(messages[at], AssistantMessage)), default=last)
    if end > step and made(step).after <= window * STEP_AT_MOST:
        end = step
    found = made(end)
    return found if found.after <= window * FULL_AT else None


def _text(history: History, tail: Sequence[Message], size: int, summary: str) -> str:
    calls = {each.call_id for each in tail if isinstance(each, ToolMessage)}
    words = [each.text for each in tail if isinstance(each, UserMessage) and each.by == "user"]
    prompts = 0
    for said in reversed(history.essentials.said):
        while words and not words[-1].startswith(said):
            words.pop()  # what the user ran and brought is no prompt
        if not words:
            break
        words.pop()
        prompts += 1
    return HEAD + history.essentials.told(size, summary, calls, prompts)

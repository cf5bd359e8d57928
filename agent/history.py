"""The conversation as a fold of events: what the model is shown is what the log can rebuild.

Only appended to, so that request k+1 starts with request k. The one exception is a compaction,
which masks old observations: what they were stays, what they said goes. Where text came from is
folded too: a compaction may take it out of sight, but what the model made of it is still there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

from agent.events import (
    Base,
    HarnessSpoke,
    HistoryCompacted,
    MessageFinished,
    PromptTaken,
    SessionResumed,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agent.policy import Taint
from agent.taint import Foreign
from tools.base import ToolCall

KEEP_RECENT = 2  # observations that a compaction never masks
FULL_AT = 0.85  # of the window; the rest is for the reply
COMPACT_TO = 0.6  # of the window, what a compaction aims at
SHORT = 240  # characters of an observation that is not worth masking
NOT_RUN = "Error: not run, since the turn ended before it"
LOST = "Error: the result is lost, since the log is damaged; it may have had effects"


class History:
    """The messages so far, and the calls still open."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.open: dict[str, ToolCall] = {}
        self._model = ""
        self._users: dict[str, ToolCall] = {}  # calls of the user's own that run
        self._told: list[UserMessage] = []  # what they brought; the model reads it next
        self._foreign = Foreign()

    @property
    def taint(self) -> Taint | None:
        """What has entered that neither the user nor the project wrote; None for nothing."""
        return self._foreign.taint

    @classmethod
    def of(cls, events: Iterable[Base]) -> History:
        """Fold a whole log."""
        history = cls()
        for event in events:
            history.apply(event)
        return history

    def apply(self, event: Base) -> None:
        """Take in one event; those that the model is not told of change nothing.

        What bears the number of an attempt belongs to the conversation of that attempt.
        """
        if event.attempt is not None:
            return
        match event:
            case SessionStarted(system=system, model=model):
                self._model = model
                self.messages += [SystemMessage(text=system)] if system else []
            case SessionResumed():
                self._go_on(event)
            case StepStarted():
                self._tell()
            case TurnStarted(kind="check"):
                pass  # what it came to stands behind the next prompt
            case TurnStarted(prompt=prompt, context=context, images=images, origin=origin):
                self._tell()
                text = f"{prompt}\n\n{context}" if context else prompt
                self.messages.append(UserMessage(text=text, images=images, origin=origin))
                self._foreign.take(origin, prompt.partition(f"\n{origin}\n")[2] or prompt)
            case HarnessSpoke(text=text):
                self.messages.append(UserMessage(text=text, by="harness"))
            case PromptTaken(prompt=prompt):
                self.messages.append(UserMessage(text=prompt))
            case MessageFinished(message=message):
                self.messages.append(message)
            case ToolRequested(call=call, by="model"):
                self.open[call.id] = call
            case ToolRequested(call=call, by="user"):
                self._users[call.id] = call
            case ToolFinished(call_id=call_id, result=result) if call_id in self._users:
                words = _in_words(self._users.pop(call_id))
                text = f"I ran `{words}` myself. What it said:\n{result.text}"
                self._told.append(UserMessage(text=text, origin=result.origin))
                self._foreign.take(result.origin, result.text)
            case ToolFinished(call_id=call_id, result=result) if call_id in self.open:
                call = self.open.pop(call_id)
                self.messages.append(
                    ToolMessage(
                        call_id=call_id,
                        name=call.name,
                        text=result.text,
                        ok=result.ok,
                        origin=result.origin,
                    )
                )
                self._foreign.take(result.origin, result.text)
            case TurnFinished():
                self._answer_rest()
            case HistoryCompacted(masked=masked):
                self.messages = mask(self.messages, frozenset(masked))
            case _:
                pass

    def _go_on(self, resumed: SessionResumed) -> None:
        if resumed.model != self._model:  # the tokens of one model mean nothing to another
            self._model = resumed.model
            self.messages = [
                AssistantMessage(text=each.text, thinking=each.thinking, calls=each.calls)
                if isinstance(each, AssistantMessage)
                else each
                for each in self.messages
            ]
        if resumed.system:
            self.messages.insert(0, SystemMessage(text=resumed.system))

    def _tell(self) -> None:
        """Append what waited: between a reply and the results of its calls nothing may stand."""
        self.messages += self._told
        self._told = []

    def _answer_rest(self) -> None:
        """Answer the calls of the last reply that a cancellation left: a model expects one each."""
        answered: set[str] = set()
        for message in reversed(self.messages):
            if isinstance(message, ToolMessage):
                answered.add(message.call_id)
            elif isinstance(message, AssistantMessage):
                self.messages += [
                    _not_run(call) for call in message.calls if call.id not in answered
                ]
                return


def _in_words(call: ToolCall) -> str:
    """Return a call as its user wrote it: a command, or the arguments of another tool."""
    given = ", ".join(f"{k}={v}" for k, v in call.arguments.items())
    return str(call.arguments.get("command") or f"{call.name} {given}")


def _not_run(call: ToolCall, why: str = NOT_RUN) -> ToolMessage:
    return ToolMessage(call_id=call.id, name=call.name, text=why, ok=False)


def whole(messages: list[Message]) -> list[Message]:
    """Return what a damaged log gave with each call answered, and no answer without its call."""
    kept: list[Message] = []
    asked: dict[str, ToolCall] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            if asked.pop(message.call_id, None) is None:
                continue
        else:
            kept += [_not_run(call, LOST) for call in asked.values()]
            asked.clear()
        if isinstance(message, AssistantMessage):
            asked = {call.id: call for call in message.calls}
        kept.append(message)
    return kept + [_not_run(call, LOST) for call in asked.values()]


def maskable(messages: list[Message]) -> list[str]:
    """Return the ids of the observations that may be masked, oldest first."""
    found = [
        message.call_id
        for message in messages
        if isinstance(message, ToolMessage) and len(message.text) > SHORT
    ]
    return found[:-KEEP_RECENT]


MASKED = "[left out: "


def mask(messages: list[Message], ids: frozenset[str]) -> list[Message]:
    """Return the messages with these observations replaced by what they were."""
    calls: dict[str, ToolCall] = {}
    masked: list[Message] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            calls.update({call.id: call for call in message.calls})
        if isinstance(message, ToolMessage) and message.call_id in ids:
            call = calls.get(message.call_id)
            words = ", ".join(f"{k}={v}" for k, v in (call.arguments if call else {}).items())
            what = " ".join(f"{message.name} {words}".split())[:120]
            lines = message.text.count("\n") + 1
            text = f"{MASKED}{lines} lines of `{what}`; call it again if you need them]"
            message = message.model_copy(update={"text": text})
        masked.append(message)
    return masked


def room_for(
    messages: list[Message], window: int, count: Callable[[list[Message]], int], tightest: bool
) -> tuple[list[str], int]:
    """Return which observations to mask so that the messages fit, and their size then.

    Nothing when they fit already, unless `tightest`, which masks all that may be. Sizes are tokens.
    """
    size = count(messages)
    if size <= window * FULL_AT and not tightest:
        return [], size
    found = maskable(messages)

    def masking(number: int) -> int:
        return count(mask(messages, frozenset(found[:number])))

    number = len(found)
    if not tightest:  # as few as it takes; a long session that goes on may have thousands
        enough = range(1, number)
        number = 1 + bisect_left(enough, True, key=lambda n: masking(n) <= window * COMPACT_TO)
    masked = found[:number]
    return masked, masking(number) if masked else size

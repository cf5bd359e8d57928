"""The conversation as a fold of events: what the model is shown is what the log can rebuild.

Only appended to, so that request k+1 starts with request k. The one exception is a compaction,
which masks old observations (what they were stays, what they said goes) or puts one message in the
place of the oldest ones. Where text came from is folded too: a compaction may take it out of sight,
but what the model made of it is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.essentials import Essentials, in_words
from agent.events import (
    Base,
    HarnessSpoke,
    HistoryCompacted,
    InstructionsTold,
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
        self.requested: tuple[str, ...] = ()  # the digests of the messages of the last request
        self.essentials = Essentials()  # what no compaction takes away

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
        self.essentials.take(event)
        match event:
            case SessionStarted(system=system, model=model):
                self._model = model
                self.messages += [SystemMessage(text=system)] if system else []
            case SessionResumed():
                self._go_on(event)
            case StepStarted():
                self._tell()
            case TurnStarted(kind="check" | "compact"):
                pass  # what it came to stands behind the next prompt, if anywhere
            case TurnStarted(prompt=prompt, context=context, images=images, origin=origin):
                self._tell()
                text = f"{prompt}\n\n{context}" if context else prompt
                self.messages.append(UserMessage(text=text, images=images, origin=origin))
                self._foreign.hear(origin, text)
            case HarnessSpoke(text=text) | InstructionsTold(text=text):
                self.messages.append(UserMessage(text=text, by="harness"))
            case PromptTaken(prompt=prompt, context=context, origin=origin):
                text = f"{prompt}\n\n{context}" if context else prompt
                self.messages.append(UserMessage(text=text, origin=origin))
                self._foreign.hear(origin, text)
            case MessageFinished(message=message, request=request):
                self.messages.append(message)
                self.requested = request.after(self.requested) if request is not None else ()
            case ToolRequested(call=call, by="model"):
                self.open[call.id] = call
            case ToolRequested(call=call, by="user"):
                self._users[call.id] = call
            case ToolFinished(call_id=call_id, result=result) if call_id in self._users:
                words = _typed(self._users.pop(call_id))
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
            case HistoryCompacted(masked=masked, replaced=replaced, text=text):
                self.messages = mask(self.messages, frozenset(masked))
                if replaced:
                    self._replace(replaced, text)
            case _:
                pass

    def _replace(self, count: int, text: str) -> None:
        """Put one message in the place of the oldest so many behind the system prompt."""
        start = fixed(self.messages)
        old = self.messages[start : start + count]
        lines = [line for each in old for line in getattr(each, "origin", "").split("\n")]
        origin = "\n".join(dict.fromkeys(filter(None, lines)))
        summed = UserMessage(text=text, by="harness", origin=origin)
        self.messages[start : start + count] = [summed]

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


def _typed(call: ToolCall) -> str:
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


def fixed(messages: Sequence[Message]) -> int:
    """Return how many messages at the beginning no compaction touches: the system prompt."""
    return 1 if messages and isinstance(messages[0], SystemMessage) else 0


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
            what = in_words(call) if call else message.name
            lines = message.text.count("\n") + 1
            text = f"{MASKED}{lines} lines of `{what}`; call it again if you need them]"
            message = message.model_copy(update={"text": text})
        masked.append(message)
    return masked

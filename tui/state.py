"""What the header, the slider and the meters show: a fold of events, and nothing of widgets."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptFinished,
    AttemptStarted,
    AutonomyChanged,
    Base,
    BytesLeft,
    CheckFinished,
    CheckStarted,
    EffortChanged,
    HistoryCompacted,
    MessageFinished,
    ModelRetried,
    PhaseStarted,
    Prefill,
    PromptQueued,
    PromptTaken,
    QuestionAnswered,
    QuestionAsked,
    Sampled,
    SessionResumed,
    SessionStarted,
    StanceTaken,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.grants import Grant
from agent.messages import Usage
from agent.policy import Autonomy, Stance
from agent.taint import Foreign
from sandbox.base import Containment
from tools.base import ToolCall
from tui.words import target

SETTLED_S = 0.5  # of a reply or a reading, before a rate is worth saying
_LETTERS = 4  # that are about a token, where a delta is more than one
_PHASES = {
    "reproduce": "reproducing",
    "localise": "localising",
    "propose": "proposing",
    "verify": "verifying",
    "select": "selecting",
}


@dataclass(slots=True)
class Reading:
    """How far the model has read the prompt, in tokens; `since` is when it was at `first`."""

    first: int
    since: float
    done: int
    total: int
    now: float

    @property
    def left(self) -> float | None:
        """Seconds until it is read, None while nobody can know."""
        took = self.now - self.since
        read = self.done - self.first
        if took < SETTLED_S or read <= 0:
            return None
        return (self.total - self.done) * took / read


@dataclass(slots=True)
class State:
    """What stands now. `local`, `host`, `window` and `why_not` are no events: the app sets them.

    `context` and `cached` are tokens of the session's own last request; `rate` is in tokens a
    second, of the reply that streams or the last one.
    """

    model: str = ""
    local: bool = True
    host: str = ""  # who is sent what the model is asked
    window: int = 0
    why_not: str = ""  # the containment is not FULL
    context: int = 0
    cached: int = 0
    reading: Reading | None = None
    rate: float = 0.0
    spent: Usage = field(default_factory=Usage)  # of the turns that have ended
    turn: Usage = field(default_factory=Usage)  # of this one so far
    left: dict[str, int] = field(default_factory=dict)  # bytes, by host
    stance: Stance = field(default_factory=lambda: Stance(Autonomy.ASK, Containment.NONE))
    effort: int = 2
    working: bool = False
    began: float = 0.0  # the turn, as events tell the time
    ended: float = 0.0
    step: int = 0
    attempt: int = 0
    doing: str = ""  # in a word or two; text of others, not yet made harmless
    queued: list[str] = field(default_factory=list)
    calls: dict[str, ToolCall] = field(default_factory=dict)  # those that are open
    asked: dict[str, ApprovalAsked] = field(default_factory=dict)  # those that wait for an answer
    questions: int = 0
    _foreign: Foreign = field(default_factory=Foreign)
    _pieces: int = 0
    _letters: int = 0
    _streaming: float = 0.0  # since when

    @property
    def waiting(self) -> bool:
        """Whether a person is asked something."""
        return bool(self.asked) or self.questions > 0

    @property
    def usage(self) -> Usage:
        """What all turns have used."""
        return self.spent + self.turn

    def elapsed(self, now: float) -> float:
        """Return how many seconds the turn has taken, or the last one took."""
        return max(0.0, (now if self.working else self.ended) - self.began)

    def take(self, event: Base) -> bool:
        """Take in an event and say whether something that is shown has changed."""
        match event:
            case ThinkingDelta(text=text):
                return self._stream("thinking", text, event.time)
            case TextDelta(text=text):
                return self._stream("writing", text, event.time)
            case Prefill(done=done, total=total):
                self._read(done, total, event.time)
            case MessageFinished(usage=usage):
                self._replied(usage, event)
            case StepStarted(step=step):
                self.step, self.doing = step, "reading"
                self._quiet()
            case ModelRetried():
                self.doing = "trying again"
                self._quiet()
            case Sampled(usage=usage):
                self.turn += usage
            case HistoryCompacted(after=after, usage=usage):
                self.context, self.cached = after, 0
                self.turn += usage
            case BytesLeft(to=to, count=count):
                self.left[to] = self.left.get(to, 0) + count
            case TurnStarted() | TurnFinished() | PromptQueued():
                self._turned(event)
            case EffortChanged(effort=effort):
                self.effort = effort
            case QuestionAsked():
                self.questions += 1
            case QuestionAnswered():
                self.questions = max(0, self.questions - 1)
            case _:
                return self._stood(event) or self._called(event) or self._repaired(event)
        return True

    # -- one kind of event each

    def _stream(self, doing: str, text: str, now: float) -> bool:
        before = (self.doing, self.reading, f"{self.rate:.1f}")
        if not self._pieces:
            self._streaming = now
        self._pieces += 1
        self._letters += len(text)
        took = now - self._streaming
        if took >= SETTLED_S:  # a delta is a token or more of them
            self.rate = max(self._pieces - 1, self._letters // _LETTERS) / took
        self.doing, self.reading = doing, None
        return before != (self.doing, None, f"{self.rate:.1f}")

    def _read(self, done: int, total: int, now: float) -> None:
        if done >= total:
            self.reading = None
            return
        old = self.reading
        if old is None or old.total != total or done < old.done:
            old = Reading(done, now, done, total, now)
        old.done, old.now = done, now
        self.reading, self.doing = old, "reading"

    def _replied(self, usage: Usage, event: Base) -> None:
        took = event.time - self._streaming
        if self._pieces and took >= SETTLED_S and usage.output:
            self.rate = usage.output / took
        self.turn += usage
        if event.attempt is None:  # attempts are no part of the session's own conversation
            self.context, self.cached = usage.input + usage.output, usage.cached
        self._quiet()

    def _quiet(self) -> None:
        self._pieces = self._letters = 0
        self.reading = None

    def _turned(self, event: Base) -> None:
        match event:
            case TurnStarted(prompt=prompt, context=context, origin=origin):
                self.working, self.began, self.ended = True, event.time, event.time
                self.step = self.attempt = 0
                self.doing, self.turn = "starting", Usage()
                self._withdraw(prompt)
                self._foreign.hear(origin, f"{prompt}\n\n{context}")
                self.stance.taint = self._foreign.taint
            case TurnFinished(usage=usage):
                self.working, self.ended, self.doing = False, event.time, ""
                self.spent, self.turn = self.spent + usage, Usage()
                self.asked.clear()
                self.calls.clear()
                self.questions = 0
                self._quiet()
            case PromptQueued(prompt=prompt):
                self.queued.append(prompt)
            case _:
                pass

    def _withdraw(self, prompt: str) -> None:
        if prompt in self.queued:
            self.queued.remove(prompt)

    def _taint(self, origin: str, text: str) -> None:
        self._foreign.take(origin, text)
        self.stance.taint = self._foreign.taint

    def _stood(self, event: Base) -> bool:
        match event:
            case SessionStarted() | SessionResumed():
                self.model, self.effort = event.model, event.effort
                self.stance.autonomy = event.autonomy
                self.stance.containment = event.containment
            case StanceTaken():
                self.stance = Stance(
                    autonomy=event.autonomy,
                    containment=event.containment,
                    lifted=event.lifted,
                    grants=tuple(_grants(event.grants)),
                    opened=frozenset(event.opened),
                    taint=self.stance.taint,
                )
            case AutonomyChanged(autonomy=autonomy):
                self.stance.autonomy = autonomy
            case PromptTaken(prompt=prompt):
                self._withdraw(prompt)
            case _:
                return False
        return True

    def _called(self, event: Base) -> bool:
        match event:
            case ToolRequested(call=call):
                self.calls[call.id] = call
                return False  # it is shown when it starts
            case ApprovalAsked():
                self.asked[event.call_id] = event
            case ApprovalAnswered(call_id=call_id, grant=grant):
                self.asked.pop(call_id, None)
                if grant is not None:
                    self.stance.grants = (*self.stance.grants, grant)
            case ToolStarted(call_id=call_id) if call_id in self.calls:
                self.doing = _word(self.calls[call_id])
            case ToolFinished(call_id=call_id, result=result):
                self.calls.pop(call_id, None)
                self.asked.pop(call_id, None)
                if result.origin:
                    self._taint(result.origin, result.text)
                self.doing = "reading" if self.working else ""
            case _:
                return False
        return True

    def _repaired(self, event: Base) -> bool:
        match event:
            case PhaseStarted(phase=phase):
                self.doing = _PHASES[phase]
            case AttemptStarted():
                self.attempt = event.attempt or self.attempt + 1
                self.doing = f"attempt {self.attempt}"
            case AttemptFinished():
                self.doing = "proposing"
            case CheckStarted(command=command):
                tried = event.attempt
                self.doing = f"testing attempt {tried}" if tried else f"running {_program(command)}"
            case CheckFinished():
                self.doing = "reading" if self.working else ""
            case _:
                return False
        return True


def _word(call: ToolCall) -> str:
    """Return what a call does now, in a word or two."""
    about = target(call)
    match call.name:
        case "shell":
            return f"running {_program(about)}"
        case "check":
            return "running the tests"
        case "edit" | "write" | "read":
            doing = {"edit": "editing", "write": "writing", "read": "reading"}[call.name]
            return f"{doing} {about.rstrip('/').rpartition('/')[2]}"
        case "search":
            return "searching"
        case "fetch":
            return "fetching"
        case _:
            return f"running {call.name}"


def _program(command: str) -> str:
    words = [word for word in command.split() if "=" not in word]
    return words[0].rpartition("/")[2][:24] if words else "a command"


def _grants(rules: tuple[str, ...]) -> list[Grant]:
    found = []
    for rule in rules:
        try:
            found.append(Grant.of(rule))
        except ValueError:
            continue  # of another version, or none that can be typed
    return found

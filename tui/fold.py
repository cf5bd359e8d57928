"""Events become cards: one `match`, run for each of any number of events."""

from __future__ import annotations

from typing import NamedTuple

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    AttemptFinished,
    AttemptStarted,
    Base,
    BytesLeft,
    CallDecided,
    CandidatesScreened,
    CheckFinished,
    CheckStarted,
    MessageFinished,
    ModelRetried,
    PhaseStarted,
    Prefill,
    PromptTaken,
    QuestionAnswered,
    QuestionAsked,
    SessionResumed,
    SessionStarted,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolRequested,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from agent.ledger import Ledger
from agent.messages import AssistantMessage
from tui.cards.attempts import AttemptsCard, PhaseCard
from tui.cards.base import Card
from tui.cards.call import CallCard
from tui.cards.check import CheckCard
from tui.cards.diff import Diff
from tui.cards.error import ErrorCard
from tui.cards.note import NoteCard, note
from tui.cards.opening import OpeningCard
from tui.cards.plan import PlanCard
from tui.cards.prompt import PromptCard
from tui.cards.proof import EndCard, ProofCard, Spent
from tui.cards.question import QuestionCard
from tui.cards.say import SayCard
from tui.cards.step import StepCard
from tui.cards.target import target
from tui.cards.welcome import WelcomeCard


class Change(NamedTuple):
    """How many cards came, and which of those before changed."""

    added: int = 0
    changed: tuple[int, ...] = ()


NO_CHANGE = Change()
_ENDED_WELL = ("done", "unverified")


class Fold:
    """The cards of one session, folded from its events in their order.

    What happens within an attempt is told by the card of the attempts.
    """

    def __init__(self) -> None:
        self.cards: list[Card] = []
        self.running: dict[int, Card] = {}
        self._changed: list[int] = []
        self._calls: dict[str, CallCard | PlanCard | QuestionCard] = {}
        self._question: QuestionCard | None = None
        self._check: CheckCard | None = None
        self._step: StepCard | None = None
        self._words: SayCard | None = None
        self._phase: PhaseCard | None = None
        self._attempts: AttemptsCard | None = None
        self._turn(0.0)

    def take(self, event: Base) -> Change:
        """Take in one event; return what changed."""
        before = len(self.cards)
        self._changed = []
        match event:
            case TextDelta() | ThinkingDelta() | ToolOutput() if event.attempt is not None:
                return NO_CHANGE
            case TextDelta(text=text):
                self._say(text)
            case ThinkingDelta(text=text):
                if self._step:
                    self._step.think(text)
                    self._touch(self._step)
            case ToolOutput(call_id=call_id, text=text):
                if isinstance(call := self._calls.get(call_id), CallCard):
                    call.print(text)
                    self._touch(call)
            case Prefill(done=done, total=total):
                reader = self._step if self._step and self._step.running else self._attempts
                if reader and reader.running:
                    reader.read(done, total)
                    self._touch(reader)
            case BytesLeft():
                self._ledger.read(event)
            case _ if event.attempt is not None:
                self._attempt(event)
            case _:
                self._take(event)
        added, changed = len(self.cards) - before, tuple(self._changed)
        return Change(added, changed) if added or changed else NO_CHANGE

    def pulse(self, now: float) -> Change:
        """Let what runs count on to this time, in seconds since the epoch."""
        for card in self.running.values():
            card.pulse(now)
        return Change(0, tuple(self.running)) if self.running else NO_CHANGE

    def welcome(self, host: str) -> None:
        """Say what can be typed, where nothing was said yet."""
        self._add(WelcomeCard(host))

    # -- within

    def _take(self, event: Base) -> None:
        match event:
            case SessionStarted() | SessionResumed():
                self._add(OpeningCard(event))
            case TurnStarted(prompt=prompt, kind=kind, images=images, origin=origin):
                self._turn(event.time)
                fix = kind == "fix"
                words = f"/compact {prompt}".rstrip() if kind == "compact" else prompt
                self._add(PromptCard(words, pictures=len(images), origin=origin, fix=fix))
            case StepStarted(step=step):
                self._step, self._words = StepCard(step, event.time), None
                self._add(self._step)
            case MessageFinished(message=message):
                self._replied(message, event.time)
            case ModelRetried():
                for each in (self._step, self._words):
                    if each:
                        each.forget()
                        self._touch(each)
                self._note(event)
            case ToolRequested():
                self._ledger.read(event)
                self._request(event)
            case QuestionAsked(question=question, choices=choices):
                if self._question is None:
                    self._question = QuestionCard(question, choices)
                    self._add(self._question)
                self._question.ask(question, choices)
                self._touch(self._question)
            case QuestionAnswered(answer=answer) if self._question:
                self._question.answer(answer)
                self._touch(self._question)
                self._question = None
            case CheckStarted():
                apart = bool(self.cards) and isinstance(self.cards[-1], SayCard)
                self._check = CheckCard(event, apart=apart)
                self._add(self._check)
            case CheckFinished():
                self._ledger.read(event)
                if self._check:
                    self._check.end(event)
                    self._touch(self._check)
                    self._check = None
            case PhaseStarted() | CandidatesScreened():
                self._repair(event)
            case TurnFinished():
                self._end(event)
            case PromptTaken(prompt=prompt):
                self._add(PromptCard(prompt, mid=True))
            case _:
                self._of_a_call(event)

    def _of_a_call(self, event: Base) -> None:
        match event:
            case CallDecided(call_id=call_id):
                self._ledger.read(event)
                if isinstance(call := self._calls.get(call_id), CallCard):
                    call.decide(event)
                    self._touch(call)
            case ApprovalAsked(call_id=call_id):
                if isinstance(call := self._calls.get(call_id), CallCard):
                    call.ask()
                    self._touch(call)
            case ApprovalAnswered(call_id=call_id):
                if isinstance(call := self._calls.get(call_id), CallCard):
                    call.answer(event)
                    self._touch(call)
            case ToolStarted(call_id=call_id):
                self._ledger.read(event)
                if isinstance(call := self._calls.get(call_id), CallCard):
                    call.start(event.time)
                    self._touch(call)
            case ToolFinished(call_id=call_id, result=result):
                done = self._calls.pop(call_id, None)
                if isinstance(done, CallCard):
                    done.end(result, event.time)
                    self._count(result.diff if result.ok else "")
                elif done:
                    done.end(result)
                    self._question = None
                if done:
                    self._touch(done)
            case _:
                self._note(event)

    def _attempt(self, event: Base) -> None:
        """Take in what happens within an attempt, as its lane tells it."""
        lane = self._lane(event.time)
        match event:
            case AttemptStarted():
                lane.begin(event)
                self._spent.attempts += 1
            case AttemptFinished():
                lane.finish(event)
            case PhaseStarted():
                lane.phase(event)
            case CandidatesScreened():
                lane.screen(event)
            case CheckStarted():
                lane.doing("testing")
            case CheckFinished():
                self._ledger.read(event)
                lane.doing("trying")
            case StepStarted(step=step):
                lane.doing("working", f"step {step}")
            case ToolRequested(call=call):
                self._ledger.read(event)
                lane.doing("working", " ".join((call.name, *filter(None, target(call)))))
            case CallDecided() | ToolStarted():
                self._ledger.read(event)
            case _:
                self._note(event)
        self._touch(lane)

    def _repair(self, event: PhaseStarted | CandidatesScreened) -> None:
        match event:
            case CandidatesScreened():
                lane = self._lane(event.time)
                lane.screen(event)
                self._touch(lane)
            case PhaseStarted(phase="propose"):
                self._phase_over(event.time)
                lane = self._lane(event.time)
                lane.phase(event)
                self._touch(lane)
            case _:
                self._phase_over(event.time)
                if self._attempts and event.phase == "select":
                    self._attempts.end(event.time)
                    self._touch(self._attempts)
                self._phase = PhaseCard(event)
                self._add(self._phase)

    def _lane(self, time: float) -> AttemptsCard:
        if self._attempts is None:
            self._attempts = AttemptsCard(time)
            self._add(self._attempts)
        return self._attempts

    def _phase_over(self, time: float) -> None:
        if self._phase:
            self._phase.end(time)
            self._touch(self._phase)
            self._phase = None

    def _say(self, text: str) -> None:
        if self._words is None:
            if not text.strip():
                return
            self._words = SayCard()
            self._add(self._words)
        if not self._words.text:
            self._hand(self._words)
        self._words.say(text)
        self._touch(self._words)

    def _replied(self, message: AssistantMessage, time: float) -> None:
        step = self._step
        if step:
            step.end(time, message.thinking)
            self._touch(step)
        if self._words is None and message.text.strip():
            self._say(message.text)
        if self._words:
            self._words.end(message.text, step.took if step else 0.0)
            self._touch(self._words)

    def _request(self, event: ToolRequested) -> None:
        call = event.call
        card: CallCard | PlanCard | QuestionCard
        if call.name == "plan":
            card = PlanCard(call)
        elif call.name == "ask":
            card = self._question = QuestionCard(str(call.arguments.get("question", "")))
        else:
            card = CallCard(call, event.by, event.time)
        if event.by == "model":
            self._hand(card)
        self._calls[call.id] = card
        self._add(card)

    def _hand(self, card: Card) -> None:
        """Let a card bear the number of its step, where it is the first that tells of it."""
        if self._step:
            card.step = self._step.hand() or card.step
            self._touch(self._step)

    def _count(self, diff: str) -> None:
        if diff:
            come, go = Diff(diff).counts
            self._spent.added += come
            self._spent.removed += go

    def _end(self, event: TurnFinished) -> None:
        for card in list(self.running.values()):
            match card:
                case StepCard() | PhaseCard() | AttemptsCard():
                    card.end(event.time)
                case CallCard() | CheckCard():
                    card.stop()
                case _:
                    pass
            self._touch(card)
        self._spent.seconds = max(0.0, event.time - self._began)
        self._spent.left, self._spent.online = dict(self._ledger.left), self._ledger.online
        if event.outcome not in _ENDED_WELL:
            self._add(ErrorCard(event))
        if event.changed or event.verification.after is not None:
            self._add(ProofCard(event, self._spent))
        else:
            self._add(EndCard(event, self._spent))
        self._turn(event.time)

    def _note(self, event: Base) -> None:
        told = note(event)
        last = self.cards[-1] if self.cards else None
        if told and told.of and isinstance(last, NoteCard) and last.of is told.of:
            last.put(told)
            self._touch(last)
        elif told:
            self._add(told)

    def _turn(self, time: float) -> None:
        """Begin to count anew."""
        self._began = time
        self._spent, self._ledger = Spent(), Ledger()
        self._step = self._words = self._phase = self._attempts = self._check = None
        self._calls.clear()

    def _add(self, card: Card) -> None:
        card.at = len(self.cards)
        self.cards.append(card)
        if card.running:
            self.running[card.at] = card

    def _touch(self, card: Card) -> None:
        self._changed.append(card.at)
        if not card.running:
            self.running.pop(card.at, None)

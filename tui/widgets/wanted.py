"""What waits for the user, above the prompt: approvals, questions, and a plan to be accepted."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from agent.policy import Stance
from tools.base import ToolCall
from tui.waiting import Waiting
from tui.widgets.approval import Approval
from tui.widgets.plan_offer import PlanOffer
from tui.widgets.question import Question

Card = Approval | Question | PlanOffer


class Wanted(Vertical):
    """Shows the first of what waits, and hands the answer back to where it is waited for.

    What is made of a plan, `PlanOffer.Accepted` and `PlanOffer.EditWanted`, is the app's.
    """

    DEFAULT_CSS = "Wanted { height: auto; }"

    class Left(Message):
        """The user goes back to the prompt, answered or not."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__()
        self._waiting = waiting
        self._approval = Approval(where="your own rules", way_in="Tab")
        self._question, self.plan = Question(), PlanOffer()

    def compose(self) -> ComposeResult:
        """Put the cards below each other; at most one is seen."""
        yield from (self._approval, self._question, self.plan)

    @property
    def front(self) -> Card | None:
        """The card that is seen."""
        if self._approval.asked is not None:
            return self._approval
        if self._question.asked is not None:
            return self._question
        return self.plan if self.plan.plan else None

    @property
    def holds_focus(self) -> bool:
        """Whether the keys go to one of its cards."""
        focused = self.screen.focused
        return focused is not None and self in focused.ancestors

    def show(self, calls: Mapping[str, ToolCall], stance: Stance) -> bool:
        """Show what waits now, first; whether it is another than before."""
        approvals, questions = self._waiting.approvals, self._waiting.questions
        card, question = self._approval, self._question
        before = (card.asked, question.asked)
        if approvals:
            place = f"1 of {len(approvals)}" if len(approvals) > 1 else ""
            card.show(approvals[0], calls.get(approvals[0].call_id), stance, place)
        elif card.asked is not None:
            card.clear()
        if questions and not approvals:
            if question.asked is not questions[0]:
                question.show(questions[0])
        elif question.asked is not None:
            question.clear()
        return before != (card.asked, question.asked)

    @on(Approval.Answered)
    def _answered(self, message: Approval.Answered) -> None:
        by = {"by": "edit", "edited": message.edited} if message.edited is not None else {}
        self._waiting.answer(message.answer.model_copy(update=by))
        self._over(message)

    @on(Question.Answered)
    def _said(self, message: Question.Answered) -> None:
        self._waiting.say(message.asked, message.answer)
        self._over(message)

    @on(PlanOffer.Left)
    def _not_planned(self, message: PlanOffer.Left) -> None:
        self.plan.clear()
        self._over(message)

    @on(Approval.Left)
    def _over(self, message: Message) -> None:
        """Go on with what waits next, unless the user goes back to the prompt."""
        message.stop()
        left = isinstance(message, Approval.Left | PlanOffer.Left)
        if left or not (self._waiting.approvals or self._waiting.questions):
            self.post_message(self.Left())

"""Questions that wait for a person: the side of `Ask` and `Question` that a face answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.events import ApprovalAnswered, ApprovalAsked
from agent.policy import Verdict

Reconsider = Callable[[ApprovalAsked], Verdict]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question of the model's, with the answers it offers."""

    question: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    asked: ApprovalAsked
    answer: asyncio.Future[ApprovalAnswered]


@dataclass(eq=False)
class Waiting:
    """A queue of approvals and one of questions; `changed` is called whenever either is another.

    A wait that is cancelled leaves its queue. An answer to what no longer waits is dropped.
    """

    changed: Callable[[], None] = lambda: None
    _approvals: list[_Wait] = field(default_factory=list)
    _questions: dict[Asked, asyncio.Future[str | None]] = field(default_factory=dict)

    @property
    def approvals(self) -> tuple[ApprovalAsked, ...]:
        """Those that wait, the one to show first."""
        return tuple(wait.asked for wait in self._approvals)

    @property
    def questions(self) -> tuple[Asked, ...]:
        """Those that wait, the one to show first."""
        return tuple(self._questions)

    async def ask(self, asked: ApprovalAsked) -> ApprovalAnswered:
        """Wait for the answer of a person, or of the slider."""
        wait = _Wait(asked, asyncio.get_running_loop().create_future())
        self._approvals.append(wait)
        self.changed()
        try:
            return await wait.answer
        finally:
            self._leave(wait)

    def answer(self, answer: ApprovalAnswered) -> None:
        """Give an answer to the first that waits under its name; the call goes on."""
        for wait in self._approvals:
            if wait.asked.call_id == answer.call_id:
                if not wait.answer.done():
                    wait.answer.set_result(answer)
                self._leave(wait)
                return

    def _leave(self, wait: _Wait) -> None:
        if wait in self._approvals:
            self._approvals.remove(wait)
            self.changed()

    def reconsider(self, decide: Reconsider) -> None:
        """Answer what the slider has decided since: `decide` says what it now says of each."""
        for asked in self.approvals:
            verdict = decide(asked)
            if verdict is not Verdict.ASK:
                approved = verdict is Verdict.ALLOW
                self.answer(ApprovalAnswered(call_id=asked.call_id, approved=approved, by="slider"))

    async def question(self, question: str, choices: tuple[str, ...]) -> str | None:
        """Wait for an answer to the model's question; None where the person gives none."""
        asked = Asked(question, choices)
        said: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._questions[asked] = said
        self.changed()
        try:
            return await said
        finally:
            if self._questions.pop(asked, None) is not None:
                self.changed()

    def say(self, asked: Asked, answer: str | None) -> None:
        """Answer a question; None is no answer."""
        said = self._questions.pop(asked, None)
        if said is not None:
            if not said.done():
                said.set_result(answer)
            self.changed()

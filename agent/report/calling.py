"""Calls, folded: what was asked for, who decided it how, what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.events import (
    ApprovalAnswered,
    ApprovalAsked,
    Base,
    CallDecided,
    QuestionAnswered,
    QuestionAsked,
    ToolFinished,
    ToolRequested,
    ToolStarted,
)
from agent.policy import Verdict
from agent.report import story
from agent.report.bounds import Bounds
from agent.report.turns import Cell, TurnFold
from tools.base import ToolResult

_MOST = 12  # arguments of a call
_GROUPS = 40  # decisions that are told apart


@dataclass
class _Open:
    """A call whose end is not known yet."""

    cell: Cell
    began: float
    decision: story.Decision | None = None


@dataclass
class _Alike:
    """Calls that were decided alike."""

    calls: int = 0
    tools: dict[str, None] = field(default_factory=dict)  # in the order of their first call


class Calling:
    """The calls under way, and how all were decided."""

    def __init__(self, bounds: Bounds) -> None:
        self.calls = self.denied = self.left_out = 0
        self._bounds = bounds
        self._open: dict[tuple[int | None, str], _Open] = {}
        self._alike: dict[tuple[str, str, str, str, str], _Alike] = {}

    def read(self, event: Base, where: TurnFold) -> bool:
        """Take in one event; return whether it was of a call."""
        match event:
            case ToolRequested():
                self._request(event, where)
            case CallDecided(call_id=call_id):
                if held := self._open.get((event.attempt, call_id)):
                    held.decision = self._decided(event)
            case ApprovalAsked(call_id=call_id):
                self._amend(event, call_id, asked=True)
            case ApprovalAnswered(call_id=call_id, grant=grant):
                self._amend(
                    event,
                    call_id,
                    approved=event.approved,
                    by=event.by,
                    feedback=self._bounds.short(event.feedback),
                    remembered=self._bounds.short(str(grant)) if grant else "",
                    edited=event.edited is not None,
                )
            case ToolStarted(call_id=call_id):
                if held := self._open.get((event.attempt, call_id)):
                    held.began = where.at(event)  # what came before was waiting for a person
            case ToolFinished(call_id=call_id, result=result):
                if held := self._open.pop((event.attempt, call_id), None):
                    self._finish(held, where.at(event), result, where)
            case QuestionAsked(question=question, choices=choices):
                said = self._bounds.cut(question)
                more = self._bounds.cut("\n".join(choices))
                where.add(story.Note(where.at(event), event.attempt, "question", said, more))
            case QuestionAnswered(answer=answer):
                said = "nobody was there" if answer is None else self._bounds.cut(answer)
                where.add(story.Note(where.at(event), event.attempt, "answer", said))
            case _:
                return False
        return True

    def _request(self, event: ToolRequested, where: TurnFold) -> None:
        self.calls += 1
        shown = list(event.call.arguments.items())[:_MOST]
        bounds, at = self._bounds, where.at(event)
        told = story.Call(
            at,
            event.attempt,
            bounds.short(event.call.name),
            event.by,
            tuple((bounds.short(name), bounds.value(value)) for name, value in shown),
        )
        self._open[event.attempt, event.call.id] = _Open(where.add(told), at)

    def _decided(self, event: CallDecided) -> story.Decision:
        return story.Decision(
            verdict=event.verdict.value,
            reason=self._bounds.short(event.reason),
            effects=tuple(each.value for each in event.effects[:_MOST]),
            containment=event.containment.name,
            taint=self._bounds.short(event.taint.source) if event.taint else "",
        )

    def _amend(self, event: Base, call_id: str, **more: str | bool) -> None:
        held = self._open.get((event.attempt, call_id))
        if held and held.decision:
            held.decision = replace(held.decision, **more)  # type: ignore[arg-type]  # its fields

    def _finish(self, held: _Open, at: float, result: ToolResult, where: TurnFold) -> None:
        call, decision, bounds = held.cell[0], held.decision, self._bounds
        if not isinstance(call, story.Call):
            return
        refused = self._count(decision, call.name)
        diff, paths = bounds.cut(result.diff), bounds.listed(result.changed)
        shown = 0
        if diff and result.ok and call.attempt is None:
            shown = where.changed(story.Diff(paths, diff))
        drew = 0
        if result.shown and call.attempt is None:
            drew = where.show(result.shown)
        broken = bounds.listed(result.broken)
        output = result.text if not broken.items else "\n".join((result.text, *broken.items))
        held.cell[0] = replace(
            call,
            state="refused" if refused else "done" if result.ok else "failed",
            summary=bounds.short(result.summary),
            output=bounds.cut(output),
            diff="" if shown else diff,
            shown=shown,
            drew=drew,
            changed=paths,
            origin=bounds.short(result.origin),
            seconds=max(0.0, at - held.began),
            decision=decision,
        )

    def _count(self, decision: story.Decision | None, tool: str) -> bool:
        """Note how a call was decided; return whether it was refused."""
        if decision is None:
            return False
        answer = ""
        if decision.asked:
            answer = f"{'approved' if decision.approved else 'declined'} by {decision.by or '?'}"
        refused = decision.verdict == Verdict.DENY or (
            decision.verdict == Verdict.ASK and not decision.approved
        )
        self.denied += refused
        key = (
            decision.verdict, answer, decision.reason, decision.containment, decision.taint
        )  # fmt: skip
        if key not in self._alike and len(self._alike) == _GROUPS:
            self.left_out += 1
            return refused
        alike = self._alike.setdefault(key, _Alike())
        alike.calls += 1
        if len(alike.tools) < _MOST:
            alike.tools.setdefault(tool)
        return refused

    def decided(self) -> tuple[story.Decided, ...]:
        """Return how calls were decided: denied ones first, then those that were asked about."""
        order = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)
        ordered = sorted(self._alike.items(), key=lambda each: order.index(Verdict(each[0][0])))
        return tuple(
            story.Decided(*key, calls=alike.calls, tools=tuple(alike.tools))
            for key, alike in ordered
        )

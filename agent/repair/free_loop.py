"""The free loop: the model works with its tools in a copy, and what it leaves there is a candidate.

One conversation over all attempts: told why the last one is no repair, it goes on from there, so
that what it read stays read. The session's own history has none of it.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.calls import Calls
from agent.compaction import result_bytes
from agent.errors import BudgetSpent, ContextOverflow
from agent.events import Base, HarnessSpoke
from agent.history import History
from agent.loop import Limits, Loop, Rest
from agent.messages import SystemMessage
from agent.models.base import LocalModel
from agent.repair.asking import Asking
from agent.repair.ladder import STEPS
from agent.repair.leavings import Leavings, gather
from agent.tree import in_thread
from agent.turn import Turn
from agent.workplace import Workplace, deciding_in_copy
from tools.report import CheckReport

FEW = frozenset({"read", "edit", "search", "check"})  # tools for a small model


class FreeLoop:
    """One conversation about one bug; `over` says that it has come to its end."""

    def __init__(self, turn: Turn, asking: Asking, place: Workplace) -> None:
        self.over = False
        self.limit = ""  # of the turn, where that was reached
        self._turn = turn
        self._asking = asking
        self._place = place
        self._history = History()
        system = turn.session.history.messages[:1]
        self._history.messages += [each for each in system if isinstance(each, SystemMessage)]
        model = asking.model
        schemas = turn.tools(model)
        if isinstance(model, LocalModel):
            schemas = tuple(each for each in schemas if each.name in FEW)
        steps = turn.done.steps
        self._loop = Loop(
            model=model,
            schemas=schemas,
            calls=Calls(
                place.context,
                deciding_in_copy(lambda call, effects: turn.decided(call, effects, self._history)),
                turn.calls.ask,
                self._emit,
                _no_checkpoint,
                turn.calls.remember,
                quoted=turn.calls.quoted,
                most=lambda: result_bytes(model.context_window),
            ),
            history=self._history,
            emit=self._emit,
            limits=Limits(
                steps=min(turn.limits.steps, steps + STEPS[turn.effort]),
                tokens=turn.limits.tokens,
                cost=turn.limits.cost,
            ),
            effort=0 if model.local else turn.effort,
            rest=Rest(steps=steps),
        )
        self._loop.replies.usage = asking.used

    async def go(self, words: str) -> None:
        """Tell the model something and let it work until it rests; raises ModelError."""
        loop, turn = self._loop, self._turn
        before, denied = loop.replies.usage, len(loop.calls.denials)
        self._emit(HarnessSpoke(text=words))
        try:
            await loop.run()
        except BudgetSpent as spent:
            loop.rest.limit = self.limit = spent.message
        except ContextOverflow as full:
            loop.rest.limit = full.message  # what it did until then is tried
        finally:
            self._asking.took(loop.replies.usage - before, loop.replies.retrying)
            turn.done.steps = loop.rest.steps
            turn.calls.denials += loop.calls.denials[denied:]
        self.over = bool(loop.rest.limit)
        self.limit = self.limit or turn.limits.reached(loop.rest.steps, loop.replies.usage, 0.0)

    async def left(self, litter: Collection[str], before: CheckReport) -> Leavings:
        """Return what is left in the copy and may be part of a repair; raises Refused.

        `before` is what the check said at first, `litter` what was written there by it or by us.
        """
        touched = await self._place.touched()
        files = self._turn.context.workspace
        there = self._place.context.workspace
        rest = [path for path in touched if path not in litter]
        return await in_thread(lambda: gather(files, there, rest, before.command, before.tests))

    def _emit(self, event: Base) -> None:
        self._history.apply(self._turn.session.clean(event))
        self._turn.emit(event)


async def _no_checkpoint() -> None:
    """Nothing of the user's is changed in a copy."""

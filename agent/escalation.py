"""A strong model takes over where the first one did not get there, within a budget.

Whether it may is asked of the same policy as any call: what it would be sent leaves this machine,
so its effect is NETWORK. `--escalate USD` is a grant for one command line, a setting never is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.events import Notice
from agent.models.base import Model
from agent.policy import Autonomy, Grant
from tools.base import Effect, Preview, ToolCall

if TYPE_CHECKING:
    from agent.turn import Turn

NAME = "escalate"
EFFECTS = frozenset({Effect.NETWORK})
ACCEPTED = Grant(tool=NAME, effects=(Effect.NETWORK,))
"""What `--escalate USD` gives; the table still denies where it denies, and taint still asks."""


@dataclass
class Strong:
    """The model that may take over, once in a turn, and what it may cost in US dollars.

    `open` is given the dollars, and raises ModelUnusable.
    """

    name: str
    budget: float
    open: Callable[[float], Model]
    model: Model | None = None  # once it was wanted

    async def close(self) -> None:
        """End what runs for it."""
        if self.model is not None:
            await self.model.close()


async def escalate(turn: Turn, why: str, leaving: Sequence[str]) -> Model | None:
    """Return the strong model, ready, if there is one and it may take over; otherwise say why not.

    `why` is a sentence about the first model, `leaving` what the strong one would be sent. Nothing
    is sent here. A model on this machine is sent nothing that leaves it, and needs no consent.
    """
    strong = turn.strong
    if strong is None or strong.model is not None:
        return None
    budget = strong.budget
    if turn.limits.cost is not None:
        budget = min(budget, turn.limits.cost - turn.done.usage.cost)
    if budget <= 0:
        return None
    try:
        model = strong.model = strong.open(budget)
        await model.start()  # so that its host and its price are known
    except ModelError as error:
        text = f"{why}; {strong.name} cannot take over: {error.message}"
        turn.emit(Notice(text=text, hint=error.hint))
        return None
    if not model.local:
        call = ToolCall(
            id=f"{NAME}-{turn.number}",
            name=NAME,
            arguments={"model": model.name, "host": model.host, "budget": budget},
        )
        body = [
            f"because: {why}",
            f"model: {model.name}, at {model.host}",
            f"budget: ${budget:g}",
            "what would leave this machine:",
            *(f"  {each}" for each in leaving),
        ]
        preview = Preview(kind="text", title=f"let {model.name} take over", body="\n".join(body))
        if refusal := await turn.calls.consent(call, EFFECTS, preview):
            text = f"{why}; {model.name} did not take over: {refusal}"
            turn.emit(Notice(text=text, hint=_allow(turn, strong.budget)))
            return None
    turn.done.escalated = model.name
    where = "" if model.local else f" at {model.host}, for at most ${budget:g}"
    turn.emit(Notice(text=f"{why}; {model.name} takes over{where}"))
    return model


def _allow(turn: Turn, budget: float) -> str:
    """Return what allows it the next time."""
    level = "--autonomy ask " if turn.stance.autonomy is Autonomy.OBSERVE else ""
    return f"{level}--escalate {budget:g}"

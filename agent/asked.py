"""Who was asked: what must be known of a model to put another, or a script, in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from agent.models.base import LocalModel, Model
from tools.base import Frozen, ToolSchema

Reach = Literal["engine", "served here", "elsewhere"]


class Offered(Frozen):
    """A tool as the model was told of it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Asked(Frozen):
    """A model as it was asked: where it is, its `window` in tokens, the tools that it was told of.

    An `engine` can be sampled, all others are only talked to; `host` is who was sent what it reads.
    """

    model: str
    reach: Reach
    host: str = ""
    small: bool = False
    window: int = 0
    tools: tuple[Offered, ...] = ()

    @classmethod
    def of(cls, model: Model, tools: Sequence[ToolSchema] = ()) -> Self:
        """Return how a model is asked now; its window is known once it has answered."""
        here: Reach = "engine" if isinstance(model, LocalModel) else "served here"
        return cls(
            model=model.name,
            reach=here if model.local else "elsewhere",
            host=model.host,
            small=model.small,
            window=model.context_window,
            tools=tuple(
                Offered(name=each.name, description=each.description, parameters=each.parameters)
                for each in tools
            ),
        )

"""Keep a plan."""

from __future__ import annotations

from collections.abc import Sequence

from tools.base import Brief, Effect, Frozen, PlanItem, Tool, ToolContext, ToolResult

_MARKS = {"todo": "[ ]", "doing": "[>]", "done": "[x]"}


class PlanArgs(Frozen):
    """The whole plan, which replaces the one before."""

    items: tuple[PlanItem, ...]


class Plan(Tool[PlanArgs]):
    """Set your whole plan, for long tasks."""

    name = "plan"
    args = PlanArgs
    brief = Brief(("items",))

    def effects(self, args: PlanArgs, context: ToolContext) -> frozenset[Effect]:
        """Nothing outside the session."""
        return frozenset({Effect.READ})

    async def run(self, args: PlanArgs, context: ToolContext) -> ToolResult:
        """Replace the plan."""
        context.memory.plan = args.items
        done = sum(item.state == "done" for item in args.items)
        summary = f"{done} of {len(args.items)} done"
        return ToolResult(text=rows(args.items) or "the plan is empty", summary=summary)


def rows(plan: Sequence[PlanItem]) -> str:
    """Return a plan as the model reads it: a line for each item, with its state."""
    return "\n".join(f"{_MARKS[item.state]} {item.text}" for item in plan)

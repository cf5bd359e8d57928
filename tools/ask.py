"""Ask the user."""

from __future__ import annotations

from tools.base import Effect, Frozen, Tool, ToolContext, ToolError, ToolResult


class AskArgs(Frozen):
    """One question, and answers to choose from."""

    question: str
    choices: tuple[str, ...] = ()


class Ask(Tool[AskArgs]):
    """Ask the user, only when you cannot find out yourself."""

    name = "ask"
    args = AskArgs

    def effects(self, args: AskArgs, context: ToolContext) -> frozenset[Effect]:
        """Nothing outside the session."""
        return frozenset({Effect.READ})

    async def run(self, args: AskArgs, context: ToolContext) -> ToolResult:
        """Return the answer, or how to go on without one."""
        if not args.question.strip():
            raise ToolError("the question is empty")
        answer = await context.question(args.question, args.choices)
        if answer is None:
            text = "Nobody is there to answer. Choose what is most likely, say so, and go on."
            return ToolResult(text=text, summary="nobody answered")
        return ToolResult(text=f"The user says: {answer}", summary=answer)

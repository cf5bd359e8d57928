"""A conversation as text in three roles, which every chat template has a place for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agent.models.toolcalls import render, render_call
from tools.base import ToolSchema

Part = dict[str, Any]
"""`role` and `text`, and of a reply the `tokens` that were sampled; as the child takes it."""


def in_three_roles(messages: Sequence[Message], tools: Sequence[ToolSchema]) -> list[Part]:
    """Return a conversation with the tools in its system message.

    A result is a user message in the tags that Hermes models were trained on; not every template
    has a place for the role *tool*.
    """
    put: list[Part] = []
    results: list[str] = []

    def flush() -> None:
        if results:
            put.append({"role": "user", "text": "\n".join(results)})
            results.clear()

    for message in messages:
        if not isinstance(message, ToolMessage):
            flush()
        match message:
            case SystemMessage():
                text = f"{message.text}\n\n{render(tools)}" if tools else message.text
                put.append({"role": "system", "text": text})
            case UserMessage():
                put.append({"role": "user", "text": message.text})
            case ToolMessage():
                results.append(f"<tool_response>\n{message.text}\n</tool_response>")
            case AssistantMessage():
                put.append(
                    {
                        "role": "assistant",
                        "text": message.raw or _written(message, tools),
                        "tokens": list(message.tokens),
                    }
                )
    flush()
    if tools and not any(message["role"] == "system" for message in put):
        put.insert(0, {"role": "system", "text": render(tools)})
    return put


def _written(message: AssistantMessage, tools: Sequence[ToolSchema]) -> str:
    """Return a reply as this model would have written it; it came from another or from a script."""
    parts = [message.text, *(render_call(call, tools) for call in message.calls)]
    return "\n".join(part for part in parts if part)

"""Messages as those who train models read them: in OpenAI's form, tool calls and all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agent.asked import Offered
from agent.messages import AssistantMessage, Message, ToolMessage, UserMessage

Plain = dict[str, Any]


def message(one: Message) -> Plain:
    """Return one message; arguments of calls are JSON in a string, so that all have one type."""
    match one:
        case AssistantMessage(text=text, thinking=thinking, calls=calls):
            told: Plain = {"role": "assistant", "content": text}
            if thinking:
                told["reasoning_content"] = thinking
            if calls:
                told["tool_calls"] = [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                    }
                    for call in calls
                ]
            return told
        case ToolMessage(call_id=call_id, name=name, text=text):
            return {"role": "tool", "content": text, "tool_call_id": call_id, "name": name}
        case _:
            return {"role": one.role, "content": one.text}


def tools(offered: Iterable[Offered]) -> str:
    """Return the schemas as one JSON text: their keys differ, and tables want one type."""
    return json.dumps([{"type": "function", "function": each.model_dump()} for each in offered])


def taint(messages: Sequence[Message]) -> list[Plain]:
    """Return which of the messages hold text that neither user nor project wrote, by source."""
    return [
        {"message": number, "source": source}
        for number, each in enumerate(messages)
        for source in filter(None, getattr(each, "origin", "").split("\n"))
    ]


def pictures(messages: Sequence[Message]) -> list[str]:
    """Return a note for each message that has lost its pictures."""
    return [
        f"message {number}: {len(each.images)} pictures"
        for number, each in enumerate(messages)
        if isinstance(each, UserMessage) and each.images
    ]

"""A conversation as chat completions have it, which litellm turns into any provider's own form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.messages import (
    AssistantMessage,
    Image,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from agent.models.base import ModelRequest
from agent.models.providers import Provider
from tools.base import ToolSchema

Wire = dict[str, Any]

ROOM = 32_000  # tokens of a reply, for a provider that must be told how many it may have
_HERE = {"type": "ephemeral"}
_MARKED = 2  # of the latest messages: one is found again by the next request, one by a repeated one


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked: the model's whole name, its provider, and what of it a request must say.

    `window` is tokens that the server shall have, where it must be told; `output` the tokens that
    the model can write at most, where that is known; `forms` whether it takes a JSON schema.
    `thinking` says how much it shall think.
    """

    name: str
    provider: Provider
    local: bool = False
    window: int | None = None
    output: int | None = None
    forms: bool = False
    thinking: Wire = field(default_factory=dict)


def params_of(request: ModelRequest, asked: Asked) -> Wire:
    """Return a request as the parameters of a completion."""
    provider = asked.provider.name
    params: Wire = {
        "messages": messages_of(
            request.messages,
            provider,
            marks=provider == "anthropic" or "claude" in asked.name.lower(),
            reasoning=asked.provider.reasoning,
        )
    }
    if form := form_of(request, asked):
        # beside tools some refuse it, and what they have kept of the prompt is void with it anyway
        params["response_format"] = form
    elif request.tools:
        params["tools"] = tools_of(request.tools)
        if not request.usable:
            params["tool_choice"] = "none"
    most = limit_of(request, provider, asked.output)
    if most is not None:
        params["max_tokens"] = most
    if asked.local:
        params |= {"temperature": request.temperature, "seed": request.seed}
    # 0 is no wish: large models are made for their own default, and take no other while they think
    elif request.temperature and not asked.thinking:
        params["temperature"] = request.temperature
    if asked.window is not None:
        params["num_ctx"] = asked.window
    return params | asked.thinking


def limit_of(request: ModelRequest, provider: str, output: int | None) -> int | None:
    """Return the tokens that a reply may have, None where the provider needs no number."""
    if request.max_tokens is None and provider == "anthropic":
        return min(output or ROOM, ROOM)
    return request.max_tokens


def form_of(request: ModelRequest, asked: Asked) -> Wire:
    """Return the form of the reply as the provider is told it; empty where the prompt must do."""
    # all can take an object, few anything else
    if request.schema is None or not asked.forms or request.schema.get("type") != "object":
        return {}
    schema = {name: value for name, value in request.schema.items() if name != "$schema"}
    told = {"name": "answer", "schema": schema, "strict": _strict(schema)}
    return {"type": "json_schema", "json_schema": told}


# what OpenAI holds strictly; with any other keyword it would refuse the request
_STRICT = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const"}
    | {"$ref", "$defs", "description", "title"}
)


def _strict(schema: Any) -> bool:
    """Whether a schema can be held strictly: closed, without arguments that may be left out."""
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT:
        return False
    properties = schema.get("properties", {})
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(properties)
    ):
        return False
    inner = [*properties.values(), *schema.get("anyOf", ()), *schema.get("$defs", {}).values()]
    inner += [schema["items"]] if "items" in schema else []
    return all(map(_strict, inner))


def tools_of(tools: Sequence[ToolSchema]) -> list[Wire]:
    """Return the tools as functions with JSON schemas."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


def messages_of(
    messages: Sequence[Message], provider: str, *, marks: bool, reasoning: bool
) -> list[Wire]:
    """Return the messages; one that says nothing is left out, since servers refuse it.

    With `marks` the places are told up to which a provider shall keep the prompt: after the system
    message, which tools go before, and after the last two messages that are not the model's.
    `reasoning` sends back what the model had reasoned.
    """
    found = [each for each in (_one(m, provider, reasoning) for m in messages) if each is not None]
    if marks:
        first = [each for each in found if each["role"] == "system"][:1]
        latest = [each for each in found if each["role"] in ("user", "tool")][-_MARKED:]
        for message in (*first, *latest):
            if message["role"] == "tool":  # of a result litellm marks the whole
                message["cache_control"] = _HERE
            else:
                parts = message["content"]
                if isinstance(parts, str):
                    parts = [{"type": "text", "text": parts}]
                message["content"] = [*parts[:-1], {**parts[-1], "cache_control": _HERE}]
    return found


def _one(message: Message, provider: str, reasoning: bool) -> Wire | None:
    match message:
        case UserMessage(text=text, images=images) if images:
            words = [{"type": "text", "text": _sayable(text)}] if text else []
            return {"role": "user", "content": [*map(_picture, images), *words]}
        case SystemMessage(text=text) | UserMessage(text=text):
            return {"role": message.role, "content": _sayable(text)} if text else None
        case ToolMessage():
            # an empty text is no content for some
            text = _sayable(message.text) or "(no output)"
            return {"role": "tool", "tool_call_id": message.call_id, "content": text}
        case AssistantMessage():
            return _reply(message, provider, reasoning)


def _picture(image: Image) -> Wire:
    url = f"data:{image.media_type};base64,{image.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _reply(message: AssistantMessage, provider: str, reasoning: bool) -> Wire | None:
    if not message.text and not message.calls:
        return None
    put: Wire = {"role": "assistant", "content": _sayable(message.text) or None}
    replay = message.replay if message.replay.get("provider") == provider else {}
    fields = replay.get("calls", {})
    if message.calls:
        put["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": _sayable(json.dumps(call.arguments, ensure_ascii=False)),
                },
                **({"provider_specific_fields": fields[call.id]} if call.id in fields else {}),
            }
            for call in message.calls
        ]
    if blocks := replay.get("blocks"):
        put["thinking_blocks"] = blocks
    if reasoning and message.thinking:
        put["reasoning_content"] = _sayable(message.thinking)
    return put


def replies_of(messages: Sequence[Message]) -> list[AssistantMessage]:
    """Return what the model has said so far."""
    return [each for each in messages if isinstance(each, AssistantMessage)]


def _sayable(text: str) -> str:
    """Return a text that can be encoded: names of files may hold what is no character."""
    return text.encode("utf-8", "replace").decode()


def counted(messages: Sequence[Message], tools: Sequence[ToolSchema]) -> list[Mapping[str, Any]]:
    """Return a request as what its tokens are estimated from."""
    told = json.dumps([tool.parameters for tool in tools])
    told += "".join(f"{tool.name} {tool.description} " for tool in tools)
    found: list[Mapping[str, Any]] = [{"text": told}] if tools else []
    for message in messages:
        text = message.text
        if isinstance(message, AssistantMessage):
            text += "".join(f" {call.name} {call.arguments}" for call in message.calls)
        images = len(message.images) if isinstance(message, UserMessage) else 0
        found.append({"text": text, **({"images": images} if images else {})})
    return found

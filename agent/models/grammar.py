"""The grammar of a call, made for one request: real tool names, each with its own arguments.

In Lark as llguidance reads it. The grammar covers the object alone; it comes into force once the
model has begun one (`agent.models.toolcalls.trigger`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tools.base import ToolSchema

# an integer without an end is where a small model writes zeros until its limit
_INTEGER = {"minimum": -999_999, "maximum": 999_999}
_KEPT = (
    "minimum",
    "maximum",
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "anyOf",
    "additionalProperties",
    "$ref",
)


def calls(tools: Sequence[ToolSchema]) -> str:
    """Return a grammar whose words are the calls of these tools, as JSON objects."""
    rules = ["start: " + " | ".join(f"call_{index}" for index in range(len(tools)))]
    for index, tool in enumerate(tools):
        name = json.dumps(json.dumps(tool.name))
        rules.append(
            f'call_{index}: "{{" WS? "\\"name\\"" WS? ":" WS? {name} WS? "," WS?'
            f' "\\"arguments\\"" WS? ":" WS? args_{index} WS? "}}"'
        )
        rules.append(f"args_{index}: %json {json.dumps(_schema(tool.parameters))}")
    # not endless: white space is where a small model gets lost
    rules.append("WS: /[ \\n]{1,12}/")
    return "\n".join(rules) + "\n"


def _schema(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with what a grammar can hold, closed against unknown arguments."""
    closed = _kept(parameters)
    if "$defs" in parameters:
        closed["$defs"] = {name: _kept(value) for name, value in parameters["$defs"].items()}
    return closed


def _kept(schema: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key not in _KEPT:
            continue
        if key == "properties":
            kept[key] = {name: _kept(about) for name, about in value.items()}
        elif key == "items" and isinstance(value, dict):
            kept[key] = _kept(value)
        elif key == "anyOf":
            kept[key] = [_kept(choice) for choice in value]
        else:
            kept[key] = value
    if kept.get("type") == "integer":
        kept = {**_INTEGER, **kept}
    if kept.get("type") == "object" and "properties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept

"""The types of arguments, from the schema: only what is certain is changed."""

from __future__ import annotations

import json
import math
from typing import Any

from agent.models.dialects.base import Raw
from agent.models.dialects.repair import value_at

_WORDS = {"True": True, "False": False, "None": None, "TRUE": True, "FALSE": False}


def settled(arguments: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments in the types of their schema, where only one can be meant."""
    properties = schema.get("properties", {})
    return {name: _settled(value, properties.get(name, {})) for name, value in arguments.items()}


def _settled(value: Any, schema: dict[str, Any]) -> Any:
    kinds = _kinds(schema)
    if isinstance(value, str):
        return _from_text(value, kinds, schema)
    if (
        isinstance(value, float)
        and value.is_integer()
        and kinds & {"integer", "number"} == {"integer"}
    ):
        return int(value)
    if isinstance(value, dict):
        return settled(value, schema)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_settled(each, schema["items"]) for each in value]
    return value


def _from_text(value: str, kinds: set[str], schema: dict[str, Any]) -> Any:
    text, plain = str(value), value.strip()
    if "string" in kinds or not kinds:
        if isinstance(value, Raw) and plain == "null" and "null" in kinds:
            return None
        return plain if plain in schema.get("enum", ()) else text
    loaded = _loaded(plain)
    if _kind(loaded) in kinds:
        return _settled(loaded, schema)
    if isinstance(loaded, int) and not isinstance(loaded, bool) and "number" in kinds:
        return loaded
    if isinstance(loaded, float) and loaded.is_integer() and "integer" in kinds:
        return int(loaded)
    return text


def _loaded(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        found = value_at(text, 0)
        return found.value if found and found.end == len(text) else text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _kinds(schema: dict[str, Any]) -> set[str]:
    """Return the types that a schema allows; empty where it says nothing."""
    kind = schema.get("type", [])
    kinds = {kind} if isinstance(kind, str) else set(kind)
    if not kinds and "enum" in schema:
        kinds = {_kind(each) for each in schema["enum"]}
    for choice in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        kinds |= _kinds(choice) or {"string"}
    return kinds


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "string"

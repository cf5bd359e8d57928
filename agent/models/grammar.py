"""Grammars made for one request, in Lark as llguidance reads it.

That of a call: real tool names, each with its own arguments, and in these the names of files and
tests that there are, and of files that the conversation is about the words that stand in them, so
that no edit misses. JSON's `enum` is the cheapest form for them that llguidance has
(`benchmarks/engine.py` measures it). It covers the object alone, and comes
into force once the model has begun one (`agent.models.toolcalls.trigger`). And that of an answer in
a form, which holds from the first token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from agent.models import blocks
from agent.models.base import FileText, Groups, Known
from tools.base import ToolSchema, Way

# an integer without an end is where a small model writes zeros until its limit
_STRING = {"type": "string"}
_INTEGER = {"minimum": -999_999, "maximum": 999_999}
# a quotation begins and ends between these, so that it is no half of a name
_PIECES = re.compile(r"\n|[^\S\n]+|\w+|[^\w\s]")
# a text as JSON: no escapes of backspaces and form feeds, which a small model writes where it means
# a backslash before a letter, and not line after line without a word
_TEXT = (
    r'CHARS: /([^"\\\x00-\x1f\x7f]|\\["\\nt])*/',
    rf"EMPTY_LINES: /(?s:.*)(\\n){{{5}}}(?s:.*)/",
    "TEXT: CHARS & ~EMPTY_LINES",
    "SOME_TEXT: TEXT & /(?s:.+)/",
    'text: "\\"" TEXT "\\""',
    'some_text: "\\"" SOME_TEXT "\\""',
)
WORDS = r"start: /\p{L}(?s:.*)/"  # a reply that is no call: these begin with a mark
OTHER = "other"  # files whose texts are not known
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


def calls(tools: Sequence[ToolSchema], known: Known | None = None) -> str:
    """Return a grammar whose words are the calls of these tools, as JSON objects.

    An argument that names what is there takes only names that are `known` of its kind, each as JSON
    writes it, with letters beyond ASCII as they are. It is free where none is known. What is quoted
    of a file whose text is known stands there, word for word.
    """
    known = known or Known()
    rules = ["start: " + " | ".join(f"call_{index}" for index in range(len(tools)))]
    kinds = {kind for tool in tools for kind in tool.names.values()}
    there: dict[str, Groups] = {
        kind: known.names[kind] for kind in sorted(kinds) if any(known.names.get(kind, ()))
    }
    texts = known.texts if "file" in there and any(tool.quotes for tool in tools) else ()
    if texts:
        shown = {each.path for each in texts}
        others = (tuple(path for path in group if path not in shown) for group in there["file"])
        there[OTHER] = tuple(filter(None, others))
    for index, tool in enumerate(tools):
        name = json.dumps(json.dumps(tool.name))
        head = f'"{{" WS? "\\"name\\"" WS? ":" WS? {name} WS? "," WS? "\\"arguments\\"" WS? ":"'
        ends = []
        for kind, end in (("args", ""), ("block", " BLOCK")):
            if ways := _arguments(tool, there, texts, bool(end)):
                rules.append(f"{kind}_{index}: " + " | ".join(ways))
                ends.append(f'{head} WS? {kind}_{index} WS? "}}"{end}')
        rules.append(f"call_{index}: " + " | ".join(ends))
    rules += _names(there)
    for place, each in enumerate(texts):
        rules += _quotes(place, each)
    # not endless: white space is where a small model gets lost
    rules.append("WS: /[ \\n]{1,12}/")
    rules += _TEXT
    rules += blocks.RULES if any(way.body for tool in tools for way in tool.ways) else ()
    return "\n".join(rules) + "\n"


def _arguments(
    tool: ToolSchema, there: Mapping[str, Groups], texts: Sequence[FileText], block: bool
) -> list[str]:
    """Return the ways to write the arguments of a tool: those that a `block` follows, or not."""
    named = {name: _rule(kind) for name, kind in tool.names.items() if kind in there}
    each_way = [
        way.parameters for way in tool.ways or (Way(tool.parameters),) if bool(way.body) is block
    ]
    if not named and "$defs" in tool.parameters:
        return [_json(_schema(tool.parameters))]
    if not tool.quotes or not texts:
        return [_object(way, named) for way in each_way]
    (file,) = (name for name, kind in tool.names.items() if kind == "file")
    ways = []
    for place, each in enumerate(texts):
        path = json.dumps(json.dumps(each.path, ensure_ascii=False), ensure_ascii=False)
        there_are = {"passage": each.texts or each.quoted, "symbol": each.symbols}
        quoted = {
            name: f"{kind}_{place}" if there_are[kind] else "" for name, kind in tool.quotes.items()
        }
        held = {**named, **quoted, file: path}
        # a way that needs what this file does not have is none
        ways += [
            _object(way, held)
            for way in each_way
            if all(held.get(name) != "" for name in way.get("required", ()))
        ]
    if there[OTHER]:
        ways += [_object(way, {**named, file: _rule(OTHER)}) for way in each_way]
    return ways


def _quotes(place: int, file: FileText) -> list[str]:
    """Return the rules for what can be quoted of a file: whole words of it, and what it defines."""
    rules, ways = [], [_one_of(file.quoted)] if file.quoted else []
    for part, text in enumerate(file.texts):
        words = [_escaped(word) for word in _PIECES.findall(text)]
        rules += [
            f"ANY_{place}_{part}: %regex {json.dumps({'substring_chunks': words})}",
            f"SOME_{place}_{part}: ANY_{place}_{part} & /(?s:.+)/",
        ]
        ways.append(f'"\\"" SOME_{place}_{part} "\\""')
    if ways:
        rules.append(f"passage_{place}: " + " | ".join(ways))
    if file.symbols:
        rules.append(f"symbol_{place}: {_one_of(file.symbols)}")
    return rules


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json(schema: Mapping[str, Any]) -> str:
    return f"%json {json.dumps(schema)}"


@lru_cache(maxsize=4)  # a long one is that of the request before
def _one_of(names: tuple[str, ...]) -> str:
    return _json({"enum": names})


def _rule(kind: str) -> str:
    return f"named_{kind}"


def _names(there: Mapping[str, Groups]) -> list[str]:
    """Return a rule for each kind; a group that several have is one rule: it is what costs."""
    groups: dict[tuple[str, ...], str] = {}
    rules = []
    for kind, names in there.items():
        for group in filter(None, names):
            if group not in groups:
                groups[group] = f"group_{len(groups)}"
                rules.append(f"{groups[group]}: {_one_of(group)}")
        if ways := [groups[each] for each in names if each]:
            rules.append(f"{_rule(kind)}: " + " | ".join(ways))
    return rules


def _object(schema: Mapping[str, Any], held: Mapping[str, str]) -> str:
    """Return an object as a rule: its members in their order, some held to rules of their own.

    A member whose rule is empty has nothing to say, and is left out.
    """
    members = []
    for name, about in schema["properties"].items():
        if held.get(name) == "":
            continue
        items = about.get("items", {})
        if name in held and about.get("type") == "array":
            value = _list(held[name])
        elif name in held:
            value = held[name]
        elif held.keys() & items.get("properties", {}).keys():
            value = _list(_object(items, held))
        elif about.get("type") == "string" and about.keys() <= {"type", "minLength"}:
            value = "some_text" if "minLength" in about else "text"
        elif items == _STRING:
            value = _list("text")
        else:
            value = _json(_kept(about))
        members.append((name, f'{json.dumps(json.dumps(name))} WS? ":" WS? {value}'))
    required = schema.get("required", ())
    ways = []
    for place, (name, first) in enumerate(members):
        rest = (
            f'(WS? "," WS? {member}){"" if later in required else "?"}'
            for later, member in members[place + 1 :]
        )
        ways.append(" ".join((first, *rest)))
        if name in required:  # nothing after it can come first
            break
    some = "" if any(name in required for name, _ in members) else "?"
    return f'"{{" WS? ({" | ".join(ways)}){some} WS? "}}"'


def _list(item: str) -> str:
    return f'"[" WS? ({item} (WS? "," WS? {item})*)? WS? "]"'


# JSON in one line, spaced as models write it
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_EXACT = {"minimum": -(2**53) + 1, "maximum": 2**53 - 1}  # what every reader of JSON keeps
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")


def answers(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return grammars whose words are the answers in a form, the better one first.

    llguidance does not know every keyword; the second grammar goes without those, so its words
    still have to be checked. Where it cannot read that either, there is no grammar.
    """
    bound = _bound(schema)
    return tuple(
        f"start: %json {json.dumps({**bound, 'x-guidance': {**_SPACING, **more}})}\n"
        for more in ({}, {"lenient": True})
    )


def _bound(schema: Any) -> Any:
    """Return a schema whose integers have an end."""
    if not isinstance(schema, Mapping):
        return schema
    found = dict(schema)
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            found[key] = {name: _bound(inner) for name, inner in value.items()}
        elif key in _LISTED and isinstance(value, list):
            found[key] = [_bound(inner) for inner in value]
        elif key in ("items", "additionalProperties"):
            found[key] = _bound(value)
    if found.get("type") == "integer" and "enum" not in found and "const" not in found:
        found = {**_EXACT, **found}
    return found


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

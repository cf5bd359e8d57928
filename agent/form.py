"""The form that a final answer is asked for in: a JSON schema of the user's, and what fits it.

Imported only where a form is asked for, since jsonschema takes 0.14 s of CPU.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from jsonschema.exceptions import SchemaError, ValidationError, best_match, relevance
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from agent.errors import UsageError

BYTES = 1 << 20  # a schema goes into the prompt; nobody means a larger one
TOLD = 3  # mistakes that the model is told at once
LOOKED_AT = 50  # mistakes of which the worst are told
HINT = """agent run --json-schema '{"type": "object"}' "PROMPT\""""

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


class Amiss(Exception):
    """A text is no answer in the form; says what is wrong, for the model and for a person."""

    @property
    def first(self) -> str:
        """The worst of it, as one line."""
        return str(self).partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON value that fits the form."""

    value: Any

    @property
    def text(self) -> str:
        """The value as compact JSON, which any encoding of Unicode can carry."""
        told = json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))
        try:
            told.encode()
        except UnicodeEncodeError:  # half of a pair, which only an escape can write
            return json.dumps(self.value, separators=(",", ":"))
        return told


class _Checks(Protocol):
    """What is used of jsonschema's validators."""

    def iter_errors(self, instance: Any) -> Iterator[ValidationError]: ...


class Form:
    """A JSON schema and its check. A reference leads inside of the schema or nowhere."""

    def __init__(self, schema: dict[str, Any], where: str = "the schema") -> None:
        """Check the schema; raises UsageError saying where it is bad."""
        self.schema = schema
        self._where = where
        self._validator = _validator(schema, where)

    @classmethod
    def load(cls, given: str) -> Form:
        """Read a schema that stands in a file, or in the text itself; raises UsageError."""
        where = "the schema"
        if not given.lstrip().startswith("{"):
            where, given = given, _read(given)
        try:
            schema = json.loads(given)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise UsageError(f"{where} is not JSON: {place}: {error.msg}", HINT) from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where} is not JSON: {error}", HINT) from error
        if not isinstance(schema, dict):
            raise UsageError(f"{where} is not a JSON schema: it is no object", HINT)
        return cls(schema, where)

    def read(self, text: str, *, alone: bool = False) -> Answer:
        """Return the answer that a text holds; raises Amiss.

        Words around a fence, and words before an object or a list, are forgiven: there is one
        value and no doubt which. With `alone` there may be no words.
        """
        value = _value(text.strip(), alone)
        try:
            errors = list(islice(self._validator.iter_errors(value), LOOKED_AT))
        except (RecursionError, Unresolvable) as error:
            told = f"{self._where} refers to itself without end"
            raise UsageError(told, "correct the schema, then again") from error
        except ArithmeticError as error:  # a number of hundreds of digits
            raise Amiss(f"a number is out of range: {error}") from error
        if errors:
            worst = sorted(errors, key=relevance, reverse=True)[:TOLD]
            raise Amiss("\n".join(_mistake(best_match([each]) or each) for each in worst))
        return Answer(value)


def _read(path: str) -> str:
    try:
        # not only from a file: a shell gives `<(command)` as a pipe
        with Path(path).expanduser().open("rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the schema {path}: {reason}", HINT) from error
    except ValueError as error:  # a zero byte in the name
        raise UsageError(f"cannot read the schema: {error}", HINT) from error
    if len(data) > BYTES:
        raise UsageError(f"the schema {path} is over {BYTES >> 20} MB", "a smaller one")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}", HINT) from error


def _validator(schema: dict[str, Any], where: str) -> _Checks:
    """Return the check that a schema is, after a check of the schema; raises UsageError."""
    named = schema.get("$schema", Draft202012Validator.META_SCHEMA["$id"])
    found = validator_for({"$schema": named}, None) if isinstance(named, str) else None
    if found is None:
        raise UsageError(
            f"{where}, at $.$schema: no known draft: {_short(repr(named))}",
            "leave $schema out for draft 2020-12",
        )
    try:
        found.check_schema(schema)
        _look_up(schema)
        # an empty registry fetches nothing and knows no other schema
        checks: _Checks = found(schema, registry=Registry())
        list(checks.iter_errors(None))  # whatever comes, a reference to itself would not end
    except SchemaError as error:
        told = f"{where}, at {error.json_path}: {_short(error.message)}"
        raise UsageError(told, "correct the schema, then again") from error
    except Unresolvable as error:
        told = f"{where}: the reference {_short(error.ref)} leads nowhere inside of it"
        raise UsageError(told, "put what it means under $defs") from error
    except RecursionError as error:
        told = f"{where} is too deeply nested, or refers to itself without end"
        raise UsageError(told, "correct the schema, then again") from error
    return checks


def _look_up(schema: dict[str, Any]) -> None:
    """Follow every reference; raises Unresolvable."""
    root: Resource[Any] = Resource.from_contents(schema, default_specification=DRAFT202012)
    waiting = [(Registry().resolver_with_root(root), root)]
    while waiting:
        resolver, resource = waiting.pop()
        if isinstance(resource.contents, dict):
            for key in ("$ref", "$dynamicRef"):
                if isinstance(resource.contents.get(key), str):
                    resolver.lookup(resource.contents[key])
        waiting += [(resolver.in_subresource(each), each) for each in resource.subresources()]


def _value(text: str, alone: bool) -> Any:
    """Return the one JSON value of a text; raises Amiss."""
    if not text:
        raise Amiss("the reply was empty")
    fenced = _FENCED.findall(text)
    if len(fenced) == 1 and (not alone or _FENCED.fullmatch(text)):
        text = fenced[0].strip()
    try:
        try:
            return _DECODER.decode(text)
        except json.JSONDecodeError:
            start = re.search(r"[\[{]", text)
            if alone or start is None or not start.start():
                raise
            return _DECODER.decode(text[start.start() :])
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Amiss(f"it is not one JSON value: {place}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise Amiss(f"it is not one JSON value: {error}") from error


def _finite(number: str) -> float:
    if math.isinf(value := float(number)):
        raise ValueError(f"{_short(number)} is out of range")
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def _mistake(error: ValidationError) -> str:
    return f"at {error.json_path}: {_short(error.message)}"


def _short(text: str) -> str:
    """Return a message in one line; what is wrong stands at its end, the value before it."""
    line = " ".join(text.split())
    return line if len(line) <= 240 else f"{line[:100]} … {line[-130:]}"

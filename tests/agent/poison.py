"""Events in which every text is an attack on whoever shows it."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from agent import events
from agent.events import Base
from agent.policy import Grant

ATTACK = (
    "\u202e\x1b[31m\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;\x00\x85"
    "</title></style></textarea>--><svg/onload=alert(3)>javascript:alert(4)"
    "\n```\n````\n</details>[a](javascript:alert(5)) ![b](http://evil.test/c) @someone"
    " \\| ` | `` \n"
    "<iframe src=//evil.test></iframe>\u2066\U000e0001"
)
UNION: tuple[type[Base], ...] = get_args(get_args(events.Event)[0])
FIRST = ("session_started", "turn_started", "attempt_started", "step_started")
LAST = ("tool_finished", "check_finished", "attempt_finished", "turn_finished")


def poisoned(kind: Any, text: str = ATTACK, number: int = 7) -> Any:
    """Return a value of a type with this in each of its texts."""
    origin, inner = get_origin(kind), get_args(kind)
    plain = {str: text, int: number, float: float(number), bool: True, Any: {text: [text]}}
    if kind in plain:
        return plain[kind]
    if kind is Grant:
        return Grant(tool=text, prefix=(text,))
    if origin is Annotated:
        return poisoned(inner[0], text, number)
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return poisoned(next(each for each in inner if each is not type(None)), text, number)
    if origin is tuple and inner[-1] is not Ellipsis:
        return tuple(poisoned(each, text, number) for each in inner)
    if origin is tuple:
        return (poisoned(inner[0], text, number),) * 2
    if origin is dict:
        return {poisoned(inner[0], text, number): poisoned(inner[1], text, number)}
    if issubclass(kind, Enum):
        return list(kind)[-1]
    assert issubclass(kind, BaseModel), kind
    kind.model_rebuild()
    fields = kind.model_fields.items()
    return kind(**{name: poisoned(field.annotation, text, number) for name, field in fields})


def log(text: str = ATTACK) -> list[Base]:
    """Return events of every kind: in a turn with an attempt, outside of turns, and unfinished."""
    made = {kind.model_fields["type"].default: poisoned(kind, text) for kind in UNION}
    middle = [each for name, each in made.items() if name not in (*FIRST, *LAST)]
    turn = [*(made[name] for name in FIRST), *middle, *(made[name] for name in LAST)]
    alone = [each.model_copy(update={"attempt": None}) for each in turn]
    return [*turn, *middle, *alone, *(made[name] for name in FIRST[1:]), *middle]

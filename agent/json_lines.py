"""An event as one line of JSON, for logs and pipes: it comes back as it was.

Nothing in the line moves a cursor or is invisible: whoever prints a log to a terminal is safe.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from sandbox.names import show

_OTHER = re.compile(r"[^ -~]")


def as_line(event: BaseModel) -> str:
    """Return an event as one line of JSON, without its end.

    What UTF-8 cannot carry (names of files in other encodings) stands in its shown form.
    """
    try:
        line = event.model_dump_json()
    except PydanticSerializationError:
        line = json.dumps(_sayable(event.model_dump()), ensure_ascii=False)
    if line.isascii() and line.isprintable():
        return line
    from agent.terminal import seen

    return _OTHER.sub(lambda found: found[0] if seen(found[0]) else _escaped(found[0]), line)


def _escaped(char: str) -> str:
    """Return a character as JSON spells it by number."""
    number = ord(char)
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def _sayable(value: Any) -> Any:
    match value:
        case str():
            return value if _is_utf8(value) else show(value).encode("utf-8", "replace").decode()
        case dict():
            return {_sayable(key): _sayable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_sayable(inner) for inner in value]
        case _:
            return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

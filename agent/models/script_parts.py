"""The parts of a script's file: which model replies, and in which turn.

An item that begins a part has none of a reply's keys. The replies behind it, up to the next such
item, are of that turn and that model:

```yaml
- {session: {…}}              # where it came from; for people, nothing reads it
- {turn: 1, window: 4096}
- say: I will look.
- {turn: 1, by: strong, remote: api.example.com}
- say: I take over.
```
`scripted:FILE` replies with what is its own, turn after turn; `FILE#2` with that of the second turn
alone, `FILE#strong` and `FILE#2.strong` with what the strong model said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from agent.errors import ModelUnusable
from tools.base import Frozen

STRONG = "strong"
_CHOICE = re.compile(rf"(?P<file>.+)#(?:(?P<turn>\d+)(?:\.(?=[a-z]))?)?(?P<by>{STRONG})?")


class Part(Frozen):
    """How a part begins; `remote` is the host of a model elsewhere, `served` that of a server here.

    Without either it is one in an engine of ours, which can be sampled. `window` is in tokens.
    """

    turn: int | None = Field(default=None, ge=1)
    by: str = ""
    remote: str = ""
    served: bool = False
    small: bool = False
    window: int | None = Field(default=None, ge=256)
    session: dict[str, Any] | None = None


def begins(item: object) -> bool:
    """Whether an item begins a part."""
    return isinstance(item, dict) and bool(item) and item.keys() <= Part.model_fields.keys()


def split(name: str) -> tuple[Path, int | None, str]:
    """Return the file of a name, and what of it is meant: a turn, None for all, and whose replies.

    A file that is there with the whole name is meant whole.
    """
    found = None if Path(name).expanduser().exists() else _CHOICE.fullmatch(name)
    if found is None:
        return Path(name).expanduser(), None, ""
    turn = int(found["turn"]) if found["turn"] else None
    return Path(found["file"]).expanduser(), turn, found["by"] or ""


def chosen(items: object, name: str, turn: int | None, by: str) -> tuple[Part, object]:
    """Return the replies that are meant, and how their first part begins. Raises ModelUnusable."""
    if not isinstance(items, list):
        return Part(), items  # which whoever reads the replies refuses
    parts = [
        (part, replies)
        for part, replies in _parts(items, name)
        if part.by == by and (turn is None or part.turn == turn)
    ]
    if not parts and (turn is not None or by):
        raise ModelUnusable(f"{name}: the script has no such part")
    first = next((part for part, replies in parts if replies), Part())
    return first, [reply for _, replies in parts for reply in replies]


def _parts(items: list[object], name: str) -> Iterator[tuple[Part, list[object]]]:
    part, replies = Part(), list[object]()
    for number, item in enumerate(items, 1):
        if not begins(item):
            replies.append(item)
            continue
        yield part, replies
        try:
            part, replies = Part.model_validate(item), []
        except ValidationError as error:
            message = f"{name}, item {number}: {error.errors()[0]['msg']}"
            raise ModelUnusable(message) from error
    yield part, replies

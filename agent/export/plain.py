"""The log itself for others: `agent sessions replay`, `show` and `report` read it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.events import Base, as_line
from agent.export.names import mapped, nameless


def plain(events: Sequence[Base], name: str) -> tuple[str, list[str]]:
    """Return the log, an event a line, without who the user is and where they are at home.

    Nothing is to be noted of it; `name`, the file's, is not needed.
    """
    change = nameless()
    lines = (json.dumps(mapped(json.loads(as_line(each)), change)) for each in events)
    return "".join(f"{line}\n" for line in lines), []

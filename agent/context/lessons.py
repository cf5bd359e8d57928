"""Lessons that the user kept for a repository, as a model is told of them.

A session begins with those there are; what is kept or taken back later stands behind a prompt, so
the prefix stays. What the model knows is read from the messages, so it is the same out of a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.messages import Message, SystemMessage, UserMessage

KEPT = "Lessons the user kept:"
DROPPED = "Lessons the user took back:"
_TOLD = re.compile(rf"^({KEPT}|{DROPPED})((?:\n- .*)+)", re.MULTILINE)


def listed(lessons: Iterable[str], heading: str = KEPT) -> str:
    """Return lessons below their heading, nothing where there are none."""
    lines = [f"- {each}" for each in lessons]
    return "\n".join([heading, *lines]) if lines else ""


def news(messages: Sequence[Message], lessons: Sequence[str]) -> str:
    """Return what a model does not know of the lessons there are, empty where it knows them."""
    told = known(messages)
    new = listed(each for each in lessons if each not in told)
    return "\n".join(filter(None, [new, listed((x for x in told if x not in lessons), DROPPED)]))


def known(messages: Iterable[Message]) -> list[str]:
    """Return the lessons that the messages told of and did not take back."""
    found: dict[str, None] = {}
    for message in messages:
        if not isinstance(message, SystemMessage | UserMessage):
            continue
        for heading, lines in _TOLD.findall(message.text):
            for line in lines.split("\n- ")[1:]:
                if heading == KEPT:
                    found[line] = None
                else:
                    found.pop(line, None)
    return list(found)

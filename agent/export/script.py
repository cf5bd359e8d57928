"""A session as a script: what its models said, in the order in which they were asked.

`agent.models.scripted` reads it. Run in the same tree it does the same again, as far as that hangs
on the model: so a bug report is a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from agent import __version__
from agent.asked import Asked, Reach
from agent.errors import ProviderFailed
from agent.events import (
    Base,
    Forked,
    MessageFinished,
    Sampled,
    Scored,
    SessionResumed,
    SessionStarted,
    SummaryGiven,
    TurnFinished,
    TurnStarted,
)
from agent.export.again import Turns
from agent.models.choose import is_remote
from agent.models.script_parts import STRONG
from agent.redaction import marked

Item = dict[str, Any]


def script(events: Sequence[Base], name: str) -> tuple[str, list[str]]:
    """Return the file, one item a line, and notes on what it needs; `name` is its own."""
    fold = _Fold()
    for event in events:
        fold.take(event)
    head = fold.head(name)
    rows = [head, *fold.items]
    needs = [*head["session"]["needs"]]
    needs += [f"turn {each.number}: {need}" for each in fold.turns.every for need in each.needs]
    return "[\n" + ",\n".join(f" {json.dumps(each)}" for each in rows) + "\n]\n", needs


class _Fold:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.turns = Turns()
        self._main = ""  # the model that the session talks to
        self._first: SessionStarted | None = None
        self._asked: Asked | None = None  # who answered last, as far as it is known
        self._part: tuple[int, str] | None = None

    def take(self, event: Base) -> None:
        """Take in one event."""
        self.turns.take(event)
        match event:
            case SessionStarted(model=model) | SessionResumed(model=model):
                self._main = model
                self._asked = None
                if isinstance(event, SessionStarted):
                    self._first = event
            case TurnStarted():
                self._part = None
            case MessageFinished() | SummaryGiven() | Sampled() | Scored() | Forked():
                self._asked = event.asked or self._asked
                for item in _items(event, self._reach):
                    self._put(item)
            case TurnFinished(exit_code=ProviderFailed.exit_code, error=error) if error:
                self._put({"fails": error})
            case _:
                pass

    def head(self, name: str) -> Item:
        """Return the first item: what it was, and how it is run again."""
        first, turns = self._first, self.turns.every
        strong = any(each.get("by") == STRONG for each in self.items)
        told: Item = {
            "exported_by": f"wisp {__version__}",
            "wisp": first.version if first else "",
            "session": first.id if first else "",
            "model": first.model if first else "",
            "commit": first.commit if first else "",
            "turns": [
                {
                    "kind": each.kind,
                    "prompt": each.prompt,
                    "autonomy": each.autonomy.name.lower(),
                    "effort": each.effort,
                    "outcome": each.outcome,
                    "exit_code": each.exit_code,
                    "run": each.line(name, strong, len(turns) == 1),
                    "needs": each.needs,
                }
                for each in turns
            ],
            "needs": self._needs(),
        }
        return {"session": told}

    def _needs(self) -> list[str]:
        """Return what holds for the whole of it."""
        first, said = self._first, json.dumps(self.items)
        told = []
        if first and first.commit:
            told.append("the tree as it was: that commit, and what was not committed then")
        if first and json.dumps(first.cwd)[1:-1] in said:
            told.append(f"replies name {first.cwd}: put the tree there")
        if marked(said):
            told.append("secrets were left out of replies; calls with such a mark are refused")
        return told

    @property
    def _reach(self) -> Reach:
        if self._asked is not None:
            return self._asked.reach
        # a log of before that was kept: samples are asked of a model in an engine of ours
        return "elsewhere" if is_remote(self._main) else "engine"

    def _put(self, item: Item) -> None:
        asked = self._asked
        by = STRONG if asked is not None and asked.model != self._main else ""
        part = (max(len(self.turns.every), 1), by)
        if part != self._part:
            self._part = part
            self.items.append(_beginning(part, asked))
        self.items.append(item)


def _beginning(part: tuple[int, str], asked: Asked | None) -> Item:
    told: Item = {"turn": part[0], "by": part[1]}
    if asked is not None:
        told |= {"small": asked.small, "window": asked.window}
        told["served"] = asked.reach == "served here"
        told["remote"] = (asked.host or asked.model) if asked.reach == "elsewhere" else ""
    return {name: value for name, value in told.items() if value}


def _items(event: Base, reach: Reach) -> Iterable[Item]:
    """Return what one answer is in a script; samples of a model that only talks are replies."""
    match event:
        case MessageFinished(message=message, problem=problem):
            calls = [{call.name: call.arguments} for call in message.calls]
            told: Item = {"think": message.thinking, "say": message.text, "calls": calls}
            told["problem"] = problem
            return [{name: each for name, each in told.items() if each} or {"say": ""}]
        case SummaryGiven(text=text):
            return [{"say": text}]
        case Sampled(texts=texts) if reach == "engine":
            return [{"samples": list(texts)}]
        case Sampled(texts=texts):
            return [{"say": text} for text in texts]
        case Scored(scores=scores):
            return [{"scores": list(scores)}]
        case Forked(forks=forks):
            names = ("at", "piece", "logprob", "before")
            return [{"forks": [dict(zip(names, each, strict=True)) for each in forks]}]
        case _:
            return []

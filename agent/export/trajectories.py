"""A session as data to train on: an object a line, one for each attempt, with its reward.

`docs/trajectories.md` tells each field. Of a repair each attempt that a model wrote is one; of any
other turn the turn is. What checks said makes the reward.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent import __version__
from agent.asked import Asked
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    HistoryCompacted,
    MessageFinished,
    Sampled,
    SessionResumed,
    SessionStarted,
    StepStarted,
    TurnFinished,
    TurnStarted,
)
from agent.export import chat, reward
from agent.export.again import Turns
from agent.export.names import mapped, nameless
from agent.history import History
from agent.messages import AssistantMessage, Message, SystemMessage, Usage

FORMAT = 1  # of the fields


def trajectories(events: Sequence[Base], name: str) -> tuple[str, list[str]]:
    """Return the lines, and notes of what has none. `name` is the file's, which none needs."""
    fold = _Fold()
    for event in events:
        fold.take(event)
    change = nameless()
    lines = [json.dumps(mapped(each, change)) + "\n" for each in fold.told]
    return "".join(lines), [f"{count} {why}" for why, count in fold.without.items()]


@dataclass
class _Spoken:
    """A stretch of a conversation: what stood before it, what came of it, what it took."""

    prompt: list[Message] = field(default_factory=list)
    completion: list[Message] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    steps: int = 0
    compacted: bool = False
    asked: Asked | None = None


class _Talk:
    """One conversation, folded; `spoken` is the stretch since it was begun anew."""

    def __init__(self, system: Sequence[Message] = ()) -> None:
        self._history = History()
        self._history.messages += system
        self.spoken = _Spoken()

    def begin(self) -> None:
        """Begin another stretch."""
        self.spoken = _Spoken()

    def take(self, event: Base, asked: Asked | None) -> None:
        spoken, messages = self.spoken, self._history.messages
        before = len(messages)
        self._history.apply(event)
        if isinstance(event, HistoryCompacted):
            spoken.compacted = spoken.compacted or bool(spoken.steps)
        elif spoken.steps:
            spoken.completion += self._history.messages[before:]
        if isinstance(event, StepStarted) and not spoken.steps:
            spoken.prompt = list(self._history.messages)
        spoken.steps += isinstance(event, StepStarted)
        if isinstance(event, MessageFinished):
            spoken.usage += event.usage
            spoken.asked = asked

    @property
    def system(self) -> list[Message]:
        """The system prompt, if there is one."""
        return [each for each in self._history.messages[:1] if isinstance(each, SystemMessage)]


@dataclass
class _Attempt:
    started: AttemptStarted
    spoken: _Spoken
    prefill: int = 0  # characters of the completion that the harness wrote
    kind: str = "loop"
    end: AttemptFinished | None = None


class _Fold:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.without: Counter[str] = Counter()
        self._turns = Turns()
        self._first: SessionStarted | SessionResumed | None = None
        self._talk = _Talk()
        self._loop = _Talk()
        self._asked: Asked | None = None
        self._prompts: dict[str, tuple[Message, ...]] = {}
        self._sampled: dict[int, Sampled] = {}
        self._attempts: list[_Attempt] = []

    def take(self, event: Base) -> None:
        """Take in one event."""
        self._turns.take(event)
        asked = getattr(event, "asked", None)
        if asked is not None:
            if self._asked is not None and asked.model != self._asked.model:
                self._loop = _Talk(self._talk.system)  # another takes over, in words of its own
            self._asked = asked
        match event:
            case SessionStarted() | SessionResumed():
                self._first = event
            case TurnStarted():
                self._talk.begin()
                self._loop = _Talk(self._talk.system)
                self._attempts, self._sampled = [], {}
            case Sampled():
                self._prompts |= {event.prompt: event.messages} if event.messages else {}
                self._sampled[event.request] = event
            case AttemptStarted():
                self._loop.begin()
                self._attempts.append(self._opened(event))
            case AttemptFinished() if self._attempts:
                self._attempts[-1].end = event
            case _:
                pass
        self._talk.take(event, self._asked)
        if event.attempt is not None:
            self._loop.take(event.model_copy(update={"attempt": None}), self._asked)
        if isinstance(event, TurnFinished):
            self._finish(event)

    def _opened(self, started: AttemptStarted) -> _Attempt:
        """Return an attempt; of a sample all is known already."""
        attempt = _Attempt(started, self._loop.spoken)
        number, place = started.sample or (0, 0)
        sampled = self._sampled.get(number)
        if sampled is None or place >= len(sampled.texts):
            return attempt
        start = sampled.prefill + (sampled.starts[place] if sampled.starts else "")
        attempt.kind, attempt.prefill = "sample", len(start)
        share = max(len(sampled.texts), 1)
        used = sampled.usage.model_copy(
            update={
                "input": sampled.usage.input // share,
                "cached": sampled.usage.cached // share,
                "output": sampled.usage.output // share,
                "cost": sampled.usage.cost / share,
            }
        )
        attempt.spoken = _Spoken(
            prompt=list(self._prompts.get(sampled.prompt, ())),
            completion=[AssistantMessage(text=start + sampled.texts[place])],
            usage=used,
            steps=1,
            # who samples is told of no tools
            asked=self._asked and self._asked.model_copy(update={"tools": ()}),
        )
        return attempt

    def _finish(self, end: TurnFinished) -> None:
        turn = self._turns.every[-1] if self._turns.every else None
        if turn is None:
            return
        for each in self._attempts:
            if each.end is None:
                continue
            parts = reward.of_attempt(each.end, end.verification, **_cost(each.spoken))
            self._put(each.spoken, parts, end, each)
        spoken = self._talk.spoken
        if turn.kind in ("run", "fix") and spoken.steps:
            parts = reward.of_turn(end.verification, **_cost(spoken))
            self._put(spoken, parts, end, None)

    def _put(
        self, spoken: _Spoken, parts: reward.Parts, end: TurnFinished, attempt: _Attempt | None
    ) -> None:
        if not any(isinstance(each, AssistantMessage) for each in spoken.completion):
            self.without["attempts that no model wrote, or that it did not answer"] += 1
            return
        if not spoken.prompt:
            self.without["attempts of a log that does not have what was asked"] += 1
            return
        every = [*spoken.prompt, *spoken.completion]
        tainted = chat.taint(every)
        left_out = chat.pictures(every)
        if spoken.compacted:
            left_out.append("the model saw less of this than stands here: it was compacted")
        facts = self._metadata(end, attempt, spoken)
        self.told.append(
            {
                "id": "/".join(str(facts[each]) for each in ("session", "turn", "attempt")),
                "prompt": [chat.message(each) for each in spoken.prompt],
                "completion": [chat.message(each) for each in spoken.completion],
                "tools": chat.tools(spoken.asked.tools if spoken.asked else ()),
                "reward": parts.reward,
                "reward_parts": parts.told(),
                "prefill": attempt.prefill if attempt else 0,
                "taint": tainted,
                "left_out": left_out,
                "metadata": facts,
            }
        )

    def _metadata(
        self, end: TurnFinished, attempt: _Attempt | None, spoken: _Spoken
    ) -> dict[str, Any]:
        first, turn, asked = self._first, self._turns.every[-1], spoken.asked
        cwd = first.cwd if first else ""
        return {
            "format": FORMAT,
            "session": first.id if first else "",
            "turn": turn.number,
            "attempt": attempt.started.attempt or 0 if attempt else 0,
            "kind": attempt.kind if attempt else turn.kind,
            "what": attempt.started.detail if attempt else turn.kind,
            "verdict": attempt.end.verdict if attempt and attempt.end else "",
            "outcome": end.outcome,
            "exit_code": end.exit_code,
            "model": asked.model if asked else first.model if first else "",
            "reach": asked.reach if asked else "",
            "small": asked.small if asked else False,
            "window": asked.window if asked else 0,
            "autonomy": turn.autonomy.name.lower(),
            "effort": turn.effort,
            "containment": first.containment.name if first else "",
            "repository": hashlib.sha256(cwd.encode(errors="replace")).hexdigest()[:16],
            "commit": first.commit if first else "",
            "wisp": first.version if first else "",
            "exported_by": __version__,
            "tainted": bool(chat.taint([*spoken.prompt, *spoken.completion])),
        }


def _cost(spoken: _Spoken) -> dict[str, Any]:
    used = spoken.usage
    return {"tokens": used.total, "cost": used.cost, "steps": spoken.steps}

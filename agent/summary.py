"""What a session was, in a line: from the first lines of its log and the last ones."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.sessions import Kept

_HEAD = 1 << 14  # bytes; the first line holds the system prompt
_TAIL = 1 << 13
_MOST = 1 << 20  # of either; a line that is longer still is passed over
_PROMPT = 200  # characters


@dataclass(frozen=True, slots=True)
class Summary:
    """One session; what its log does not say, or says beyond its ends, is empty."""

    id: str
    name: str
    used: float  # seconds since the epoch
    started: float
    cwd: str
    model: str
    prompt: str  # the first
    kind: str
    outcome: str  # of the last turn; `open` while it goes on, or where it was cut off
    log: str

    @classmethod
    def of(cls, kept: Kept) -> Summary:
        """Read as much of the log as it takes."""
        first: dict[str, Any] = {}
        turn: dict[str, Any] = {}
        for event in _lines(kept.path, _HEAD):
            if event.get("type") == "session_started":
                first = event
            if event.get("type") == "turn_started":
                turn = event
                break
        return cls(
            id=kept.id,
            name=kept.name,
            used=kept.used,
            started=_number(first.get("time")),
            cwd=str(first.get("cwd", "")),
            model=str(first.get("model", "")),
            prompt=" ".join(str(turn.get("prompt", ""))[: _PROMPT * 2].split())[:_PROMPT],
            kind=str(turn.get("kind", "")),
            outcome=_outcome(kept.path) if turn else "",
            log=str(kept.path),
        )

    def as_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def _outcome(path: Path) -> str:
    """Return how the last turn ended, looking back from the end no further than needed."""
    size = path.stat().st_size
    step = _TAIL
    while True:
        with path.open("rb") as file:
            file.seek(max(0, size - step))
            lines = file.read(step).split(b"\n")
        for line in reversed(lines if step >= size else lines[1:]):
            # keys of strings are escaped, so this is the key of a line
            if b'"type":"turn_started"' in line:
                return "open"
            if b'"type":"turn_finished"' in line:
                return str(_parsed(line).get("outcome", ""))
        if step >= min(size, _MOST):
            return ""
        step *= 4


def _lines(path: Path, step: int) -> Iterator[dict[str, Any]]:
    """Yield the first whole lines of a log, reading on only while they are asked for."""
    try:
        with path.open("rb") as file:
            left = _MOST
            rest = b""
            while left > 0 and (data := file.read(min(step, left))):
                left -= len(data)
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield _parsed(line)
    except OSError:
        return


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def said(path: Path, words: str) -> bool:
    """Whether every word was said in a session, by the user or the model, or in a call.

    Raises OSError where the log cannot be read.
    """
    wanted = words.casefold().split()
    data = os.fsdecode(path.read_bytes())
    # most have none of the words anywhere, and need not be taken apart
    plain = data.casefold()
    if not all(json.dumps(word, ensure_ascii=False)[1:-1] in plain for word in wanted):
        return False
    text = "\n".join(_words(_parsed(line.encode("utf-8", "replace"))) for line in data.split("\n"))
    text = text.casefold()
    return all(word in text for word in wanted)


def _words(event: dict[str, Any]) -> str:
    match event:
        case {"type": "turn_started", "prompt": str(text)}:
            return text
        case {"type": "message_finished", "message": {"text": str(text)}}:
            return text
        case {"type": "tool_requested", "call": {"arguments": dict(arguments)}}:
            return "\n".join(str(value) for value in arguments.values())
        case {"type": "turn_finished", "text": str(text)}:
            return text
        case _:
            return ""

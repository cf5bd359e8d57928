"""Notices a model that goes round in circles, by what it called and what came back."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Literal

from tools.base import ToolCall, ToolResult

LONGEST_CYCLE = 5
NUDGE_AFTER, STOP_AFTER = 3, 5  # rounds of the same cycle
EMPTY_NUDGE, EMPTY_STOP = 1, 3  # replies with neither text nor calls
DONE_AFTER = 2  # changes in a row that were there already, or checks as green as the one before

Advice = Literal["go on", "nudge", "rest", "stop"]

# differs between two runs of the same thing: how long it took, the rule that fills up a line beside
# that, where an object lay
CHANCE = re.compile(r"\d+(\.\d+)? ?(ms|s|sec|seconds?)\b|={3,}|-{3,}|0x[0-9a-f]{6,}")


class Stall:
    """Remembers the calls of one turn.

    The same call with a new result is progress (a job's output, a test after an edit), so the
    result belongs to what is compared; that it took 0.2 s longer is none. `repeats` says that the
    last reply brought nothing new.
    """

    def __init__(self) -> None:
        self._signatures: list[str] = []
        self._empty = 0
        self._done = 0
        self._nudged = False
        self.repeats = False

    def saw(self, call: ToolCall, result: ToolResult) -> Advice:
        """Take in a finished call; `nudge` is said once per turn, then only `stop`.

        A small model often has no other way to say that it is done than to do it again: `rest`.
        """
        self._empty = 0
        seen = CHANCE.sub("", result.text)
        text = json.dumps([call.name, call.arguments, seen], sort_keys=True, default=str)
        self._signatures.append(hashlib.sha256(text.encode(errors="replace")).hexdigest())
        green = result.ok and result.report is not None and self._rounds(1) > 1
        self._done = self._done + 1 if result.already or green else 0
        rounds = max(self._rounds(period) for period in range(1, LONGEST_CYCLE + 1))
        self.repeats = rounds > 1 or result.already
        if self._done >= DONE_AFTER:
            return "rest"
        if rounds >= STOP_AFTER:
            return "stop"
        if rounds >= NUDGE_AFTER and not self._nudged:
            self._nudged = True
            return "nudge"
        return "go on"

    def saw_nothing(self) -> Advice:
        """Take in a reply with neither text nor calls; what counts is how many stand in a row."""
        self._empty += 1
        self.repeats = True
        if self._empty >= EMPTY_STOP:
            return "stop"
        return "nudge" if self._empty >= EMPTY_NUDGE else "go on"

    def _rounds(self, period: int) -> int:
        """Return how many times the last `period` calls stand at the end, one after another."""
        recent = self._signatures[-period * STOP_AFTER :]
        cycle = recent[-period:]
        rounds = 0
        while recent and recent[-period:] == cycle:
            rounds += 1
            del recent[-period:]
        return rounds

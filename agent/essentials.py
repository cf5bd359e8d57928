"""What of a session survives every compaction word for word: a fold of its events.

The task, what else the user said, the plan, which files were changed, the last failures; and each
call in a line, so that what was done can be told without a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from agent.events import (
    Base,
    HarnessSpoke,
    MemoryKept,
    PromptTaken,
    ToolFinished,
    ToolRequested,
    TurnStarted,
)
from tools.base import ToolCall, ToolResult
from tools.plan import rows
from tools.truncate import cut_line, shorten

LINES = 60  # calls that are remembered
LINE = 160  # characters of one
FILES = 40  # changed files that are named
EARLIER = 300  # characters of what the user said before the task at hand
MOST_SAID = 20  # such words
SAID = "The user's words before, oldest first:"
TASK = "The task, in the user's words:"
PLAN = "The plan:"
CHANGED = "Files changed so far: "
FAILED = "What `{}` said last, which failed:"
DONE = "What was done, newest last:"


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed, and what it said."""

    call_id: str
    tool: str
    text: str


@dataclass
class Essentials:
    """Takes in events; `told` returns what a compaction puts in place of messages."""

    said: list[str] = field(default_factory=list)
    begun: int = 0  # how much of it was said before the turn at hand
    plan: str = ""
    changed: dict[str, int] = field(default_factory=dict)  # path -> how often
    check: Failure | None = None  # the last one, where it was red
    other: Failure | None = None  # the last call that failed and was no check
    done: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=LINES))
    _calls: dict[str, ToolCall] = field(default_factory=dict)

    def take(self, event: Base) -> None:
        """Take in one event of the conversation."""
        match event:
            case TurnStarted(kind="run" | "fix", prompt=prompt):
                self.begun = len(self.said)
                self.said.append(prompt)
            case PromptTaken(prompt=prompt):
                self.said.append(prompt)
            case HarnessSpoke(text=text) if not self.said:
                self.said.append(text)  # what a conversation begins with is its task
            case MemoryKept(plan=plan):
                self.plan = rows(plan)
            case ToolRequested(call=call, by="model"):
                self._calls[call.id] = call
            case ToolFinished(call_id=call_id, result=result) if call_id in self._calls:
                self._finished(self._calls.pop(call_id), result)
            case _:
                pass

    def _finished(self, call: ToolCall, result: ToolResult) -> None:
        for path in result.changed:
            self.changed[path] = self.changed.pop(path, 0) + 1  # the newest stands last
        failed = None if result.ok else Failure(call.id, call.name, result.text)
        if call.name == "check":
            self.check = failed
        elif failed or (self.other and self.other.tool == call.name):
            self.other = failed
        if call.name == "plan" and result.ok:
            self.plan = result.text
        said = f": {result.summary}" if result.summary else ""
        self.done.append((call.id, cut_line(f"{in_words(call)}{said}", LINE)))

    def told(self, size: int, summary: str, tail: Collection[str], prompts: int) -> str:
        """Return it all in about `size` characters; more only where what must stay needs them.

        `tail` has the calls and `prompts` the number of the user's last words that still stand
        behind it as they were. The task, the plan and the last failures are never cut.
        """
        said = self.said[: len(self.said) - prompts]
        task = "\n\n".join(said[self.begun :])
        parts = (task and f"{TASK}\n{task}", self._plan(), *self._failures(tail), self._files())
        must = [part for part in parts if part]
        left = size - len(summary) - sum(map(len, must))
        before = _earlier(said[: self.begun], left if summary else left // 2)
        lines = [line for call_id, line in self.done if call_id not in tail]
        done = summary or _fitting(DONE, lines, left - len(before))
        return "\n\n".join(filter(None, [before, done, *must]))

    def _plan(self) -> str:
        return f"{PLAN}\n{self.plan}" if self.plan else ""

    def _failures(self, tail: Collection[str]) -> Iterable[str]:
        for each in (self.other, self.check):
            if each is not None and each.call_id not in tail:
                yield f"{FAILED.format(each.tool)}\n{each.text}"

    def _files(self) -> str:
        newest = list(self.changed.items())[-FILES:]
        more = len(self.changed) - len(newest)
        named = [f"{path} ({many} times)" if many > 1 else path for path, many in newest]
        named += [f"and {more} more"] if more else []
        return CHANGED + ", ".join(named) if named else ""


def in_words(call: ToolCall) -> str:
    """Return a call in one line: the tool and what it was given."""
    given = ", ".join(f"{key}={value}" for key, value in call.arguments.items())
    return " ".join(f"{call.name} {given}".split())[:120]


def _earlier(said: Sequence[str], size: int) -> str:
    """Return what the user said before: all of it, or the beginning of each, the newest first."""
    whole = [f"- {each}" for each in said]
    if sum(map(len, whole)) > size:
        cut = [f"- {shorten(each, size=EARLIER, head=0.7)}" for each in said[-MOST_SAID:]]
        return _fitting(SAID, cut, size)
    return "\n".join([SAID, *whole]) if whole else ""


def _fitting(title: str, lines: Sequence[str], size: int) -> str:
    """Return a title with the last of these lines that fit, and how many were left out."""
    kept: list[str] = []
    left = size - len(title)
    for line in reversed(lines):
        left -= len(line) + 1
        if left < 0:
            break
        kept.insert(0, line)
    if not kept:
        return ""
    more = len(lines) - len(kept)
    return "\n".join([title, *([f"[… {more} earlier left out …]"] if more else []), *kept])

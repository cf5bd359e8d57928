"""A session as text that people read: prompts, replies, calls with their verdicts, the proof."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from agent.events import (
    ApprovalAnswered,
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CheckFinished,
    CheckStarted,
    HarnessSpoke,
    HistoryCompacted,
    InstructionsTold,
    MessageFinished,
    Notice,
    PhaseStarted,
    SessionResumed,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
)
from agent.faces import proof
from tools.base import ToolCall

_RESULT = 6  # lines of a result
_WIDE = 100  # characters of a line of it, and of an argument


def lines(events: Iterable[Base]) -> Iterator[str]:
    """Yield the lines of a whole session. Turns and steps bear the numbers that `--from` takes."""
    teller = _Teller()
    for event in events:
        yield from teller.tell(event)


class _Teller:
    """What of the events before is needed to tell the next."""

    def __init__(self) -> None:
        self._turns = 0
        self._calls: dict[str, ToolCall] = {}
        self._verdicts: dict[str, str] = {}

    def tell(self, event: Base) -> Iterator[str]:
        match event:
            case SessionStarted() | SessionResumed():
                yield from _opened(event)
            case TurnStarted(prompt=prompt, kind=kind, images=images):
                self._turns += 1
                yield from ("", f"== turn {self._turns}, {kind}, {_clock(event.time)}")
                yield from _indented(prompt, "> ")
                yield from (f"> [picture, {each.media_type}]" for each in images)
            case StepStarted(step=step):
                yield from ("", f"-- step {self._turns}.{step}")
            case MessageFinished(message=message):
                yield from _indented(message.text, "")
            case HarnessSpoke(text=text) | InstructionsTold(text=text):
                yield from _indented(text, "harness: ")
            case ToolRequested(call=call):
                self._calls[call.id] = call
            case CallDecided(call_id=call_id, verdict=verdict, reason=reason):
                self._verdicts[call_id] = f"{verdict.value} ({reason})"
            case ApprovalAnswered(call_id=call_id, approved=approved, by=by):
                said = "approved" if approved else "declined"
                self._verdicts[call_id] = f"{self._verdicts.get(call_id, '')}, {said} by {by}"
            case ToolFinished(call_id=call_id, result=result):
                yield f"* {_words(self._calls.pop(call_id, None), call_id)}"
                yield f"  {self._verdicts.pop(call_id, 'not decided')}"
                summary = result.summary or ("done" if result.ok else "failed")
                yield f"  {'' if result.ok else 'failed: '}{_short(summary)}"
                yield from _brief(result.diff or result.text)
            case TurnFinished():
                yield from self._ended(event)
            case _:
                yield from _others(event)

    def _ended(self, event: TurnFinished) -> Iterator[str]:
        yield ""
        yield from proof(event.verification)
        count = len(event.changed)
        files = f", {count} file{'' if count == 1 else 's'} changed" if count else ""
        yield f"{event.outcome}{files}{f': {event.error}' if event.error else ''}"
        yield from (f"  changed: {path}" for path in event.changed)


def _opened(event: SessionStarted | SessionResumed) -> Iterator[str]:
    match event:
        case SessionResumed(id=name, forked_from=parent) if parent:
            what = f"session {name}, a fork of {parent}"
        case SessionResumed():
            what = "resumed"
        case _:
            what = f"session {event.id}"
    yield from ("", f"{what}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(event.time))}")
    level, holds = event.autonomy.name, event.containment.name
    yield f"{event.model}, level {level}, containment {holds}, in {event.cwd}"


def _others(event: Base) -> Iterator[str]:
    match event:
        case PhaseStarted(phase=phase, detail=detail):
            yield f"{phase}: {detail}" if detail else phase
        case AttemptStarted(attempt=number, detail=detail):
            yield f"attempt {number}: {_short(detail)}"
        case AttemptFinished(attempt=number, verdict=verdict):
            yield f"attempt {number}: {verdict}"
        case CheckStarted(command=command):
            yield f"check: {command}"
        case CheckFinished(passed=passed, failed=failed):
            yield f"check: {passed} passed, {failed} failed"
        case HistoryCompacted(replaced=replaced, text=text) if replaced:
            yield f"note: {replaced} messages were summed up for the model"
            yield from _indented(text, "harness: ")
        case HistoryCompacted(masked=masked):
            yield f"note: {len(masked)} old results were left out for the model"
        case Notice(text=text):
            yield f"note: {text}"
        case _:
            return


def _indented(text: str, mark: str) -> Iterator[str]:
    for line in text.strip().split("\n") if text.strip() else ():
        yield f"{mark}{line}"


def _brief(text: str) -> Iterator[str]:
    found = text.strip("\n").split("\n") if text.strip() else []
    for line in found[:_RESULT]:
        yield f"  | {line[:_WIDE]}{'…' if len(line) > _WIDE else ''}"
    if len(found) > _RESULT:
        yield f"  | … {len(found) - _RESULT} more lines"


def _words(call: ToolCall | None, call_id: str) -> str:
    if call is None:
        return call_id
    return " ".join([call.name, *(f"{k}={_short(v)}" for k, v in call.arguments.items())])


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))

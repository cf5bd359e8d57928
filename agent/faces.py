"""The faces without a screen: plain text, JSON, and a stream of JSON lines.

stdout is data, stderr is talk. A face is a reader of events; it decides nothing.
"""

from __future__ import annotations

import io
import sys
from typing import Literal, Protocol, TextIO

from agent import ledger
from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    CallDecided,
    CandidatesScreened,
    CheckFinished,
    CheckStarted,
    HarnessSpoke,
    InstructionsTold,
    MessageFinished,
    ModelRetried,
    Notice,
    PhaseStarted,
    Prefill,
    Result,
    SessionResumed,
    ToolFinished,
    ToolRequested,
    Verification,
    as_line,
)
from agent.policy import Verdict
from agent.terminal import draw, inert
from tools.shown import Shown

Format = Literal["text", "json", "stream-json"]


class Face(Protocol):
    """Reads the events of a run, then its result."""

    def read(self, event: Base) -> None:
        """Take in one event."""
        ...

    def result(self, result: Result) -> None:
        """Show how it all ended."""
        ...


class JsonFace:
    """`json`: one result object. `stream-json`: every event as it comes, the result last."""

    def __init__(self, out: TextIO, stream: bool) -> None:
        self._out = out
        self._stream = stream

    def read(self, event: Base) -> None:
        """Print the event as it is."""
        if self._stream:
            self._line(event)

    def result(self, result: Result) -> None:
        """Print the last line."""
        self._line(result)

    def _line(self, event: Base) -> None:
        self._out.write(as_line(event) + "\n")
        self._out.flush()


class TextFace:
    """What happens on stderr, a line each; at the end the answer and the diff on stdout.

    With `answer_only` a program reads the answer, a JSON value: stdout has it, or nothing where
    there is none, and the diff is talk.
    """

    def __init__(self, out: TextIO, talk: TextIO, answer_only: bool = False) -> None:
        self._out = out
        self._talk = talk
        self._answer_only = answer_only
        self._live = talk.isatty()
        self._bar = False
        self._calls: dict[str, str] = {}

    def read(self, event: Base) -> None:
        """Say in a line what happened, where it is worth one."""
        if isinstance(event, Prefill):
            self._progress(event)
            return
        if line := self._words(event):
            self._say(line)

    def _words(self, event: Base) -> str:
        match event:
            case SessionResumed(id=name, turns=turns):
                return f"session {name} goes on with turn {turns + 1}"
            case PhaseStarted(phase=phase, detail=detail):
                return f"{phase}: {detail}" if detail else phase
            case ToolRequested(call=call):
                words = " ".join(f"{k}={_short(v)}" for k, v in call.arguments.items())
                self._calls[call.id] = f"{call.name} {words}"
                return ""
            case CallDecided(verdict=verdict, reason=reason) if verdict is not Verdict.ALLOW:
                return f"  {verdict.value}: {reason}"
            case ToolFinished(call_id=call_id, result=result):
                what = self._calls.pop(call_id, "call")
                sign = "ok" if result.ok else "failed"
                said = f"  {what}: {result.summary or sign}" + ("" if result.ok else " (failed)")
                return "\n    ".join([said, *(_drawn(result.shown) if result.shown else ())])
            case CheckStarted(command=command, targets=targets):
                only = f" ({len(targets)} chosen)" if targets else ""
                return f"  check: {command}{only}"
            case CheckFinished() as check:
                cut = "" if check.complete else ", cut off"
                counts = f"{check.passed} passed, {check.failed} failed{cut}"
                notes = "".join(f"; {note}" for note in check.notes)
                return f"  check: {counts}, {check.seconds:.1f} s{notes}"
            case CandidatesScreened() as screen:
                counts = f"{screen.passed} of {screen.tried} pass, {screen.failed} fail"
                return f"  screen: {counts}, {screen.seconds:.1f} s"
            case AttemptStarted(attempt=number, detail=detail):
                return f"  attempt {number}: {detail}"
            case AttemptFinished(attempt=number, verdict=verdict, detail=detail):
                return f"  attempt {number}: {verdict}" + (f", {detail}" if detail else "")
            case HarnessSpoke(text=text):
                return f"  note to the model: {_short(text)}"
            case InstructionsTold(path=path, tokens=tokens):
                return f"  told to the model: {path}: {tokens:,} tokens"
            case ModelRetried(reason=reason, seconds=seconds):
                return f"  model: {reason}, again in {seconds:.0f} s"
            case Notice(text=text, hint=hint):
                return f"note: {text}" + (f"\nhint: {hint}" if hint else "")
            case MessageFinished(message=message) if message.calls and message.text.strip():
                return _short(message.text, 200)
            case _:
                return ""

    def result(self, result: Result) -> None:
        """Print the answer and the diff as data, the proof and the reason as talk."""
        answer, diff = result.text.strip(), result.diff.rstrip("\n")
        data, talk = ((answer,), (diff,)) if self._answer_only else ((answer, diff), ())
        for text in filter(None, data):
            self._out.write((inert(text) if self._out.isatty() else text) + "\n")
        self._out.flush()
        for line in (*filter(None, talk), *proof(result.verification)):
            self._say(line)
        if result.error:
            self._say(f"error: {result.error}")
        if result.hint:
            self._say(f"hint: {result.hint}")
        used = result.usage
        tokens = f"{used.input} tokens read ({used.cached} from cache), {used.output} written"
        count = len(result.files_changed)
        left = ledger.told(result.bytes_left, result.online_calls)
        files = f"{count} file{'' if count == 1 else 's'} changed"
        self._say(f"{result.outcome}: {files}, {tokens}, {left}, {result.seconds:.0f} s")

    def _progress(self, event: Prefill) -> None:
        if self._live and event.total:
            draw(self._talk, f"\r  reading {event.done} of {event.total} tokens ")
            self._bar = True

    def _say(self, line: str) -> None:
        if self._bar:
            draw(self._talk, "\r\x1b[K")
            self._bar = False
        self._talk.write(inert(line) + "\n")
        self._talk.flush()


def proof(verification: Verification) -> list[str]:
    """Return the proof as lines: before, after, and what is missing."""
    before, after = verification.before, verification.after
    if after is None:
        return [f"unverified: {verification.reason}"] if verification.reason else []
    start = f"{before.passed} passed, {before.failed} failed" if before else "not known"
    head = f"before: {start}; after: {after.passed} passed, {after.failed} failed"
    command = next(iter(verification.commands), "no command is named")
    lines = [f"{head} ({command}, run {verification.runs} times)"]
    lines += [f"now passes: {test}" for test in verification.newly_passing[:10]]
    lines += [f"now fails: {test}" for test in verification.newly_failing[:10]]
    if verification.verified:
        lines.append(f"verified: strength {verification.strength}")
        if verification.rivals:
            lines.append(f"read the diff: {verification.rivalled}")
    else:
        lines.append(f"unverified: {verification.reason}")
    return lines


def make(form: Format, answer_only: bool = False) -> Face:
    """Return the face for an output format; with `answer_only` stdout is JSON in all of them."""
    if form == "text" and not answer_only:
        return TextFace(sys.stdout, sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the locale says
    if form == "text":
        return TextFace(sys.stdout, sys.stderr, answer_only)
    return JsonFace(sys.stdout, stream=form == "stream-json")


def _drawn(shown: Shown) -> list[str]:
    from agent.showing.text import plain  # drawing is loaded with the first that is to be drawn

    return plain(shown)


def _short(value: object, limit: int = 80) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"

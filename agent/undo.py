"""Taking turns back: which checkpoints each turn of a workspace lies between, and going there.

`turns.jsonl` beside the checkpoints is append-only: a line for each turn that changed something,
for each undo and each redo, and before an undo begins. A torn or unknown line is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from agent.checkpoint import Checkpoints
from agent.errors import Failed

KEPT = 50  # turns that can be taken back; four times as many lines make the file be rewritten


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """One turn of a session, by its number, and the checkpoints before and after it.

    Of an undo or a redo these are around it. `kept` is the checkpoint within the turn to which an
    undo went back, where it did not take back all of it.
    """

    session: str
    turn: int
    before: str
    after: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Undone:
    """Turns taken back, or done again: what changed, what was refused, and how it was before.

    When nothing could be changed because all was refused, they still count as done.
    """

    spans: tuple[TurnSpan, ...]  # the earliest first
    files: tuple[str, ...]
    refused: tuple[str, ...]
    backup: str


_Did = Literal["turn", "begun", "undo", "redo"]


class _Line(NamedTuple):
    """One line. An undo or redo names the earliest turn that it was of; the later ones went too."""

    did: _Did
    span: TurnSpan


class Turns:
    """The turns of one workspace, in the order they were done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "turns.jsonl"

    def record(self, span: TurnSpan) -> None:
        """Add a turn that changed the tree; raises Failed when it cannot be written."""
        lines = self._read()
        if len(lines) >= 4 * KEPT:
            done, _ = _fold(lines)
            self._rewrite([_Line("turn", kept) for kept in done[-KEPT:]])
        self.add("turn", span)

    def add(self, did: _Did, span: TurnSpan) -> None:
        """Append one line, whole even after a torn one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._path.open("ab+") as file:
                file.seek(0, os.SEEK_END)
                start = b""
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    start = b"" if file.read(1) == b"\n" else b"\n"
                file.write(start + _written(_Line(did, span)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Failed(f"cannot record the turn: {error.strerror}: {self._path}") from error

    def done(self, kept: Collection[str]) -> list[TurnSpan]:
        """Return the turns that can be taken back, oldest first; `kept` are the checkpoints."""
        return [span for span in _fold(self._read())[0] if {span.before, span.after} <= {*kept}]

    def undone(self, kept: Collection[str]) -> list[tuple[list[TurnSpan], TurnSpan]]:
        """Return what was taken back, oldest first, each time with the span of the undo."""
        return [
            (spans, around)
            for spans, around in _fold(self._read())[1]
            if {around.before, around.after} <= {*kept}
        ]

    def begun(self, first: TurnSpan, kept: str) -> str:
        """Return how it was before the last undo, where that was cut off and was the same one."""
        lines = self._read()
        if not lines or lines[-1].did != "begun":
            return ""
        span = lines[-1].span
        same = _is_of(span, first.session, first.turn) and span.kept == kept
        return span.before if same else ""

    def _read(self) -> list[_Line]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        lines: list[_Line] = []
        for line in data.splitlines():
            try:
                found = json.loads(line)
                lines.append(_Line(found.pop("did"), TurnSpan(**found)))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return lines

    def _rewrite(self, lines: list[_Line]) -> None:
        beside = self._path.with_suffix(".tmp")
        try:
            beside.write_bytes(b"".join(map(_written, lines)))
            beside.replace(self._path)
        except OSError as error:
            raise Failed(f"cannot record the turn: {error.strerror}: {self._path}") from error


def _written(line: _Line) -> bytes:
    return json.dumps({"did": line.did, **asdict(line.span)}).encode() + b"\n"


def _fold(lines: list[_Line]) -> tuple[list[TurnSpan], list[tuple[list[TurnSpan], TurnSpan]]]:
    """Return the turns done, and those taken back, each time with the span of the undo."""
    done: list[TurnSpan] = []
    undone: list[tuple[list[TurnSpan], TurnSpan]] = []
    for did, span in lines:
        if did == "turn":
            done.append(span)
            undone.clear()  # what came after a turn that was taken back is no longer the next
        elif did == "undo" and (taken := _since(done, span.session, span.turn)):
            del done[-len(taken) :]
            if span.kept:
                done.append(replace(taken[0], after=span.kept))
            undone.append((taken, span))
        elif did == "redo" and undone and _is_of(undone[-1][0][0], span.session, span.turn):
            taken, around = undone.pop()
            if around.kept:
                done.pop()
            done += taken
    return done, undone


def _since(done: list[TurnSpan], session: str, turn: int) -> list[TurnSpan]:
    """Return the last time that this turn was done, and all turns after it."""
    at = [number for number, span in enumerate(done) if _is_of(span, session, turn)]
    return done[at[-1] :] if at else []


def _is_of(span: TurnSpan, session: str, turn: int) -> bool:
    return (span.session, span.turn) == (session, turn)


async def undo(checkpoints: Checkpoints) -> Undone:
    """Take the last turn of this workspace back; raises Failed when there is none.

    Files that were changed after the turn are refused, one by one.
    """
    done = Turns(checkpoints.path).done(await checkpoints.ids())
    if not done:
        raise Failed("nothing to undo in this folder")
    return await rewind(checkpoints, done[-1])


async def rewind(
    checkpoints: Checkpoints, first: TurnSpan, kept: str = "", *, preview: bool = False
) -> Undone:
    """Take a turn back, and all that came after it in this workspace, whoever's turns they were.

    With `kept`, a checkpoint within the turn, only what came after that. With `preview` it is only
    said what would be changed. Raises Failed when the turn is none of those that can be taken back.
    """
    turns = Turns(checkpoints.path)
    done = _since(turns.done(await checkpoints.ids()), first.session, first.turn)
    if not done:
        raise Failed(f"turn {first.turn} cannot be taken back any more")
    spans = [(span.before, span.after) for span in reversed(done)]
    if kept:
        spans[-1] = (kept, done[0].after)
    cut_off = turns.begun(first, kept)

    def begin(backup: str) -> None:
        turns.add("begun", TurnSpan(first.session, first.turn, cut_off or backup, "", kept))

    went = await checkpoints.unwind(spans, preview=preview, begin=begin)
    if not preview and (went.files or not went.refused):
        after = await checkpoints.make(f"after going back to turn {first.turn}")
        before = cut_off or went.backup
        turns.add("undo", TurnSpan(first.session, first.turn, before, after.id, kept))
    return Undone(tuple(done), went.files, went.refused, went.backup)


async def redo(checkpoints: Checkpoints) -> Undone:
    """Undo the last undo, when no turn came after it; raises Failed when there is none."""
    turns = Turns(checkpoints.path)
    undone = turns.undone(await checkpoints.ids())
    if not undone:
        raise Failed("no undo to take back in this folder")
    spans, around = undone[-1]
    went = await checkpoints.unwind([(around.before, around.after)])
    if went.files or not went.refused:
        after = await checkpoints.make(f"after redo of turn {spans[0].turn}")
        turns.add("redo", TurnSpan(spans[0].session, spans[0].turn, went.backup, after.id))
    return Undone(tuple(spans), went.files, went.refused, went.backup)

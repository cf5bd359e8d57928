"""Taking turns back: which checkpoints each turn of a workspace lies between, and going there.

`turns.jsonl` beside the checkpoints is append-only: a line for each turn that changed something,
for each undo and each redo. A torn or unknown line is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from agent.checkpoint import Checkpoints
from agent.errors import Failed

KEPT = 50  # turns that can be taken back; four times as many lines make the file be rewritten


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """One turn of a session, by its number, and the checkpoints before and after it."""

    session: str
    turn: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Undone:
    """A turn taken back, or done again: what changed, what was refused, and how it was before.

    When nothing could be changed because all was refused, the turn still counts as done.
    """

    span: TurnSpan
    files: tuple[str, ...]
    refused: tuple[str, ...]
    backup: str


class _Line(NamedTuple):
    """One line. For an undo or redo the checkpoints are those around it."""

    did: Literal["turn", "undo", "redo"]
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

    def add(self, did: Literal["turn", "undo", "redo"], span: TurnSpan) -> None:
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

    def undone(self, kept: Collection[str]) -> list[tuple[TurnSpan, TurnSpan]]:
        """Return the turns that were taken back, oldest first, each with the span of its undo."""
        return [
            (span, around)
            for span, around in _fold(self._read())[1]
            if {around.before, around.after} <= {*kept}
        ]

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


def _fold(lines: list[_Line]) -> tuple[list[TurnSpan], list[tuple[TurnSpan, TurnSpan]]]:
    """Return the turns done, and those taken back with the span of the undo."""
    done: list[TurnSpan] = []
    undone: list[tuple[TurnSpan, TurnSpan]] = []
    for did, span in lines:
        if did == "turn":
            done.append(span)
            undone.clear()  # what came after a turn that was taken back is no longer the next
        elif did == "undo" and done and _same_turn(done[-1], span):
            undone.append((done.pop(), span))
        elif did == "redo" and undone and _same_turn(undone[-1][0], span):
            done.append(undone.pop()[0])
    return done, undone


def _same_turn(one: TurnSpan, other: TurnSpan) -> bool:
    return (one.session, one.turn) == (other.session, other.turn)


async def undo(checkpoints: Checkpoints) -> Undone:
    """Take the last turn of this workspace back; raises Failed when there is none.

    Files that were changed after the turn are refused, one by one.
    """
    turns = Turns(checkpoints.path)
    done = turns.done(await checkpoints.ids())
    if not done:
        raise Failed("nothing to undo in this folder")
    span = done[-1]
    return await _go(checkpoints, turns, "undo", span, span.before, span.after)


async def redo(checkpoints: Checkpoints) -> Undone:
    """Undo the last undo, when no turn came after it; raises Failed when there is none."""
    turns = Turns(checkpoints.path)
    undone = turns.undone(await checkpoints.ids())
    if not undone:
        raise Failed("no undo to take back in this folder")
    span, around = undone[-1]
    return await _go(checkpoints, turns, "redo", span, around.before, around.after)


async def _go(
    checkpoints: Checkpoints,
    turns: Turns,
    did: Literal["undo", "redo"],
    span: TurnSpan,
    to: str,
    expected: str,
) -> Undone:
    restored = await checkpoints.restore(to, expected=expected)
    if restored.files or not restored.refused:
        after = await checkpoints.make(f"after {did} of turn {span.turn}")
        turns.add(did, TurnSpan(span.session, span.turn, restored.backup, after.id))
    return Undone(span, restored.files, restored.refused, restored.backup)

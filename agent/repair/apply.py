"""Put a verified repair into the user's tree, by the same calls and the same policy as any edit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from agent.config import state_path
from agent.errors import Blocked, Failed
from agent.events import Verification
from agent.repair.candidates import Candidate
from agent.repair.leavings import patch
from agent.repair.reproduce import Reproduction
from agent.turn import Turn
from sandbox.workspace import FileView, PathError, Workspace
from tools.base import ToolCall
from tools.textfile import TextFile

Arguments = dict[str, object]


async def apply(turn: Turn, winner: Candidate, record: Verification, seen: Reproduction) -> None:
    """Change the tree: all of the repair, or nothing of it.

    When that is refused the patch is saved and Blocked raised, which names it. Raises Failed when a
    file changed meanwhile; the patch is saved then too.
    """
    turn.done.verification = record
    files = turn.context.workspace
    before = {path: _view(files, path) for path in (*seen.extra, *winner.after)}
    for number, (name, arguments) in enumerate(_calls(winner, seen), 1):
        denied = len(turn.calls.denials)
        made = ToolCall(id=f"h{number}", name=name, arguments=arguments)
        result = await turn.calls.make(made, by="harness")
        if not result.ok:
            hint = _left_undone(turn, winner, seen, before)
            if len(turn.calls.denials) > denied:
                raise Blocked(f"the repair is verified but not applied: {result.summary}", hint)
            raise Failed(f"the repair is verified but could not be applied: {result.summary}", hint)
    for path, text in winner.after.items():
        if _text(_view(files, path)) != text:
            hint = _left_undone(turn, winner, seen, before)
            raise Failed(f"the repair is verified, but {path} changed meanwhile", hint)
    names = ", ".join(f"`{each.symbol.name}`" for each in winner.suspects)
    where = ", ".join(winner.after)
    turn.done.text = f"Repaired {names} in {where}." if names else f"Repaired {where}."


def _calls(winner: Candidate, seen: Reproduction) -> Iterator[tuple[str, Arguments]]:
    """Yield the tool and the arguments of each call."""
    for path, data in seen.extra.items():
        yield "write", {"path": path, "content": (data or b"").decode()}
    for path, text in winner.after.items():
        before = winner.before[path]
        if text is None:
            yield "write", {"path": path, "delete": True}
        elif before:
            old, new = _replacement(before, text)
            yield "edit", {"path": path, "old": old, "new": new}
        else:
            if before is not None:
                yield "read", {"path": path}  # what is overwritten was seen
            yield "write", {"path": path, "content": text}


def _replacement(before: str, after: str) -> tuple[str, str]:
    """Return the lines that change, with enough of those around them to stand only once."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head = tail = 0
    most = min(len(old), len(new))
    while head < most and old[head] == new[head]:
        head += 1
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    while True:
        first, last = "".join(old[:head]), "".join(old[len(old) - tail :])
        found = before[len(first) : len(before) - len(last)]
        alone = bool(found.strip()) and before.count(found) == 1
        if alone or (not head and not tail):
            return found, after[len(first) : len(after) - len(last)]
        head, tail = max(head - 1, 0), tail if head else tail - 1


def _left_undone(
    turn: Turn, winner: Candidate, seen: Reproduction, before: Mapping[str, FileView | None]
) -> str:
    """Take back what was done of it, save the patch, and return what applies it."""
    files = turn.context.workspace
    for path, old in before.items():
        now = _view(files, path)
        if (now and now.sha256) == (old and old.sha256):
            continue
        with contextlib.suppress(PathError):  # somebody else is at work on it
            if old is None and now is not None:
                files.delete(path, expect=now.sha256)
            elif old is not None:
                files.write(path, old.data, expect=now.sha256 if now else None, mode=old.mode)
    return f"git apply {_saved(turn, winner, seen)}"


def _saved(turn: Turn, winner: Candidate, seen: Reproduction) -> str:
    """Keep the patch outside the repository and return its path."""
    folder = state_path() / "patches"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{turn.session.id}.patch"
    parts = [winner.diff]
    for name, data in seen.extra.items():
        parts.append(patch(name, None, (data or b"").decode()))
    path.write_text("".join(parts), encoding="utf-8")
    return str(path)


def _view(files: Workspace, path: str) -> FileView | None:
    return None if files.kind(path) == "missing" else files.read(path)


def _text(view: FileView | None) -> str | None:
    return None if view is None else TextFile.decode(view.data).text

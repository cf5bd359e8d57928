"""Put a verified repair into the user's tree, by the same calls and the same policy as any edit."""

from __future__ import annotations

from agent.config import state_path
from agent.errors import Blocked, Failed
from agent.events import Verification
from agent.repair.candidates import Candidate
from agent.repair.reproduce import Reproduction
from agent.turn import Turn
from tools.base import ToolCall
from tools.diffs import unified
from tools.textfile import TextFile


async def apply(turn: Turn, winner: Candidate, record: Verification, seen: Reproduction) -> None:
    """Edit the tree. When that is refused the patch is saved and Blocked raised, which names it.

    Raises Failed when the file changed meanwhile; the patch is saved then too.
    """
    turn.done.verification = record
    for number, call in enumerate(_calls(winner, seen), 1):
        denied = len(turn.calls.denials)
        made = ToolCall(id=f"h{number}", name=call[0], arguments=call[1])
        result = await turn.calls.make(made, by="harness")
        if not result.ok:
            path = _saved(turn, winner, seen)
            hint = f"git apply {path}"
            if len(turn.calls.denials) > denied:
                raise Blocked(f"the repair is verified but not applied: {result.summary}", hint)
            raise Failed(f"the repair is verified but could not be applied: {result.summary}", hint)
    view = turn.context.workspace.read(winner.suspect.path)
    assert TextFile.decode(view.data).text == winner.text, "what is applied is what was verified"
    turn.done.text = f"Repaired `{winner.suspect.symbol.name}` in {winner.suspect.path}."


def _calls(winner: Candidate, seen: Reproduction) -> list[tuple[str, dict[str, object]]]:
    calls: list[tuple[str, dict[str, object]]] = []
    for path, data in seen.extra.items():
        calls.append(("write", {"path": path, "content": (data or b"").decode()}))
    old, new = _unique(winner)
    calls.append(("edit", {"path": winner.suspect.path, "old": old, "new": new}))
    return calls


def _unique(winner: Candidate) -> tuple[str, str]:
    """Return what is replaced with enough of the lines before it to stand only once."""
    text, old = winner.suspect.text, winner.old
    start = text.rfind(old, 0, winner.suspect.symbol.end)
    begin = start
    while text.count(text[begin : start + len(old)]) > 1 and begin > 0:
        begin = text.rfind("\n", 0, begin - 1) + 1
    before = text[begin:start]
    return before + old, before + winner.new


def _saved(turn: Turn, winner: Candidate, seen: Reproduction) -> str:
    """Keep the patch outside the repository and return its path."""
    folder = state_path() / "patches"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{turn.session.id}.patch"
    parts = [winner.diff]
    for name, data in seen.extra.items():
        parts.append(unified(name, "", (data or b"").decode()))
    path.write_text("".join(parts), encoding="utf-8")
    return str(path)

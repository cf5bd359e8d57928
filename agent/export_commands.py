"""The command that exports a session: into a file on this machine, or to stdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.errors import UsageError
from agent.events import Base
from agent.lines import out, say

Draw = Callable[[Sequence[Base], str], tuple[str, list[str]]]
"""Makes of redacted events a text, and notes for whoever asked; a name is that of its file."""

UNNAMED = "FILE"  # what stands for a script's name where it goes to stdout
STDOUT = "-"


def export(
    word: str, root: Path | None, folder: Path, form: str, to: str | None, replace: bool
) -> int:
    """Export one session, with what is a secret by now left out. Raises WispError."""
    from agent import secret_values
    from agent.export.writing import place, write
    from agent.footing import open_workspace
    from agent.log import read
    from agent.redaction import Redaction
    from agent.sessions import find

    draw = _forms().get(form)
    if draw is None:
        raise UsageError(f"no such format: {form}", "--format script, trajectories or events")
    path = None if to in (None, STDOUT) else place(to or "")
    found = find(word, root)
    view = read(found.path)
    redaction = Redaction(secret_values.outside())
    redaction.learn(secret_values.within(open_workspace(folder)))
    events = [redaction.clean(each) for each in view.events[: len(view.ends)]]
    # as it was typed it can be typed again, unless it tells where the user is at home
    own = to if path and to and not to.startswith(("/", "~")) else path.name if path else UNNAMED
    text, notes = draw(events, own)
    for note in (*view.damage, *notes):
        say(f"note: {note}")
    if fresh := ", ".join(sorted(redaction.names)):
        say(f"note: left out of it: {fresh}")
    if path is None:
        out(text.removesuffix("\n"))
        return 0
    write(path, text, replace)
    say(f"{found.id} is in {path}; look through it before you pass it on")
    return 0


def _forms() -> Mapping[str, Draw]:
    from agent.export.plain import plain
    from agent.export.script import script
    from agent.export.trajectories import trajectories

    return {"script": script, "trajectories": trajectories, "events": plain}

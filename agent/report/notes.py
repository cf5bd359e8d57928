"""What else happened, each as a note."""

from __future__ import annotations

from agent.events import (
    AutonomyChanged,
    Base,
    CheckpointMade,
    EffortChanged,
    HarnessSpoke,
    HistoryCompacted,
    InstructionsTold,
    ModelRetried,
    Notice,
    PromptQueued,
    PromptTaken,
    Rewound,
    SessionResumed,
)
from agent.report.bounds import Bounds, count
from agent.report.story import Note


def noted(event: Base, at: float, bounds: Bounds) -> Note | None:
    """Return the note of an event; None where it is worth none."""
    about, text, more = _words(event, bounds)
    if not about:
        return None
    return Note(at, event.attempt, about, bounds.cut(text), bounds.cut(more))


def _words(event: Base, bounds: Bounds) -> tuple[str, str, str]:
    """Return what a note is about, says, and has to be opened for."""
    match event:
        case Notice(text=text, hint=hint):
            return "notice", text, f"hint: {hint}" if hint else ""
        case HarnessSpoke(text=text):
            return "told to the model", text, ""
        case InstructionsTold(path=path, text=text, tokens=tokens):
            said = f"instructions, {path}: {count(tokens):,} tokens"
            return "told to the model", said, text
        case HistoryCompacted(replaced=replaced, text=text) if replaced:
            return "room made", f"{count(replaced)} messages were summed up{_room(event)}", text
        case HistoryCompacted(masked=masked):
            return "room made", f"{len(masked)} old results were left out{_room(event)}", ""
        case ModelRetried(reason=reason):
            return "asked again", reason, ""
        case AutonomyChanged(autonomy=level):
            return "slider", f"level {level.name}", ""
        case EffortChanged(effort=effort):
            return "effort", str(count(effort)), ""
        case PromptQueued(prompt=prompt):
            return "typed ahead", prompt, ""
        case PromptTaken(prompt=prompt, context=context):
            return "typed ahead, now read", prompt, context
        case Rewound(files=files):
            return "went back", f"{len(files)} files", _listed(files, bounds)
        case CheckpointMade(left_out=left_out) if left_out:
            said = f"{len(left_out)} files are not in it"
            return "checkpoint", said, _listed(left_out, bounds)
        case SessionResumed(model=model, autonomy=level, turns=turns):
            said = f"with turn {count(turns) + 1}, {bounds.short(model)}, level {level.name}"
            return "went on", said, ""
        case _:
            return "", "", ""


def _room(event: HistoryCompacted) -> str:
    return f": about {count(event.before):,} tokens before, {count(event.after):,} after"


def _listed(names: tuple[str, ...], bounds: Bounds) -> str:
    listed = bounds.listed(names)
    more = (f"and {listed.left_out:,} more",) if listed.left_out else ()
    return "\n".join((*listed.items, *more))

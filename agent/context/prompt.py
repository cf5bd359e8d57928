"""The system prompt: fixed words, the project's instructions, the user's lessons, the environment.

Nothing in it changes within a session, and nothing of the day is in it, so that two sessions in one
repository start with the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.context.instructions import Instruction, together
from agent.context.lessons import listed
from agent.models.estimate import upper
from agent.terminal import inert
from sandbox.workspace import Workspace

INSTRUCTIONS = """\
You are Wisp, a coding agent in the user's repository. Use the tools; never guess what a file says.
- To answer a question: search or read first, then answer in a few plain sentences.
- To change code: read the place, then edit. Change only what was asked.
- Replace a whole function with edit `symbol`, a few lines with edit `old` and `new`.
- Tests are run by check, never by shell: after changing code, and to see what fails.
- When the work is done, say in one sentence what you did, without calling a tool."""

TOP = 30  # names of the top folder that are shown


def system_prompt(
    workspace: Workspace, own: Iterable[Instruction], lessons: Iterable[str] = ()
) -> str:
    """Return the system prompt for a session in this workspace.

    It holds the project's `own` instructions, and the lessons that the user kept.
    """
    parts = [INSTRUCTIONS, *filter(None, [together(own), listed(lessons)])]
    # a name may hold lines of its own, which are none of ours
    names = [inert(name).replace("\n", "\\n") for name in top_names(workspace)]
    parts.append(f"Files here: {', '.join(names) or '(none yet)'}")
    return "\n\n".join(parts)


def price(own: Iterable[Instruction], lessons: Sequence[str] = ()) -> str:
    """Return what is told of the project and by the user, and about how many tokens each costs."""
    told = [each.cost for each in own]
    if lessons:
        count = f"{len(lessons)} lesson{'' if len(lessons) == 1 else 's'}"
        told.append(f"{count}: {upper(listed(lessons)):,} tokens")
    return "; ".join(told)


def top_names(workspace: Workspace) -> list[str]:
    """Return the names in the top folder, folders first, with those that git ignores left out."""
    folders: dict[str, None] = {}
    files: dict[str, None] = {}
    for path in workspace.walk():
        head, slash, _ = path.partition("/")
        (folders if slash else files)[head + slash] = None
        if len(folders) + len(files) >= TOP:
            break
    return [*sorted(folders), *sorted(files)]

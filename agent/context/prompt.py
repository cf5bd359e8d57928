"""The system prompt: fixed words first, then the project's instructions, the environment last.

Nothing in it changes within a session, and nothing of the day is in it, so that two sessions in one
repository start with the same tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.events import Notice
from agent.messages import Message, SystemMessage, UserMessage
from agent.terminal import hidden, inert
from sandbox.workspace import PathError, Workspace

INSTRUCTIONS = """\
You are Wisp, a coding agent in the user's repository. Use the tools; never guess what a file says.
- To answer a question: search or read first, then answer in a few plain sentences.
- To change code: read the place, then edit. Change only what was asked.
- Replace a whole function with edit `symbol`, a few lines with edit `old` and `new`.
- Tests are run by check, never by shell: after changing code, and to see what fails.
- When the work is done, say in one sentence what you did, without calling a tool."""

TOP = 30  # names of the top folder that are shown
NEW = "The project's instructions changed. They are now:\n"
NONE = "(none)"
_NAMED = re.compile(r"\n\n# (\S+/)?AGENTS\.md\n")
OWN_SHARE = 12_000  # bytes of AGENTS.md that are read, about 3,000 tokens


def system_prompt(workspace: Workspace, cwd: Path) -> str:
    """Return the system prompt for a session in this workspace."""
    parts = [INSTRUCTIONS]
    if own := project_instructions(workspace, cwd):
        parts.append(own)
    # a name may hold lines of its own, which are none of ours
    names = [inert(name).replace("\n", "\\n") for name in top_names(workspace)]
    parts.append(f"Files here: {', '.join(names) or '(none yet)'}")
    return "\n\n".join(parts)


def project_instructions(workspace: Workspace, cwd: Path) -> str:
    """Return the AGENTS.md files from the root down to `cwd`, each under its name.

    What nobody sees in them is told by its number: text that only a model reads is no instruction.
    """
    return "\n\n".join(f"# {name}\n{inert(text)}" for name, text in _own(workspace, cwd))


def hidden_instructions(workspace: Workspace, cwd: Path) -> Iterator[Notice]:
    """Yield a word on each AGENTS.md that holds what nobody sees."""
    for name, text in _own(workspace, cwd):
        if found := hidden(text):
            lines, count = [str(line) for line, _ in found], sum(many for _, many in found)
            where = ", ".join(lines[:5]) + (", …" if lines[5:] else "")
            said = f"{name} holds {count} hidden characters, line {where}; they are told by number"
            yield Notice(text=said, hint=f"cat -A {name}")


def _own(workspace: Workspace, cwd: Path) -> Iterator[tuple[str, str]]:
    folders = [Path()]
    if cwd.is_relative_to(workspace.root):
        for part in cwd.relative_to(workspace.root).parts:
            folders.append(folders[-1] / part)
    for folder in folders:
        name = (folder / "AGENTS.md").as_posix()
        try:
            view = workspace.read(name, OWN_SHARE)
        except PathError:
            continue
        text = view.data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").rstrip()
        yield name, text + ("\n[cut]" if view.truncated else "")


def changed_instructions(messages: Sequence[Message], workspace: Workspace, cwd: Path) -> str:
    """Return the project's instructions, with a word that they changed; empty if they did not.

    What the model knows of them stands in the system prompt, or where it was last told so.
    """
    own = project_instructions(workspace, cwd)
    told = [each.text for each in messages if isinstance(each, UserMessage) and NEW in each.text]
    known = next((each.text for each in messages if isinstance(each, SystemMessage)), "")
    if told:
        same = told[-1].endswith(f"{NEW}{own or NONE}")
    else:
        same = f"\n\n{own}\n\n" in known if own else not _NAMED.search(known)
    return "" if same else f"{NEW}{own or NONE}"


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

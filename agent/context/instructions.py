"""The project's instructions: the file of each folder that is addressed to agents.

Of the files that agents know, a folder's first in `NAMES` counts. What somebody else than the user
and the project wrote, in a dependency's folder or in one that git ignores, is no instruction.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.events import Notice
from agent.messages import Message, SystemMessage, UserMessage
from agent.models.estimate import upper
from agent.terminal import hidden, inert
from sandbox.workspace import PathError, Workspace
from tools.provenance import origin_of

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursorrules")
SHARE = 12_000  # bytes of one file that are read, about 3,000 tokens
NEW = "The project's instructions changed. They are now:\n"
NONE = "(none)"
# what a file says that only names the other: `CLAUDE.md` beside an `AGENTS.md`
_POINTERS = frozenset({"", "@AGENTS.md", "@./AGENTS.md"})
_NAMED = re.compile(rf"\n\n# (?:[^\n]*/)?(?:{'|'.join(map(re.escape, NAMES))})\n")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One file as a model is told of it: what nobody sees in it stands there by its number.

    `unseen` are the lines that hold such characters, each with how many. `sha256` is that of the
    file, empty where the model is told something else than what it says.
    """

    path: str
    text: str
    unseen: tuple[tuple[int, int], ...] = ()
    sha256: str = ""

    @property
    def block(self) -> str:
        """The text under its name."""
        # a name may hold lines of its own, which are none of ours
        name = inert(self.path).replace("\n", "\\n")
        return f"# {name}\n{self.text}"

    @property
    def cost(self) -> str:
        """What it costs, as people are told."""
        return f"{self.path}: {upper(self.block):,} tokens"


def instructions(workspace: Workspace, cwd: Path) -> tuple[Instruction, ...]:
    """Return those from the root down to `cwd`."""
    folders = [Path()]
    if cwd.is_relative_to(workspace.root):
        for part in cwd.relative_to(workspace.root).parts:
            folders.append(folders[-1] / part)
    return tuple(
        found
        for folder in map(Path.as_posix, folders)
        if (found := of_folder(workspace, folder, SHARE))
        and (folder == "." or not origin_of(workspace, folder))
    )


def of_folder(workspace: Workspace, folder: str, share: int) -> Instruction | None:
    """Return the instructions of one folder, cut to a share of bytes; None where it has none."""
    for name in NAMES:
        path = name if folder == "." else f"{folder}/{name}"
        try:
            # to read what is missing is dear: a reason is then looked for in the whole tree
            if workspace.kind(path) == "missing":
                continue
            view = workspace.read(path, share)
        except PathError:
            continue
        text = view.data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").rstrip()
        if name != NAMES[0] and text.strip() in _POINTERS:
            continue
        text += "\n[cut]" if view.truncated else ""
        told = inert(text)
        whole = told == text and not view.truncated
        return Instruction(path, told, tuple(hidden(text)), view.sha256 if whole else "")
    return None


def together(found: Iterable[Instruction]) -> str:
    """Return several, each under its name."""
    return "\n\n".join(each.block for each in found)


def unseen(found: Iterable[Instruction]) -> Iterator[Notice]:
    """Yield a word on each that holds what nobody sees: text for a model alone is no instruction.

    The model is told such characters by number.
    """
    for each in found:
        if each.unseen:
            lines, count = [str(line) for line, _ in each.unseen], sum(n for _, n in each.unseen)
            where = ", ".join(lines[:5]) + (", …" if lines[5:] else "")
            said = f"{each.path} holds {count} hidden characters, line {where}"
            yield Notice(
                text=f"{said}; they are told by number", hint=f"cat -A {shlex.quote(each.path)}"
            )


def changed(messages: Sequence[Message], own: str) -> str:
    """Return the project's instructions, with a word that they changed; empty if they did not.

    `own` is what they say now. What the model knows of them stands in the system prompt, or where
    it was last told so.
    """
    known = next((each.text for each in messages if isinstance(each, SystemMessage)), "")
    if last := last_told(messages):
        same = last.endswith(f"{NEW}{own or NONE}")
    else:
        same = f"\n\n{own}\n\n" in known if own else not _NAMED.search(known)
    return "" if same else f"{NEW}{own or NONE}"


def last_told(messages: Sequence[Message]) -> str:
    """Return the message that said last that the instructions changed; empty where none did."""
    told = [each.text for each in messages if isinstance(each, UserMessage) and NEW in each.text]
    return told[-1] if told else ""

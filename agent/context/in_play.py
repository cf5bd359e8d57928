"""Instructions of the folders whose files a model works on, told when it first does.

What was told stands in the messages, so a session that goes on knows it from its log, and one in
which a compaction took it out is told anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from agent.context.instructions import SHARE, Instruction, last_told, of_folder, unseen
from agent.events import Base, InstructionsTold, Notice
from agent.messages import Message, SystemMessage, UserMessage
from agent.models.estimate import upper
from sandbox.workspace import PathError, Workspace
from tools import registry
from tools.base import ToolCall, ToolContext, ToolResult
from tools.provenance import origin_of

SMALL_SHARE = 1_000  # bytes of one file that a small model is told
IN_ALL = 4  # shares that a conversation is told so
DEEP = 32  # folders above a file that are looked at, the nearest ones
TOLD = "Instructions of the project for the files in "


class Playing(Protocol):
    """Says what a model is to be told of instructions, by the calls that it made."""

    def after(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],
        messages: Sequence[Message],
        small: bool,
    ) -> Iterator[Base]:
        """Yield what is to be told behind the results of these calls, to whom it concerns."""
        ...


class InPlay:
    """Looks at the calls of one turn, step by step."""

    def __init__(self, context: ToolContext) -> None:
        self._context = context
        self._full = False  # that no more is told was said

    def after(
        self,
        calls: Sequence[ToolCall],
        results: Sequence[ToolResult],
        messages: Sequence[Message],
        small: bool,
    ) -> Iterator[Base]:
        """Yield it, as `Playing` says."""
        workspace, memory = self._context.workspace, self._context.memory
        share = SMALL_SHARE if small else SHARE
        made = [call for call, result in zip(calls, results, strict=True) if result.ok]
        given = dict.fromkeys(path for call in made for path in registry.files_named(call))
        folders = dict.fromkeys(each for path in given for each in _above(workspace, path))
        told = _told(messages)
        room = IN_ALL * share - sum(len(each) for each in told if each.startswith(TOLD))
        for folder in folders:
            found = of_folder(workspace, folder, share)
            if found is None or any(_heading(found) in each for each in told):
                continue
            # a file that the model read or wrote itself is nothing new to it
            seen = memory.seen.get(found.path)
            if (seen and seen == found.sha256) or origin_of(workspace, found.path):
                continue
            text = f"{TOLD}{folder}:\n{found.block}"
            if len(text) > room:
                if not self._full:
                    self._full = True
                    yield Notice(text=f"not told to the model, it was told enough: {found.path}")
                continue
            room -= len(text)
            if found.sha256:
                memory.seen[found.path] = found.sha256  # so that a change of it is told
            yield from unseen([found])
            yield InstructionsTold(path=found.path, text=text, tokens=upper(text))


def _told(messages: Sequence[Message]) -> list[str]:
    """Return the texts in which the model was told instructions, and which still count."""
    changed = last_told(messages)
    system = [each.text for each in messages if isinstance(each, SystemMessage)]
    found = [changed] if changed else system
    for each in messages:
        if isinstance(each, UserMessage) and each.by == "harness" and each.text.startswith(TOLD):
            found.append(each.text)
    return found


def _heading(found: Instruction) -> str:
    return f"\n{found.block.partition(chr(10))[0]}\n"


def _above(workspace: Workspace, path: str) -> list[str]:
    """Return the folders that a file lies in, from the top; none for what lies outside."""
    try:
        shown = workspace.locate(path)
    except PathError:
        return []
    tops = [str(each) for each in workspace.extra if Path(shown).is_relative_to(each)]
    above = [each.as_posix() for each in PurePosixPath(shown).parents]
    if shown.startswith("/"):
        above = [each for each in above if tops and Path(each).is_relative_to(tops[0])]
    return above[:DEEP][::-1]

"""What git tells of a repository, for a prompt that is about that."""

from __future__ import annotations

import asyncio
import re

from tools.base import ToolContext, ToolError
from tools.git import Git, GitArgs
from tools.truncate import cut_line

LINES = 12  # of the status
WIDTH = 120  # characters of a line
COMMITS = 5
SECONDS = 4.0  # for both
_ABOUT = re.compile(
    r"\b(?:git|commit(?:s|ted)?|branch(?:es)?|(?:last|latest|recent)\s+changes?"
    r"|changed\s+(?:last|lately|recently))\b",
    re.IGNORECASE,
)


async def told(prompt: str, context: ToolContext) -> str:
    """Return the branch, what is not committed and the last commits; empty where that is no help.

    So it is too where git is not there, refuses, or takes long.
    """
    if not context.workspace.git or not _ABOUT.search(prompt):
        return ""
    parts = []
    try:
        async with asyncio.timeout(SECONDS):
            for args in (GitArgs(action="status"), GitArgs(action="log", n=COMMITS)):
                text = (await Git().run(args, context)).text
                lines = [cut_line(each, WIDTH) for each in text.splitlines()]
                more = [f"… {len(lines) - LINES} more"] if len(lines) > LINES else []
                parts.append("\n".join([f"git {args.action}:", *lines[:LINES], *more]))
    except (TimeoutError, ToolError):
        pass  # what was told until then
    return "\n\n".join(parts)

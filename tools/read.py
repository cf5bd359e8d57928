"""Show the model a file or a folder."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
from typing import Annotated

from sandbox.workspace import FileView, read_outside
from tools.base import Brief, Effect, Frozen, Names, Tool, ToolContext, ToolError, ToolResult
from tools.files import effects_at, refusals
from tools.provenance import origin_of
from tools.textfile import NotText, TextFile
from tools.truncate import cut_line, size_of

LINES = 200
SIZE = 8000  # bytes of text
MARGIN = 400  # bytes of an answer that are left for numbers and notes
STEP = 10  # every tenth line shows its number: enough to count from, a tenth of the tokens
READ = 16 << 20  # bytes of a longer file that are looked at
ENTRIES = 100
WALKED = 20_000  # files looked at for a listing


class ReadArgs(Frozen):
    """Which lines of which file, counted from 1; no `end` means as many as fit."""

    path: Annotated[str, Names("place")]
    start: int = 1
    end: int = 0


class Read(Tool[ReadArgs]):
    """Show a file, or its lines `start` to `end`; list a folder."""

    name = "read"
    args = ReadArgs
    brief = Brief(("path start? end?",))

    def effects(self, args: ReadArgs, context: ToolContext) -> frozenset[Effect]:
        """Read, and perhaps outside."""
        return effects_at(context, Effect.READ, args.path)

    def origin(self, args: ReadArgs, context: ToolContext) -> str:
        """Name what nobody here wrote."""
        return origin_of(context.workspace, args.path, context.memory.created)

    async def run(self, args: ReadArgs, context: ToolContext) -> ToolResult:
        """Return the lines that fit, and how to go on."""
        workspace, size = context.workspace, min(SIZE, context.room - MARGIN)
        if args.path.strip() and workspace.outside(args.path):
            with refusals():
                whole = args.path if args.path.startswith(("/", "~")) else ""
                path = whole or str(workspace.root / args.path)
                return self._show(args, path, read_outside(path, READ), size)
        with refusals():
            path = workspace.locate(args.path)
            if workspace.kind(path) == "directory":
                return await asyncio.to_thread(_listing, path, context)
            view = workspace.read(path, READ)
        result = self._show(args, path, view, size)
        context.memory.saw(path, view.sha256)
        return result

    def _show(self, args: ReadArgs, path: str, view: FileView, size: int) -> ToolResult:
        data = view.data
        if view.truncated:  # the cut may have split a line, or even a character
            whole = data.rfind(b"\n") + 1
            data = data[:whole] if whole else data.decode(errors="ignore").encode()
        try:
            text = TextFile.decode(data).text
        except NotText as error:
            raise ToolError(f"{path} is {error}, {view.size:,} bytes; it is not shown") from error
        if not text:
            return ToolResult(text=f"{path} is empty", summary=f"{path}: empty")
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        start = max(args.start, 1)
        if start > len(lines):
            raise ToolError(f"{path} has {len(lines)} lines; start={start} is beyond its end")
        if args.end and args.end < start:
            raise ToolError(f"end={args.end} is before start={start}")
        wanted = min(args.end or len(lines), len(lines))
        shown, end = _numbered(lines, start, wanted, size)
        left = len(lines) - end
        if end < wanted or (left and not args.end):
            shown += f"\n{continued(path, left, end + 1)}"
        if view.truncated:
            shown += f"\n[… only the first {READ >> 20} MB of {view.size:,} bytes can be read …]"
        return ToolResult(text=shown, summary=f"{path}: lines {start}-{end} of {len(lines)}")


def continued(path: str, left: int, start: int) -> str:
    """Return what is said where so many lines are left out, with the call that goes on."""
    more = f"{left} more lines" if left > 1 else "1 more line"
    return f"[… {more}; continue with read path={path} start={start} …]"


def _numbered(lines: list[str], start: int, wanted: int, size: int) -> tuple[str, int]:
    """Return the lines that fit in so many bytes, and where they end.

    The first and every tenth has its number.
    """
    out: list[str] = []
    used = 0
    for number in range(start, wanted + 1):
        line = cut_line(lines[number - 1])
        used += size_of(line) + 1
        if out and (len(out) == LINES or used > size):
            break
        out.append(f"{number}|{line}" if number == start or number % STEP == 0 else line)
    return "\n".join(out), start + len(out) - 1


def _listing(path: str, context: ToolContext) -> ToolResult:
    """List a folder: its files, and its folders with how many files each holds."""
    prefix = "" if path == "." else f"{path}/"
    files: list[str] = []
    folders: Counter[str] = Counter()
    count = 0
    for found in islice(context.workspace.walk(path), WALKED):
        count += 1
        first, inner, _ = found.removeprefix(prefix).partition("/")
        if inner:
            folders[first] += 1
        else:
            files.append(first)
    more = "+" if count == WALKED else ""
    rows = [f"{name}/ ({held}{more} files)" for name, held in sorted(folders.items())]
    rows += files
    text = "\n".join(rows[:ENTRIES])
    if len(rows) > ENTRIES:
        text += f"\n[… {len(rows) - ENTRIES} more; use search with path={path} and a glob …]"
    if not rows:
        text = f"{path} has no files, ignored ones aside"
    return ToolResult(text=text, summary=f"{path}: {len(rows)} entries")

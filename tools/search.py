"""Search the workspace, by ripgrep where it is installed."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from dataclasses import replace
from itertools import islice
from typing import Annotated

from sandbox.base import SandboxError
from sandbox.workspace import PathError
from tools import symbols
from tools.base import Brief, Effect, Frozen, Names, Tool, ToolContext, ToolError, ToolResult
from tools.files import effects_at, refusals
from tools.grep import FILES, BadPattern, Hit, Matches, Query, files, grep
from tools.provenance import origin_of
from tools.textfile import NotText, TextFile
from tools.truncate import cut_line

WIDTH = 200  # characters of a line that are shown
PARSED = 8  # files in which the definition around a match is looked up
PARSED_SIZE = 200_000  # bytes
MOST = 200  # matches shown, whatever the limit asked for
NAMES = 10
LISTED = 100
_FILE_NAME = re.compile(r"[\w.*/-]*\w\.\w{1,5}|[\w.-]+/[\w./-]+")


class SearchArgs(Frozen):
    """A pattern, and where to look for it."""

    pattern: str
    path: Annotated[str, Names("place")] = "."
    glob: str = ""
    ignore_case: bool = False
    limit: int = 40


class Search(Tool[SearchArgs]):
    """Find lines that match a regex; an empty pattern lists files by `glob`."""

    name = "search"
    args = SearchArgs
    brief = Brief(("pattern path? glob? ignore_case?",))

    def effects(self, args: SearchArgs, context: ToolContext) -> frozenset[Effect]:
        """Read, and perhaps outside."""
        return effects_at(context, Effect.READ, args.path)

    def origin(self, args: SearchArgs, context: ToolContext) -> str:
        """Name the place that nobody here wrote; elsewhere such files are left out."""
        return origin_of(context.workspace, args.path, context.memory.created)

    async def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Return the matches by file, or what would match instead."""
        with refusals():
            path = context.workspace.locate(args.path)
            if context.workspace.kind(path) == "missing":
                context.workspace.read(path)  # raises, with the nearest names
        if not args.pattern:
            return await asyncio.to_thread(_list, context, path, args.glob)
        query = Query(args.pattern, path, args.glob, args.ignore_case)
        note = ""
        try:
            try:
                found = await grep(context, query)
            except BadPattern as error:
                note = f"[not a regular expression ({error}); searched as plain text]"
                query = replace(query, literal=True)
                found = await grep(context, query)
            if not found.total and not query.literal and re.escape(args.pattern) != args.pattern:
                plain = await grep(context, replace(query, literal=True))
                if plain.total:
                    note = "[no match as a regular expression; searched as plain text]"
                    found = plain
            if not found.total:
                return await _nothing(context, query, found, note)
        except SandboxError as error:
            raise ToolError(f"search cannot run here: {error}") from error
        text = await asyncio.to_thread(
            _render, context, query, found, min(max(args.limit, 1), MOST)
        )
        names = await asyncio.to_thread(_named, context, query)
        text = "\n".join(part for part in (note, text, names) if part)
        summary = f"{_count(found.total, 'match', 'matches')} in {_files(len(found.counts))}"
        return ToolResult(text=text, summary=summary)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _files(number: int) -> str:
    return _count(number, "file", "files")


def _render(context: ToolContext, query: Query, found: Matches, limit: int) -> str:
    """Return the matches grouped by file, every file getting its share of the limit."""
    share = max(3, limit // max(1, len(found.hits)))
    rows: list[str] = []
    shown = 0
    for number, (path, hits) in enumerate(found.hits.items()):
        here = hits[: min(share, limit - shown)]
        if not here:
            break
        shown += len(here)
        known = _definitions(context, path) if number < PARSED else []
        rows.append(path)
        rows += _lines(here, known)
        if left := found.counts.get(path, len(hits)) - len(here):
            rows.append(f"  … {left} more in this file")
    total = found.total
    if shown < total or found.cut_off:
        narrow = "a narrower path, glob or pattern" if query.path == "." else "a narrower pattern"
        why = " before time ran out" if found.cut_off else ""
        rows.append(
            f"[… {shown} of {total} matches in {_files(len(found.counts))} shown{why};"
            f" use {narrow} …]"
        )
    return "\n".join(rows)


def _lines(hits: list[Hit], known: list[symbols.Symbol]) -> list[str]:
    """Return the lines, each new enclosing definition named once."""
    rows = []
    last = ""
    for hit in hits:
        around = symbols.enclosing(known, hit.line)
        name = around.name if around and around.start_line != hit.line else ""
        label = f" ({name})" if name and name != last else ""
        last = name or (around.name if around else "")
        rows.append(f"  {hit.line}{label}: {cut_line(hit.text.strip(), WIDTH, hit.column)}")
    return rows


def _definitions(context: ToolContext, path: str) -> list[symbols.Symbol]:
    try:
        view = context.workspace.read(path, PARSED_SIZE)
        return [] if view.truncated else symbols.definitions(path, TextFile.decode(view.data).text)
    except (PathError, NotText):
        return []  # the file went, or is odd: the match is shown without it


async def _nothing(context: ToolContext, query: Query, found: Matches, note: str) -> ToolResult:
    """Say that nothing matches, and what would."""
    where = "" if query.path == "." else f" in {query.path}"
    which = f" matching {query.glob}" if query.glob else ""
    rows = [note] if note else []
    searched = await asyncio.to_thread(_searched, context, query)
    rows.append(f"no match for `{query.pattern}`{where} ({_files(searched)}{which} searched)")
    if found.cut_off:
        rows.append("time ran out before all files were searched; give a narrower path")
    if not query.ignore_case:
        other = await grep(context, replace(query, ignore_case=True))
        if other.total:
            path, hits = next(iter(other.hits.items()))
            rows.append(
                f"{_count(other.total, 'line matches', 'lines match')} with ignore_case=true,"
                f" first {path}:{hits[0].line}: {cut_line(hits[0].text.strip(), WIDTH)}"
            )
    if query.glob and not searched:
        rows.append("no file fits the glob; try another, or none")
    if names := await asyncio.to_thread(_named, context, query):
        rows.append(names)
    return ToolResult(text="\n".join(rows), summary="no match")


def _searched(context: ToolContext, query: Query) -> int:
    return sum(1 for _ in islice(files(context, query.path, query.glob), FILES))


def _named(context: ToolContext, query: Query) -> str:
    """Return the files whose name fits a pattern that looks like one."""
    if not _FILE_NAME.fullmatch(query.pattern):
        return ""
    wanted = query.pattern.replace("\\", "").lower()
    fitting = (
        path
        for path in files(context, query.path)
        if fnmatch.fnmatchcase(path.lower(), f"*{wanted}*")
    )
    names = list(islice(fitting, NAMES + 1))
    more = ", …" if len(names) > NAMES else ""
    return f"files named so: {', '.join(names[:NAMES])}{more}" if names else ""


def _list(context: ToolContext, path: str, glob: str) -> ToolResult:
    names = list(files(context, path, glob))
    text = "\n".join(names[:LISTED])
    if len(names) > LISTED:
        text += f"\n[… {LISTED} of {len(names)} files shown; use a narrower path or glob …]"
    return ToolResult(text=text or "no such file", summary=_files(len(names)))

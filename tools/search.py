"""Search the workspace, by ripgrep where it is installed."""

from __future__ import annotations

import asyncio
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from sandbox.base import SandboxError
from sandbox.workspace import PathError
from tools import symbols
from tools.base import Brief, Effect, Frozen, Names, Tool, ToolContext, ToolError, ToolResult
from tools.files import effects_at, refusals
from tools.grep import BadPattern, Hit, Matches, Query, files, grep, names
from tools.likely import REST, Asked, asked, kind_of
from tools.provenance import origin_of
from tools.textfile import NotText, TextFile
from tools.truncate import cut_line

WIDTH = 200  # characters of a line that are shown
PARSED = 8  # files in which the definition around a match is looked up
PARSED_SIZE, PARSED_ALL = 200_000, 300_000  # bytes of one, and of all until no other is parsed
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
        try:
            return await _answer(context, query, min(max(args.limit, 1), MOST))
        except SandboxError as error:
            raise ToolError(f"search cannot run here: {error}") from error


async def _answer(context: ToolContext, query: Query, limit: int) -> ToolResult:
    named = asyncio.ensure_future(_named(context, query))  # beside the search, not behind it
    try:
        query, found, note = await _found(context, query)
        if not found.total:
            return await _nothing(context, query, found, note, await named)
        text = await asyncio.to_thread(_render, context, query, found, limit)
        text = "\n".join(part for part in (note, text, await named) if part)
        return ToolResult(text=text, summary=_told(found))
    finally:
        named.cancel()
        await asyncio.gather(named, return_exceptions=True)


async def _found(context: ToolContext, query: Query) -> tuple[Query, Matches, str]:
    """Return what matches, as a regular expression or as plain text, and a note of the latter."""
    try:
        found = await grep(context, query)
    except BadPattern as error:
        query = replace(query, literal=True)
        note = f"[not a regular expression ({error}); searched as plain text]"
        return query, await grep(context, query), note
    if not found.total and re.escape(query.pattern) != query.pattern:
        plain = await grep(context, replace(query, literal=True))
        if plain.total:
            return query, plain, "[no match as a regular expression; searched as plain text]"
    return query, found, ""


def _told(found: Matches) -> str:
    return f"{_count(found.total, 'match', 'matches')} in {_files(len(found.counts))}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _files(number: int) -> str:
    return _count(number, "file", "files")


def _render(context: ToolContext, query: Query, found: Matches, limit: int) -> str:
    """Return the matches grouped by file, every file getting its share of the limit.

    The files that probably define what is looked for come first, then other sources, tests, the
    rest.
    """
    share = max(3, limit // max(1, len(found.files)))
    rows: list[str] = []
    shown = parsed = 0
    for number, path in enumerate(_in_order(found)):
        if shown == limit:
            break
        parse = number < PARSED and parsed < PARSED_ALL
        source = _Source.read(context, path) if parse else _Source(path)
        parsed += source.size
        hits = _definitions_first(found.hits(path), source, found.asked)
        here = hits[: min(share, limit - shown)]
        shown += len(here)
        rows.append(path)
        rows += _lines(here, source)
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
    elif total > 1:  # a small model does not count what it is shown
        rows.append(f"[{_told(found)}]")
    return "\n".join(rows)


def _in_order(found: Matches) -> list[str]:
    """Return the files by how likely they are what was looked for."""
    defining = found.defining()

    def likely(path: str) -> tuple[bool, int, str]:
        kind = kind_of(path)
        return not (path in defining and kind != REST), kind, path

    return sorted(found.files, key=likely)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file with matches: its definitions, where it was parsed, and which lines name them."""

    path: str
    known: tuple[symbols.Symbol, ...] = ()
    heads: Mapping[int, symbols.Symbol] = field(default_factory=dict)
    size: int = 0  # characters, where it was parsed

    @classmethod
    def read(cls, context: ToolContext, path: str) -> _Source:
        try:
            view = context.workspace.read(path, PARSED_SIZE)
            if view.truncated:
                return cls(path)
            text = TextFile.decode(view.data).text
        except (PathError, NotText):
            return cls(path)  # it went, or is odd: the match is shown without it
        known = tuple(symbols.definitions(path, text))
        heads = {}
        for each in known:
            at = text.find(each.short, each.head, each.end)
            heads[text.count("\n", 0, max(at, each.head)) + 1] = each
        return cls(path, known, heads, len(text) if known else 0)

    def defined(self, hit: Hit, asked: Asked) -> str:
        """Return the name of what a line defines, where it is what was asked for."""
        found = self.heads.get(hit.line)
        if found is not None and symbols.find([found], asked.name):
            return found.name
        probably = asked.value if self.known else asked
        matches = probably.search if isinstance(probably, re.Pattern) else probably.defined_by
        return asked.short if kind_of(self.path) != REST and matches(hit.text) else ""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that matches, and the name of what it defines if that was looked for."""

    hit: Hit
    defines: str = ""


def _definitions_first(hits: list[Hit], source: _Source, asked: Asked | None) -> list[_Line]:
    lines = [_Line(hit, source.defined(hit, asked) if asked else "") for hit in hits]
    return sorted(lines, key=lambda line: not line.defines)


def _lines(lines: list[_Line], source: _Source) -> list[str]:
    """Return the lines, each new enclosing definition named once."""
    rows = []
    last = ""
    for line in lines:
        hit = line.hit
        around = symbols.enclosing(source.known, hit.line)
        name = around.name if around and around.start_line != hit.line else ""
        label = f" ({name})" if name and name != last else ""
        label = f" defines {line.defines}" if line.defines else label
        last = name or (around.name if around else "")
        rows.append(f"  {hit.line}{label}: {cut_line(hit.text.strip(), WIDTH, hit.column)}")
    return rows


async def _nothing(
    context: ToolContext, query: Query, found: Matches, note: str, named: str
) -> ToolResult:
    """Say that nothing matches, and what would."""
    where = "" if query.path == "." else f" in {query.path}"
    which = f" matching {query.glob}" if query.glob else ""
    rows = [note] if note else []
    every, other = await asyncio.gather(names(context, query), _in_any_case(context, query, found))
    searched = len(every)
    rows.append(f"no match for `{query.pattern}`{where} ({_files(searched)}{which} searched)")
    if found.cut_off:
        rows.append("time ran out before all files were searched; give a narrower path")
    elif defined := await _defined(context, query):
        rows += defined
    elif other.total and (hits := other.hits(path := _in_order(other)[0])):
        hit = hits[0]
        rows.append(
            f"{_count(other.total, 'line matches', 'lines match')} with ignore_case=true,"
            f" first {path}:{hit.line}: {cut_line(hit.text.strip(), WIDTH)}"
        )
    if query.glob and not searched:
        rows.append("no file fits the glob; try another, or none")
    if named:
        rows.append(named)
    return ToolResult(text="\n".join(rows), summary="no match")


async def _in_any_case(context: ToolContext, query: Query, found: Matches) -> Matches:
    """Return what matches in any case; what was found where that was so, or took too long."""
    if query.ignore_case or found.cut_off:
        return found
    return await grep(context, replace(query, ignore_case=True))


async def _defined(context: ToolContext, query: Query) -> list[str]:
    """Return the definitions of a name of several parts, or of one asked for in another form."""
    wanted = asked(query.pattern)
    if wanted is None or wanted.short == query.pattern:
        return []
    found = await grep(context, replace(query, pattern=rf"\b{wanted.short}\b"))

    def look() -> list[str]:
        rows = []
        for path in _in_order(found)[:PARSED]:
            source = _Source.read(context, path)
            for hit in found.hits(path):
                if hit.line in source.heads and (name := source.defined(hit, wanted)):
                    rows += [path, *_lines([_Line(hit, name)], source)]
        return rows[: 2 * NAMES]

    return await asyncio.to_thread(look)


async def _named(context: ToolContext, query: Query) -> str:
    """Return the files whose name fits a pattern that looks like one."""
    if not _FILE_NAME.fullmatch(query.pattern):
        return ""
    wanted = f"*{query.pattern.replace(chr(92), '').lower()}*"
    every = await names(context, replace(query, glob=""))
    fitting = sorted(path for path in every if fnmatch.fnmatchcase(path.lower(), wanted))
    more = ", …" if len(fitting) > NAMES else ""
    return f"files named so: {', '.join(fitting[:NAMES])}{more}" if fitting else ""


def _list(context: ToolContext, path: str, glob: str) -> ToolResult:
    names = list(files(context, path, glob))
    text = "\n".join(names[:LISTED])
    if len(names) > LISTED:
        text += f"\n[… {LISTED} of {len(names)} files shown; use a narrower path or glob …]"
    return ToolResult(text=text or "no such file", summary=_files(len(names)))

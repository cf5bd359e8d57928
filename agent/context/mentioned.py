"""What a prompt mentions with `@`, found in the repository: a table of kinds.

    @src/cart.py  @src/cart.py:10-40  @"a name.md"  @src/  @Cart.total  @diff  @failing

Only what exists counts: an address, a decorator in pasted code, the scope of a package stay text.
Of a path that has the looks of a file's and is none, its nearest names are told.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from agent.context.index import Index, State
from agent.context.reading import key
from agent.images import BYTES, picture
from agent.messages import Image
from agent.proof import Counted
from sandbox.workspace import PathError
from tools import symbols
from tools.base import ToolContext, ToolError
from tools.check import describe
from tools.diffs import unified
from tools.git import uncommitted
from tools.likely import is_test
from tools.provenance import origin_of
from tools.read import READ, continued
from tools.report import CheckReport
from tools.textfile import NotText, TextFile
from tools.truncate import cut_line, split_lines

MOST = 20  # mentions of one prompt
READ_OF_PROMPT = 100_000  # characters
AROUND = 10  # lines before and after one that is mentioned alone
LISTED = 100  # files of a folder
DEFINED = 3  # definitions of one name that are shown
SYMBOL_SECONDS = 4.0  # for bringing the index up to date
SYMBOL_FILES = 30  # that are parsed for one name
DIFF_SECONDS = 20.0
NEW_FILES, NEW_BYTES = 100, 200_000  # files that git does not know yet, and the bytes of one

_FENCE = re.compile(r"^[ \t]*(```+|~~~+).*?(?:^[ \t]*\1|\Z)", re.M | re.S)
_DECORATOR = re.compile(
    r"^[ \t]*@[\w.]+(?:\(.*\))?[ \t]*\n(?=\s*(?:@|(?:async|def|class|export|public|private|static"
    r"|protected|final|abstract|function|fun|interface)\b))",
    re.M,
)
_MENTION = re.compile(
    r"""(?<![^\s(\[{"'`,;:])@(?:"([^"\n]{1,300})"(:\d+(?:-\d+)?)?|([^\s"'`<>,;]{1,300}))"""
)
_LINES = re.compile(r"(.+?):(\d{1,7})(?:-(\d{1,7}))?(?::\d+)?")
_NAME = re.compile(r"[^\W\d]\w*(?:(?:\.|::|#)[^\W\d]\w*)*(?:\(\))?")
_FILE = re.compile(r"(?:[\w.+-]+/)+[\w.+-]*\w\.[A-Za-z]\w{0,9}")
_CLOSING = ".,:;!?)]}*_"  # what a sentence puts behind a name
_STRIPPED = 6  # such signs that are taken off


@dataclass(frozen=True, slots=True)
class Mention:
    """One reading of an `@`: what stands behind it, and the lines asked for, 0 for all."""

    name: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Something that was mentioned: its lines, and what says how to go on where they are cut.

    `first` is the number of its first line within the file at `path`, `of` how many that has.
    """

    title: str
    lines: tuple[str, ...] = ()
    rest: Callable[[int], str] = field(default=lambda shown: "[… cut …]", compare=False)
    origin: str = ""  # where somebody else wrote it
    path: str = ""
    first: int = 1
    of: int = 0
    sha256: str = ""
    image: Image | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Where mentions are looked for; `checked` is what the last check of the session said."""

    tools: ToolContext
    cache: Path
    checked: CheckReport | Counted | None = None
    below: str = "."  # the folder that the user is in, from the top
    patience: float = SYMBOL_SECONDS
    indexed: list[State] = field(default_factory=list)  # how far the index is, once it was asked


Found = tuple[Part, ...]
Kind = Callable[[Mention, World], Awaitable[Found]]
"""Returns what a mention stands for, nothing where it is not of this kind."""


def mentions_in(prompt: str) -> list[tuple[Mention, ...]]:
    """Return what follows each `@` that may mention something, each in all its readings.

    What is fenced is pasted, and so is a decorator above a definition.
    """
    prompt = _DECORATOR.sub("\n", _FENCE.sub("\n", prompt[:READ_OF_PROMPT]))
    found: dict[tuple[Mention, ...], None] = {}
    for match in _MENTION.finditer(prompt):
        quoted, lines, word = match.groups()
        found[tuple(_readings(f"{quoted}{lines or ''}" if quoted else word))] = None
    return list(found)


def _readings(word: str) -> Iterator[Mention]:
    for _ in range(_STRIPPED):
        yield Mention(word)  # a name may end so
        if (lines := _LINES.fullmatch(word)) is not None:
            ends = sorted((int(lines[2]), int(lines[3] or 0)))
            yield Mention(lines[1], *(ends if lines[3] else ends[::-1]))
        if not word[:-1] or word[-1] not in _CLOSING:
            break
        word = word[:-1]


async def find(prompt: str, world: World) -> list[Part]:
    """Return what a prompt mentions, in its order; what is not there is left to be read as text."""
    parts: dict[Part, None] = {}
    wanted = mentions_in(prompt)
    for readings in wanted[:MOST]:
        parts |= dict.fromkeys(await _one(readings, world))
    if len(wanted) > MOST:
        parts[Part(f"[… {len(wanted) - MOST} more mentions were not looked up …]")] = None
    return list(parts)


async def _one(readings: tuple[Mention, ...], world: World) -> Found:
    for kind in KINDS:
        for mention in readings:
            if found := await kind(mention, world):
                return found
    return ()


# -- what is changed, and what fails


async def _diff(mention: Mention, world: World) -> Found:
    if mention != Mention("diff"):
        return ()
    try:
        async with asyncio.timeout(DIFF_SECONDS):
            diff, new = await uncommitted(world.tools)
            added = await asyncio.to_thread(lambda: list(_added(new, world)))
    except TimeoutError:
        return (Part("@diff: git took too long; continue with git action=status"),)
    except ToolError as error:
        return (Part(f"@diff: {error}"),)
    lines = "".join([diff if diff.endswith("\n") or not diff else f"{diff}\n", *added]).splitlines()
    if not lines:
        return (Part("@diff: nothing is changed"),)
    lines = [cut_line(line) for line in lines]
    tracked = sum(1 for _ in split_lines(diff))
    title = "@diff, what is changed in the working tree against HEAD:"
    return (Part(title, tuple(lines), lambda shown: _rest_of_diff(lines, shown, tracked)),)


def _added(names: list[str], world: World) -> Iterator[str]:
    """Yield the diff of each new file; of what others wrote there is none, nor of data."""
    workspace, created = world.tools.workspace, world.tools.memory.created
    count = 0
    for name in names:
        try:
            if workspace.kind(name) != "file" or origin_of(workspace, name, created):
                continue
            count += 1
            if count > NEW_FILES:
                continue
            view = workspace.read(name, NEW_BYTES)
            text = TextFile.decode(view.data).text
        except (PathError, NotText):
            yield f"new file {name}, which is not shown\n"
            continue
        yield unified(name, "", text) or f"new file {name}, empty\n"
        if view.truncated:
            yield f"[… new file {name}: {view.size:,} bytes …]\n"
    if count > NEW_FILES:
        yield f"[… {count - NEW_FILES} more new files …]\n"


def _rest_of_diff(lines: list[str], shown: int, tracked: int) -> str:
    """Return what is cut of a diff: how many lines, in which files, and the call for the first."""
    names = [
        (at, line[6:].rstrip("\t"))
        for at, line in enumerate(lines)
        if line.startswith("+++ b/") or line.startswith("--- a/")
    ]
    before = [name for at, name in names if at < shown]
    cut = dict.fromkeys([*before[-1:], *(name for at, name in names if at >= shown)])
    which = ", ".join(islice(cut, 3)) + (f" and {len(cut) - 3} more" if len(cut) > 3 else "")
    first = next(iter(cut), "")
    how = f'git action=diff paths=["{first}"]' if shown < tracked else f"read path={first}"
    which, how = (f", of {which}", how) if first else ("", "git action=diff")
    return f"[… {len(lines) - shown} more lines{which}; continue with {how} …]"


async def _failing(mention: Mention, world: World) -> Found:
    if mention != Mention("failing"):
        return ()
    checked = world.checked
    if checked is None:
        return (Part("@failing: no check ran yet in this session"),)
    if isinstance(checked, Counted):
        names = f": {', '.join(checked.failing)}" if checked.failing else ""
        title = f"@failing: the last check in this session had {checked.counts}{names}"
        return (Part(f"{title}; what it said of them was not kept, check tells it again"),)
    title = "@failing: " if checked.failed or not checked.green else "@failing: nothing failed; "
    title += "what the last check in this session said:"
    lines = tuple(cut_line(line) for line in describe(checked, []).split("\n"))
    return (
        Part(
            title,
            lines,
            lambda shown: f"[… {len(lines) - shown} more lines; run one test with check …]",
            origin=", ".join(checked.reached),
        ),
    )


# -- files, folders and definitions


async def _place(mention: Mention, world: World) -> Found:
    return await asyncio.to_thread(_file_or_folder, mention, world)


def _file_or_folder(mention: Mention, world: World) -> Found:
    workspace = world.tools.workspace
    for name in dict.fromkeys((mention.name, f"{world.below}/{mention.name}")):
        try:
            path = workspace.locate(name)
            kind = workspace.kind(path)
        except PathError:
            continue  # outside, which a mention does not reach
        if kind == "directory" and not mention.start and path != ".":
            return (_folder(path, world),)
        if kind in ("file", "link"):
            try:
                return (_file(path, mention, world),)
            except PathError as error:
                return (Part(f"@{mention.name}: {error}"),)
    return ()


def _folder(path: str, world: World) -> Part:
    files = list(islice(world.tools.workspace.walk(path), LISTED + 1))
    more = f"[… more; use search with path={path} and a glob …]"
    rest = (more,) if len(files) > LISTED else ()
    origin = origin_of(world.tools.workspace, path, world.tools.memory.created)
    lines = (*files[:LISTED], *rest)
    return Part(f"{path}, its files:", lines, lambda shown: more, origin)


def _file(path: str, mention: Mention, world: World) -> Part:
    """Return a file or lines of it; raises PathError for what cannot be read."""
    view = world.tools.workspace.read(path, READ)
    origin = origin_of(world.tools.workspace, path, world.tools.memory.created)
    if view.size <= BYTES and (image := picture(view.data)) is not None:
        return Part(f"{path}, a picture", origin=origin, image=image)
    try:
        lines = TextFile.decode(view.data).text.split("\n")
    except NotText as error:
        return Part(f"@{path} is {error}, {view.size:,} bytes; it is not shown")
    if lines[-1] == "":
        lines.pop()
    if view.truncated:
        lines[-1:] = [f"[… only the first {READ >> 20} MB of {view.size:,} bytes can be read …]"]
    start, end = mention.start or 1, mention.end or len(lines)
    if mention.start and not mention.end:
        start, end = max(1, start - AROUND), start + AROUND
    if mention.start > len(lines) or not lines:
        return Part(f"@{path} has {len(lines)} lines" if lines else f"@{path} is empty")
    return _lines_of(path, lines, start, min(end, len(lines)), origin, view.sha256)


def _lines_of(
    path: str, lines: list[str], start: int, end: int, origin: str = "", sha256: str = ""
) -> Part:
    return Part(
        title="",
        lines=tuple(cut_line(line) for line in lines[start - 1 : end]),
        rest=lambda shown: continued(path, end - start + 1 - shown, start + shown),
        origin=origin,
        path=path,
        first=start,
        of=len(lines),
        sha256=sha256,
    )


async def _symbol(mention: Mention, world: World) -> Found:
    if mention.start or not _NAME.fullmatch(mention.name):
        return ()
    return await asyncio.to_thread(_definitions, mention.name, world)


def _definitions(name: str, world: World) -> Found:
    """Return the definitions of a name, those of tests last, as they are in the files now."""
    workspace = world.tools.workspace
    parts: list[Part] = []
    others: list[str] = []
    for path in _defining(name, world)[:SYMBOL_FILES]:
        try:
            view = workspace.read(path, READ)
            text = TextFile.decode(view.data).text
        except (PathError, NotText):
            continue
        for each in symbols.find(symbols.definitions(path, text), name):
            if len(parts) < DEFINED:
                lines = text.removesuffix("\n").split("\n")
                part = _lines_of(path, lines, each.start_line, each.end_line)
                parts.append(replace(part, sha256=view.sha256))
            else:
                others.append(f"{path}:{each.start_line}")
    if others:
        more = f", and {len(others) - LISTED} more" if len(others) > LISTED else ""
        parts.append(Part(f"@{name} is also defined at {', '.join(others[:LISTED])}{more}"))
    if not parts and (state := world.indexed[0]).partial:
        read = f"{state.known:,} of {state.files:,} sources"
        parts.append(Part(f"@{name} is not in the {read} that were read so far; use search"))
    return tuple(parts)


def _defining(name: str, world: World) -> list[str]:
    """Return the files that define a name by its last part, as far as the index knows."""
    short = symbols.plain_name(name).rpartition(".")[2]
    workspace = world.tools.workspace
    with Index.of(workspace, world.cache) as index:
        if not world.indexed:  # once for all names of a prompt
            world.indexed.append(index.update(workspace, time.monotonic() + world.patience))
        files = {file for _, file, _, _ in index.places([key(short)])}
        paths = index.paths() if files else {}
    return sorted((paths[file][0] for file in files), key=lambda path: (is_test(path), path))


async def _missing(mention: Mention, world: World) -> Found:
    if not _FILE.fullmatch(mention.name):
        return ()
    try:
        near = await asyncio.to_thread(world.tools.workspace.near, mention.name)
    except PathError:
        return ()  # outside, which a mention does not reach
    hint = f"; near: {', '.join(near)}" if near else ""
    return (Part(f"@{mention.name}: no such file{hint}"),)


KINDS: tuple[Kind, ...] = (_diff, _failing, _place, _symbol, _missing)

"""Matches of a pattern in the files of the workspace: ripgrep's, or our own program's."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sandbox.base import Command, Limits
from sandbox.environment import trusted_program
from sandbox.names import raw, show
from sandbox.workspace import DEPENDENCY_FOLDERS
from tools.base import ToolContext
from tools.likely import Asked, asked

SECONDS = 20.0
KEPT = 32 << 20  # bytes kept of all matches, which are counted
KEPT_EACH = 1000  # matches kept of one file
TESTED = 10_000  # matches of which it is looked whether they define what is looked for
LOOKED_AT = 2000  # bytes of such a line
LARGEST = "20M"
FILES = 200_000  # files handed to our own program


class BadPattern(Exception):
    """The pattern is no regular expression; the message says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for and where; `path` is in its one form. `literal` takes it as plain text."""

    pattern: str
    path: str = "."
    glob: str = ""
    ignore_case: bool = False
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One line that matches; `column` counts characters from 0."""

    line: int
    text: str
    column: int = 0


@dataclass(slots=True)
class Matches:
    """What was found. `counts` has the matching lines of every file, `hits` gives what was kept."""

    asked: Asked | None = None  # what is looked for, where it is a name
    counts: dict[str, int] = field(default_factory=dict)
    cut_off: bool = False  # time ran out
    _kept: dict[str, list[bytes]] = field(default_factory=dict)
    _path: str = ""  # the file that is being told
    _room: int = KEPT

    @property
    def total(self) -> int:
        """Lines that match, in all files."""
        return sum(self.counts.values())

    @property
    def files(self) -> list[str]:
        """The files with a match, in order."""
        return sorted(self._kept)

    def take(self, line: bytes) -> None:
        """Take one JSON line of the search program's."""
        if line.startswith(b'{"type":"match"'):
            self._match(line)
        elif line.startswith(b'{"type":"begin"'):
            self._path = _path(json.loads(line)["data"]["path"])
            self._kept.setdefault(self._path, [])
        elif line.startswith(b'{"type":"end"'):
            data = json.loads(line)["data"]
            if matched := data["stats"]["matched_lines"]:
                self.counts[_path(data["path"])] = matched

    def _match(self, line: bytes) -> None:
        """Keep a line as it came: a search may find a hundred thousand, and a few are shown."""
        here = self._kept[self._path]
        if len(here) < KEPT_EACH and len(line) <= self._room:
            here.append(line)
            self._room -= len(line)

    def defining(self) -> set[str]:
        """Return the files with a line that probably defines what is looked for.

        None where no name is, and none where so many lines match that it would take long.
        """
        if self.asked is None or self.total > TESTED:
            return set()
        test = self.asked.defined_by
        return {
            path
            for path, lines in self._kept.items()
            if any(test(line[:LOOKED_AT].decode(errors="replace")) for line in lines)
        }

    def hits(self, path: str) -> list[Hit]:
        """Return the lines of a file that were kept."""
        return [hit for line in self._kept.get(path, ()) for hit in _hits(line)]

    def settle(self) -> None:
        """Count what was kept of files whose end was never reported."""
        for path, lines in self._kept.items():
            self.counts.setdefault(path, len(lines))


def _hits(line: bytes) -> Iterator[Hit]:
    data = json.loads(line)["data"]
    text = _bytes(data["lines"])
    start = data["submatches"][0]["start"] if data["submatches"] else 0
    column = len(text[:start].decode(errors="replace"))
    first = data["line_number"] or 0
    # a match over several lines comes with all of them
    for number, part in enumerate(_decode(text).rstrip("\r\n").split("\n"), first):
        yield Hit(number, part.rstrip("\r"), column if number == first else 0)


def _bytes(value: dict[str, str]) -> bytes:
    if "text" in value:
        return value["text"].encode(errors="surrogateescape")
    return base64.b64decode(value["bytes"])


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _path(value: dict[str, str]) -> str:
    return show(os.fsdecode(_bytes(value))).removeprefix("./")


def ripgrep(context: ToolContext) -> str:
    """Return the absolute path of a ripgrep that no workspace folder holds, or nothing."""
    workspace = context.workspace
    return str(trusted_program("rg", (workspace.root, *workspace.extra)) or "")


def files(context: ToolContext, path: str, glob: str = "") -> Iterator[str]:
    """Yield the files below `path` whose path fits the glob, as git would read it."""
    found = context.workspace.walk(path)
    if not glob:
        yield from found
        return
    import pathspec

    spec = pathspec.PathSpec.from_lines("gitignore", [glob])
    yield from (each for each in found if spec.match_file(each))


async def grep(context: ToolContext, query: Query, program: str | None = None) -> Matches:
    """Search by `program`: ripgrep where it is found, nothing for our own.

    Raises BadPattern, and SandboxError when no program can be run.
    """
    if program := ripgrep(context) if program is None else program:
        matches, said = await _run(context, query, _ripgrep(program, query), b"")
        if "regex parse error" not in said and "error parsing" not in said:
            return matches
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the model's pattern
            re.compile("" if query.literal else query.pattern)
    except re.error as error:
        raise BadPattern(str(error)) from error
    # no ripgrep, or a look-around or a back-reference, which it does not know
    found = files(context, query.path, query.glob)
    paths = await asyncio.to_thread(lambda: list(islice(found, FILES)))
    options: dict[str, Any] = {
        "pattern": query.pattern,
        "literal": query.literal,
        "ignore_case": query.ignore_case,
    }
    stdin = json.dumps(options).encode() + b"\n"
    stdin += b"".join(os.fsencode(raw(name)) + b"\0" for name in paths)
    source = Path(__file__).with_name("_grep.py").read_text()
    # the interpreter behind a virtual environment: what the sandbox shows of /tmp may lack ours
    python = os.path.realpath(sys.executable)  # noqa: ASYNC240 one look-up
    matches, said = await _run(
        context, query, (python, "-I", "-S", "-W", "ignore", "-c", source), stdin
    )
    if said:  # a failure of ours, not of the call
        raise RuntimeError(f"the search program failed: {said[-500:]}")
    return matches


async def names(context: ToolContext, query: Query) -> list[str]:
    """Return the files that are searched, at most `FILES`; those of a large tree by ripgrep too.

    Raises SandboxError when it cannot be run.
    """
    program = ripgrep(context)
    if not program:
        found = files(context, query.path, query.glob)
        return await asyncio.to_thread(lambda: list(islice(found, FILES)))
    listed = bytearray()
    argv = (program, "--files", "--null", *_where(query), "--", _below(query))
    await context.sandbox.run(_command(context, argv, b""), listed.extend)
    found = (show(os.fsdecode(bytes(name))) for name in listed.split(b"\0") if name)
    return [name.removeprefix("./") for name in islice(found, FILES)]


def _ripgrep(program: str, query: Query) -> tuple[str, ...]:
    argv = [program, "--json", "--crlf", *_where(query)]
    argv.append("--ignore-case" if query.ignore_case else "--case-sensitive")
    if query.literal:
        argv.append("--fixed-strings")
    if "\n" in query.pattern or r"\n" in query.pattern:
        argv.append("--multiline")
    return (*argv, "--", query.pattern, _below(query))


def _where(query: Query) -> list[str]:
    """Return the options that say which files are searched, in any order: in threads of its own."""
    argv = ["--no-config", "--hidden", "--no-require-git", "--no-ignore-global", "--no-ignore-dot"]
    argv.append(f"--max-filesize={LARGEST}")
    if query.glob:
        argv.append(f"--glob={query.glob}")
    argv.append("--glob=!.git")
    if not set(query.path.split("/")) & DEPENDENCY_FOLDERS:
        argv += [f"--glob=!**/{name}/" for name in sorted(DEPENDENCY_FOLDERS)]
    else:
        argv.append("--no-ignore")
    return argv


def _below(query: Query) -> str:
    path = query.path if query.path.startswith("/") else f"./{query.path}"
    return raw("./" if query.path == "." else path)


async def _run(
    context: ToolContext, query: Query, argv: tuple[str, ...], stdin: bytes
) -> tuple[Matches, str]:
    """Run a search program; returns the matches and whatever else it said."""
    matches = Matches(asked(query.pattern))
    said: list[str] = []
    rest = bytearray()

    def write(data: bytes) -> None:
        rest.extend(data)
        if b"\n" not in data:
            return
        *lines, last = rest.split(b"\n")
        rest[:] = last
        for line in lines:
            if line.startswith(b"{"):
                matches.take(bytes(line))
            elif len(said) < 50:
                said.append(line.decode(errors="replace"))

    result = await context.sandbox.run(_command(context, argv, stdin), write)
    matches.cut_off = result.timed_out
    matches.settle()
    return matches, "\n".join(said)


def _command(context: ToolContext, argv: tuple[str, ...], stdin: bytes) -> Command:
    return Command(
        argv=argv,
        cwd=context.workspace.root,
        stdin=stdin,
        read_only=True,
        limits=Limits(wall_s=SECONDS),
    )

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

SECONDS = 20.0
KEPT = 2000  # matches kept of all that are counted
KEPT_EACH = 200  # of one file
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
    """What was found. `counts` has the matching lines of every file, `hits` what was kept."""

    hits: dict[str, list[Hit]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    cut_off: bool = False  # time ran out
    _kept: int = 0

    @property
    def total(self) -> int:
        """Lines that match, in all files."""
        return sum(self.counts.values())

    def take(self, line: bytes) -> None:
        """Take one JSON line of the search program's."""
        if line.startswith(b'{"type":"match"'):
            self._match(line)
        elif line.startswith(b'{"type":"end"'):
            data = json.loads(line)["data"]
            if matched := data["stats"]["matched_lines"]:
                self.counts[_path(data["path"])] = matched

    def _match(self, line: bytes) -> None:
        if self._kept >= KEPT:
            return
        data = json.loads(line)["data"]
        kept = self.hits.setdefault(_path(data["path"]), [])
        if len(kept) >= KEPT_EACH:
            return
        text = _bytes(data["lines"])
        start = data["submatches"][0]["start"] if data["submatches"] else 0
        column = len(text[:start].decode(errors="replace"))
        first = data["line_number"] or 0
        # a match over several lines comes with all of them
        for number, part in enumerate(_decode(text).rstrip("\r\n").split("\n"), first):
            kept.append(Hit(number, part.rstrip("\r"), column if number == first else 0))
            self._kept += 1

    def settle(self) -> None:
        """Count what was kept of files whose end was never reported."""
        for path, hits in self.hits.items():
            self.counts.setdefault(path, len(hits))


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
        matches, said = await _run(context, _ripgrep(program, query), b"")
        if "regex parse error" not in said and "error parsing" not in said:
            return matches
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the model's pattern
            re.compile("" if query.literal else query.pattern)
    except re.error as error:
        raise BadPattern(str(error)) from error
    # no ripgrep, or a look-around or a back-reference, which it does not know
    names = await asyncio.to_thread(
        lambda: list(islice(files(context, query.path, query.glob), FILES))
    )
    options: dict[str, Any] = {
        "pattern": query.pattern,
        "literal": query.literal,
        "ignore_case": query.ignore_case,
    }
    stdin = json.dumps(options).encode() + b"\n"
    stdin += b"".join(os.fsencode(raw(name)) + b"\0" for name in names)
    source = Path(__file__).with_name("_grep.py").read_text()
    # the interpreter behind a virtual environment: what the sandbox shows of /tmp may lack ours
    python = os.path.realpath(sys.executable)  # noqa: ASYNC240 one look-up
    matches, said = await _run(context, (python, "-I", "-S", "-W", "ignore", "-c", source), stdin)
    if said:  # a failure of ours, not of the call
        raise RuntimeError(f"the search program failed: {said[-500:]}")
    return matches


def _ripgrep(program: str, query: Query) -> tuple[str, ...]:
    argv = [
        program,
        "--no-config",
        "--json",
        "--sort=path",
        "--hidden",
        "--no-require-git",
        "--crlf",
    ]
    argv += ["--no-ignore-global", "--no-ignore-dot", f"--max-filesize={LARGEST}"]
    argv.append("--ignore-case" if query.ignore_case else "--case-sensitive")
    if query.literal:
        argv.append("--fixed-strings")
    if "\n" in query.pattern or r"\n" in query.pattern:
        argv.append("--multiline")
    if query.glob:
        argv.append(f"--glob={query.glob}")
    argv.append("--glob=!.git")
    if not set(query.path.split("/")) & DEPENDENCY_FOLDERS:
        argv += [f"--glob=!**/{name}/" for name in sorted(DEPENDENCY_FOLDERS)]
    else:
        argv.append("--no-ignore")
    path = query.path if query.path.startswith("/") else f"./{query.path}"
    return (*argv, "--", query.pattern, raw("./" if query.path == "." else path))


async def _run(context: ToolContext, argv: tuple[str, ...], stdin: bytes) -> tuple[Matches, str]:
    """Run a search program; returns the matches and whatever else it said."""
    matches = Matches()
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

    command = Command(
        argv=argv,
        cwd=context.workspace.root,
        stdin=stdin,
        read_only=True,
        limits=Limits(wall_s=SECONDS),
    )
    result = await context.sandbox.run(command, write)
    matches.cut_off = result.timed_out
    matches.settle()
    return matches, "\n".join(said)
